"""Calls between DeepSeek's special tokens, as V3, R1 and V3.1 write them.

V3:   <｜tool▁calls▁begin｜><｜tool▁call▁begin｜>function<｜tool▁sep｜>NAME
      ```json
      {…}
      ```<｜tool▁call▁end｜><｜tool▁calls▁end｜>
V3.1: <｜tool▁calls▁begin｜><｜tool▁call▁begin｜>NAME<｜tool▁sep｜>{…}<｜tool▁call▁end｜>…

Source: the chat templates of DeepSeek-V3-0324, -R1 and -V3.1.
"""

from __future__ import annotations

import re

from sme_agent.llm.dialects.capture import MORE, Desk, Step
from sme_agent.llm.dialects.pieces import Begun, Piece
from sme_agent.llm.dialects.repair import repair_arguments, strict_json, unfenced
from sme_agent.llm.dialects.tokens import Token

_LONGEST_HEAD = 256
"""Characters before the separator; where there are more, it is talk about the tokens."""

_NAME = re.compile(r"[^\n`{\[]+")


class V3Capture:
    """Reads one block of calls, or one call that has no block around it."""

    def __init__(self, desk: Desk) -> None:
        self._desk = desk
        self._block = False
        self._head: list[str] | None = None
        self._tail: list[str] | None = None
        self._raw: list[str] = []
        self._calls = 0
        self._broken = ""

    def take(self, token: Token) -> Step:
        """Go on with a token."""
        if token.kind == "mark":
            return self._mark(token)
        if self._tail is not None:
            self._tail.append(token.raw)
        elif self._head is not None or not token.raw.isspace():
            self._head = self._head or []
            self._head.append(token.raw)
            if sum(map(len, self._head)) > _LONGEST_HEAD:
                return Step("not_it", text="".join(self._raw), broken=self._broken)
        self._raw.append(token.raw)
        return MORE

    def finish(self) -> Step:
        """The text has ended: what stands is taken if its JSON is whole."""
        if self._tail is None and not self._calls and not self._broken:
            return Step("not_it", text="".join(self._raw))
        pieces = self._commit(whole=True)
        text = "" if self._calls else "".join(self._raw)
        return Step("not_it", pieces, text, broken=self._broken)

    def _mark(self, token: Token) -> Step:
        if token.word == "calls_begin":
            return self._begin_block(token)
        if token.word == "call_begin":
            return self._begin_call(token)
        self._raw.append(token.raw)
        if token.word == "separator" and self._tail is None and self._head:
            self._tail = []
        elif token.word == "call_end":
            pieces = self._commit(whole=False)
            return Step(pieces=pieces) if self._block else self._done(pieces)
        elif token.word == "calls_end":
            return self._done(self._commit(whole=True))
        elif self._tail is not None and token.word != "end":
            self._tail.append(token.raw)
        return MORE

    def _begin_block(self, token: Token) -> Step:
        if fault := self._desk.tally.open_block():
            return Step("done", (fault,))
        pieces = self._commit(whole=True)
        self._block = True
        self._raw.append(token.raw)
        return Step(pieces=pieces)

    def _begin_call(self, token: Token) -> Step:
        if fault := self._desk.tally.open_invoke():
            return Step("done", (fault,))
        pieces = self._commit(whole=True)
        self._raw.append(token.raw)
        self._head = []
        return Step(pieces=pieces)

    def _done(self, pieces: tuple[Piece, ...]) -> Step:
        if self._broken and not self._calls:
            return Step("done", pieces, "".join(self._raw), broken=self._broken)
        if not self._calls:
            return Step("done", pieces, "".join(self._raw), broken="a block without a call")
        return Step("done", pieces)

    def _commit(self, *, whole: bool) -> tuple[Piece, ...]:
        """The call that was read; nothing if there is none, and then its text is kept.

        Args:
            whole: Whether only flawless JSON will do, as its end was not marked.
        """
        head, tail, self._head, self._tail = self._head, self._tail, None, None
        if head is None:
            return ()
        self._desk.tally.closed += not whole
        name, arguments = _parts("".join(head), "".join(tail or ()) if tail is not None else None)
        found = self._desk.named(name) if self._block else self._desk.declared(name)
        if not found or not _readable(arguments, whole):
            self._broken = "a call that can't be read"
            return ()
        self._calls += 1
        raw, self._raw = "".join(self._raw), []
        return (Begun(found), self._desk.call_of_text(found, arguments, raw))


def _parts(head: str, tail: str | None) -> tuple[str, str]:
    """The name and the arguments of a call; empty where they can't be told."""
    if tail is None:
        return "", ""
    tail = tail.strip()
    name = _NAME.match(tail)
    if head.strip() == "function" and name:
        return name[0].strip(), unfenced(tail[name.end() :])
    return head.strip(), unfenced(tail)


def _readable(arguments: str, whole: bool) -> bool:
    if not whole:
        return repair_arguments(arguments) is not None
    try:
        return isinstance(strict_json(arguments), dict)
    except ValueError:
        return False
