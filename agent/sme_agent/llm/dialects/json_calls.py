"""Calls as JSON: Mistral's, Llama's, our own text mode's, and an answer that is nothing else.

    [TOOL_CALLS][{"name": "look", "arguments": {…}}]     [TOOL_CALLS]look{…}
    <|python_tag|>{"name": "look", "parameters": {…}}    {"name": "look", "parameters": {…}}
    ```tool_call
    {"name": "look", "arguments": {…}}
    ```

Sources: Mistral's tokenizers v3 to v13; the chat template of Llama 3.1 and 3.2.
"""

from __future__ import annotations

import re
from typing import Literal

from sme_agent.llm.dialects.capture import MORE, Desk, Step, announced
from sme_agent.llm.dialects.pieces import Call, Piece
from sme_agent.llm.dialects.tokens import Token

Form = Literal["bare", "python_tag", "mistral", "fence"]

_STOP = re.compile(r"[\"\\{}\[\]]")
_FIRST_KEY = re.compile(r"\s*\[?\s*\{\s*[\"']([^\"']*)[\"']")
_KEYS = frozenset(
    {"name", "tool", "tool_name", "function", "function_name", "type", "id"}
    | {"arguments", "parameters", "args", "input", "params"}
)
_LONGEST_HEAD = 256
_NAME = re.compile(r"\s*[\w.:/-]{0,128}\s*\Z")
_START = re.compile(r"[{\[]")
_LANGUAGES = ("tool_call", "tool_calls", "json")


class JsonScan:
    """Follows the brackets and strings of JSON, to tell where the first value ends."""

    def __init__(self) -> None:
        self.in_string = False
        self._depth = 0
        self._skip = 0

    def feed(self, text: str) -> int:
        """Go on with text; where in it the value ends, -1 if it does not."""
        for stop in _STOP.finditer(text):
            if stop.start() < self._skip:
                continue
            if stop[0] == "\\":
                self._skip = stop.end() + 1 if self.in_string else 0
            elif stop[0] == '"':
                self.in_string = not self.in_string
            elif not self.in_string:
                self._depth += 1 if stop[0] in "{[" else -1
                if self._depth <= 0:
                    return stop.end()
        self._skip = max(0, self._skip - len(text))
        return -1


class JsonCapture:
    """Reads JSON values that may be calls, with what a form has around them."""

    def __init__(self, desk: Desk, form: Form) -> None:
        self._desk = desk
        self._form = form
        self._opened = form == "bare"
        self._prefix = ""
        self._scan: JsonScan | None = None
        self._head: str | None = ""
        self._value: list[str] = []
        self._raw: list[str] = []
        self._ready: list[Call] = []
        self._found = False

    def take(self, token: Token) -> Step:
        """Go on with a token."""
        if not self._opened:
            self._opened = True
        elif token.kind == "text":
            return self._text(token.raw)
        elif self._scan is not None and self._scan.in_string:
            self._scan.feed(token.raw)
            self._value.append(token.raw)
        elif token.kind == "ticks" and self._form == "fence":
            return self._close_fence(token)
        elif token.kind != "mark" or token.word not in ("end", "args"):
            return self._not_it()
        self._raw.append(token.raw)
        return MORE

    def finish(self) -> Step:
        """The text has ended: a value that is not whole is none."""
        if self._scan is None and self._found:
            return Step("done", announced(self._ready))
        return self._not_it("" if self._form == "bare" else "a call breaks off")

    def _not_it(self, broken: str = "") -> Step:
        text = "".join(self._raw)
        return Step("not_it", text=text, broken=broken if text else "")

    def _close_fence(self, token: Token) -> Step:
        raw = "".join([*self._raw, token.raw])
        calls = self._ready
        if self._scan is not None:
            calls = self._desk.calls_of_json("".join(self._value), raw) or []
        if not calls:
            return self._not_it("a call that can't be read")
        return Step("done", announced(calls))

    def _text(self, text: str) -> Step:
        pieces: tuple[Piece, ...] = ()
        while text:
            if self._scan is None:
                start = self._value_start(text)
                if start is None:
                    return Step("done", pieces, "".join(self._raw), rest=text)
                self._raw.append(text[:start])
                text = text[start:]
                if not text:
                    break
                self._scan, self._head, self._value = JsonScan(), "", []
            end = self._scan.feed(text)
            size = end if end >= 0 else len(text)
            self._value.append(text[:size])
            self._raw.append(text[:size])
            if not self._may_be_call(text[:size], whole=end >= 0):
                return Step("done", pieces, "".join(self._raw), rest=text[size:])
            text = text[size:]
            if end >= 0:
                calls = self._calls()
                if not calls:
                    return Step("done", pieces, "".join(self._raw), rest=text)
                pieces += self._keep(calls)
        return Step(pieces=pieces) if pieces else MORE

    def _value_start(self, text: str) -> int | None:
        """Where the next value begins, or the whole length if later; None if none can come."""
        start = _START.search(text)
        at = start.start() if start else len(text)
        if self._found or (not self._raw and self._form == "bare"):
            return at if not text[:at].strip(" \t\r\n;") else None
        self._prefix += text[: min(at, _LONGEST_HEAD)]
        return at if self._prefix_fits(whole=start is not None) else None

    def _prefix_fits(self, *, whole: bool) -> bool:
        if self._form == "mistral":
            return _NAME.match(self._prefix) is not None
        if self._form != "fence":
            return not self._prefix.strip()
        word, line_break, rest = self._prefix.partition("\n")
        if line_break or whole:
            return word.strip() in _LANGUAGES and not rest.strip()
        return any(name.startswith(word.strip()) for name in _LANGUAGES)

    def _may_be_call(self, text: str, *, whole: bool) -> bool:
        """Whether the first key is one that calls have, as far as it can be seen."""
        if self._head is None or (self._prefix.strip() and self._form == "mistral"):
            return True
        self._head += text[:_LONGEST_HEAD]
        key = _FIRST_KEY.match(self._head)
        if key:
            self._head = None
            return key[1] in _KEYS
        return not whole and len(self._head) < _LONGEST_HEAD

    def _calls(self) -> list[Call] | None:
        value, raw = "".join(self._value), "".join(self._raw)
        name = self._prefix.strip()
        if self._form != "mistral" or not name:
            return self._desk.calls_of_json(value, raw, whole=self._form == "bare")
        found = self._desk.declared(name) if self._desk.tools else self._desk.named(name)
        return [self._desk.call_of_text(found, value, raw)] if found else None

    def _keep(self, calls: list[Call]) -> tuple[Piece, ...]:
        """Keep the calls until the rest has been seen, where that matters; else say them."""
        self._scan = None
        self._found = True
        if self._form in ("bare", "fence"):
            self._ready += calls
            return ()
        self._raw = []
        return announced(calls)
