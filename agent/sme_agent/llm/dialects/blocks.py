"""Calls in tags: DSML (DeepSeek V3.2 and V4), Hermes' and Qwen's `<tool_call>`, Qwen3-Coder.

    <｜DSML｜tool_calls>                        <tool_call>
    <｜DSML｜invoke name="look">                <function=look>
    <｜DSML｜parameter name="at" string="true">  <parameter=at>
    x</｜DSML｜parameter>                       x
    </｜DSML｜invoke>                           </parameter></function>
    </｜DSML｜tool_calls>                       </tool_call>

Sources: DeepSeek's encoding/README.md of V3.2 and V4, the chat templates of Qwen2.5 and
Qwen3-Coder, and what vLLM, SGLang and Dynamo take beyond them: tags that are missing or misspelt,
the arguments as one JSON object, a block of JSON.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import Any, Literal

from sme_agent.llm.dialects.capture import MORE, Desk, Step, announced
from sme_agent.llm.dialects.json_calls import JsonScan
from sme_agent.llm.dialects.pieces import Begun, Call, Fault, Piece
from sme_agent.llm.dialects.repair import strict_json
from sme_agent.llm.dialects.tokens import INVOKES, PARAMETERS, WRAPPERS, Token
from sme_agent.llm.dialects.values import parameter_value, property_schema

Role = Literal["wrapper", "invoke", "parameter", "other"]

_WRAPPERISH = re.compile(r"call|tool|func")
_WORD = re.compile(r"[^\W_]")
_WORD_OR_JSON = re.compile(r"[^\W_]|[{\[]")


def role_of(token: Token, desk: Desk) -> Role:
    """What a tag is for. With the mark, misspelt words and names of tools are understood too."""
    named = "name" in token.attributes or "tool" in token.attributes
    if token.word in PARAMETERS:
        return "parameter"
    if token.word in INVOKES:
        return "invoke" if named or token.closing or token.marked else "other"
    if token.marked and not token.closing and (named or token.word in desk.tools):
        return "invoke"
    if token.marked and token.closing and token.word in desk.tools:
        return "invoke"
    if token.word in WRAPPERS or (token.marked and _WRAPPERISH.search(token.word)):
        return "wrapper"
    return "wrapper" if token.marked and token.closing and not token.word else "other"


def called_tool(token: Token, desk: Desk, *, declared: bool = True) -> str | None:
    """The tool that an opening tag names; None if it names none, or none that is declared."""
    given = token.attributes.get("name") or token.attributes.get("tool") or token.word
    return desk.declared(given) if declared else desk.named(given)


@dataclass
class _Parameter:
    name: str
    string: bool | None
    word: str
    marked: bool
    parts: list[str] = field(default_factory=list)

    def ended_by(self, token: Token, role: Role) -> bool:
        """Whether a tag ends the value, rather than being part of it."""
        if self.marked or token.marked:
            return (
                token.marked and role != "other" and not (role == "wrapper" and not token.closing)
            )
        if token.word == self.word:
            return True
        return token.closing and role in ("invoke", "wrapper")


class BlockCapture:
    """Reads one block of calls, or one call that has no block around it."""

    def __init__(self, desk: Desk) -> None:
        self._desk = desk
        self._wrapper: Token | None = None
        self._name: str | None = None
        self._begun = False
        self._values: dict[str, Any] = {}
        self._parameter: _Parameter | None = None
        self._body: list[str] = []
        self._scan = JsonScan()
        self._raw: list[str] = []
        self._calls = 0

    def take(self, token: Token) -> Step:
        """Go on with a token."""
        role = role_of(token, self._desk) if token.kind == "tag" else "other"
        if self._scan.in_string and not token.marked:
            return self._other(token)
        if self._parameter is not None:
            if token.kind != "tag" or not self._parameter.ended_by(token, role):
                self._parameter.parts.append(token.raw)
                return self._kept(token)
            self._end_value(tidy=role in ("invoke", "wrapper"))
            if role == "parameter" and token.closing:
                return self._kept(token)
        if role == "other":
            return self._other(token)
        if role == "parameter":
            return self._kept(token) if token.closing else self._begin_value(token)
        if role == "invoke":
            return self._end_invoke(token) if token.closing else self._begin_invoke(token)
        return self._end_block(token) if token.closing else self._begin_block(token)

    def finish(self) -> Step:
        """The text has ended: a call that was not closed may be cut off, and is none."""
        if self._name is None and self._body and self._json_is_whole():
            return self._end_block(None)
        if self._name is None and self._calls:
            return Step("done")
        text = "" if self._calls else "".join(self._raw)
        return Step("not_it", text=text, broken="a call breaks off")

    def _json_is_whole(self) -> bool:
        try:
            strict_json("".join(self._body))
        except ValueError:
            return False
        return True

    def _kept(self, token: Token, *pieces: Piece) -> Step:
        self._raw.append(token.raw)
        return Step(pieces=pieces) if pieces else MORE

    def _abandon(self, broken: str = "") -> Step:
        return Step("not_it", text="".join(self._raw), broken=broken)

    def _other(self, token: Token) -> Step:
        """Text between the tags: space, JSON, or the sign that this is only talk about calls."""
        if self._body:
            return self._go_on(token, token.raw)
        if token.raw.isspace() or token.kind in ("tag", "mark"):
            return self._kept(token)
        if token.kind == "ticks":
            return self._kept(token) if self._values else self._go_on(token, token.raw)
        found = (_WORD if self._values else _WORD_OR_JSON).search(token.raw)
        if found is None:
            return self._kept(token)
        if found[0] in "{[":
            return self._go_on(token, token.raw[found.start() :])
        return self._talk()

    def _go_on(self, token: Token, json: str) -> Step:
        self._scan.feed(json)
        self._body.append(json)
        return self._kept(token, *self._announce())

    def _talk(self) -> Step:
        """This is talk about calls: what it seemed to open was not opened."""
        self._desk.tally.opened -= self._name is not None
        if self._wrapper is not None and self._wrapper.marked and not self._calls:
            self._desk.tally.blocks -= 1
        return self._abandon("text where a call should be")

    def _announce(self) -> tuple[Piece, ...]:
        if self._begun or self._name is None:
            return ()
        self._begun = True
        return (Begun(self._name),)

    # parameters

    def _begin_value(self, token: Token) -> Step:
        if self._name is None:
            return self._abandon("a parameter without a call")
        string = {"true": True, "false": False}.get(token.attributes.get("string", "").lower())
        name = token.attributes.get("name", "").strip()
        self._parameter = _Parameter(name, string, token.word, token.marked)
        if token.empty:
            self._parameter.parts.append(token.attributes.get("value", ""))
            self._end_value(tidy=False)
        return self._kept(token, *self._announce())

    def _end_value(self, *, tidy: bool) -> None:
        """Keep the value; `tidy` takes away what was to stand between it and the next tag."""
        parameter, self._parameter = self._parameter, None
        if parameter is None or not parameter.name:
            return
        text = "".join(parameter.parts)
        if tidy:
            text = _tidied(text)
        schema = property_schema(self._desk.tools.get(self._name or ""), parameter.name)
        self._values[parameter.name] = parameter_value(text, schema, parameter.string)

    # calls

    def _begin_invoke(self, token: Token) -> Step:
        name = called_tool(token, self._desk, declared=not self._trusted())
        if name and (fault := self._desk.tally.open_invoke()):
            return Step("done", (fault,))
        # Without a tag that closes it, a call that has arguments ended here; one that has none was
        # opened twice.
        ended = self._commit() if self._values or self._body else ()
        if name is None:
            return Step("not_it", ended, "".join(self._raw))
        self._clear()
        self._name = name
        for key in ("args", "arguments"):
            if key in token.attributes:
                self._body = [token.attributes[key]]
        self._raw.append(token.raw)
        if token.empty or self._body:
            return self._after(ended, closing=True)
        return Step(pieces=ended)

    def _trusted(self) -> bool:
        """Whether the block alone shows that calls are meant, whatever tools they name."""
        if self._wrapper is None:
            return False
        return self._wrapper.marked or not self._desk.tools

    def _end_invoke(self, token: Token) -> Step:
        self._raw.append(token.raw)
        return self._after((), closing=True) if self._name is not None else MORE

    def _after(self, before: tuple[Piece, ...], *, closing: bool) -> Step:
        self._desk.tally.closed += closing
        pieces = before + self._commit()
        return Step("more" if self._wrapper else "done", pieces)

    def _commit(self) -> tuple[Piece, ...]:
        """The call that was read."""
        if self._name is None:
            return ()
        raw = "".join(self._raw)
        call: Call
        if self._body:
            call = self._desk.call_of_text(self._name, "".join(self._body), raw)
        else:
            call = self._desk.call(self._name, self._values, raw)
        pieces = (*self._announce(), call)
        self._clear()
        self._raw = []
        self._calls += 1
        return pieces

    def _clear(self) -> None:
        self._name, self._begun, self._values, self._body = None, False, {}, []
        self._scan = JsonScan()

    # blocks

    def _begin_block(self, token: Token) -> Step:
        fault: Fault | None = None
        if token.marked:
            fault = self._desk.tally.open_block()
        elif self._wrapper is not None:
            fault = self._desk.tally.open_invoke()
        if fault:
            return Step("done", (fault,))
        ended = self._commit() if self._values else self._commit_json()
        self._wrapper = token
        return self._kept(token, *ended)

    def _end_block(self, token: Token | None) -> Step:
        if token is not None:
            self._raw.append(token.raw)
        self._desk.tally.closed += 1
        pieces = self._commit() or self._commit_json()
        if pieces or self._calls:
            return Step("done", pieces)
        return self._ended("a block without a call that can be read")

    def _commit_json(self) -> tuple[Piece, ...]:
        """The calls that a block holds as JSON."""
        raw, body = "".join(self._raw), "".join(self._body)
        calls = self._desk.calls_of_json(body, raw) if body and self._name is None else None
        if not calls:
            return ()
        self._clear()
        self._raw = []
        self._calls += len(calls)
        return announced(calls)

    def _ended(self, broken: str) -> Step:
        """Nothing was a call, the last tag included."""
        return Step("done", text="".join(self._raw), broken=broken)


def _tidied(text: str) -> str:
    """A value without the line break before the next tag, and an end tag that had lost its mark."""
    stripped = text.rstrip()
    if "\n" in text[len(stripped) :]:
        text = stripped
    return text.removesuffix("</parameter>")
