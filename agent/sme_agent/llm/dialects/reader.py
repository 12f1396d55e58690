"""The text of a model, read piece by piece as it comes."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from sme_agent.llm.dialects.blocks import BlockCapture, called_tool, role_of
from sme_agent.llm.dialects.capture import Capture, Desk, Step
from sme_agent.llm.dialects.degenerate import RepetitionGuard
from sme_agent.llm.dialects.json_calls import JsonCapture
from sme_agent.llm.dialects.markdown import CodeSpans
from sme_agent.llm.dialects.pieces import Begun, Call, Fault, Piece, Recast, Said, Thought, merged
from sme_agent.llm.dialects.tokens import THINKING, Lexer, Token
from sme_agent.llm.dialects.v3 import V3Capture


class DialectReader:
    """Turns one text of a model into what was said, thought and called.

    However the text is cut into chunks, the pieces are the same, but for text in one piece or in
    several.
    """

    def __init__(
        self,
        tools: Mapping[str, Mapping[str, Any]] | None = None,
        *,
        think_tags: bool = True,
        json_calls: bool = False,
    ) -> None:
        """Begin a text.

        Args:
            tools: Of each tool that may be called, the JSON Schema of its parameters.
            think_tags: Whether `<think>` sets off reasoning.
            json_calls: Whether calls were asked for as JSON in a code block, for want of better.
        """
        self._desk = Desk(dict(tools or {}))
        self._think_tags = think_tags
        self._json_calls = json_calls
        self._thinking = False
        self._has_thought = False
        self._lexer = Lexer()
        self._code = CodeSpans()
        self._guard = RepetitionGuard()
        self._capture: Capture | None = None
        self._space: list[str] = []
        self._blank = True
        self._after_tag = False
        self._calls = 0
        self._after_call = False
        self._meant = True
        self._broken = ""
        self._over = False
        self._out: list[Piece] = []

    def feed(self, text: str) -> list[Piece]:
        """What is certain with the next chunk; after a `Fault` nothing."""
        return self._read(text, last=False)

    def end(self) -> list[Piece]:
        """What is left when the text has ended."""
        pieces = self._read("", last=True)
        if not self._over and self._capture is not None:
            capture, self._capture = self._capture, None
            self._conclude(capture.finish(), None)
        if not self._over:
            self._end_space()
            if self._broken and not self._calls:
                self._out.append(Fault("malformed", self._broken))
        self._over = True
        pieces += self._out
        self._out = []
        return merged(pieces)

    def _read(self, text: str, *, last: bool) -> list[Piece]:
        if self._over:
            return []
        for token in self._lexer.feed(text, last=last):
            self._take(token)
            if self._over:
                break
        out, self._out = self._out, []
        return merged(out)

    def _take(self, token: Token) -> None:
        if self._capture is None:
            self._prose(token)
            return
        step = self._capture.take(token)
        if step.state == "more":
            self._emit(step.pieces)
        else:
            self._capture = None
            self._conclude(step, token)

    def _conclude(self, step: Step, token: Token | None) -> None:
        """A capture has ended, and with it a token, or before it."""
        self._emit(step.pieces)
        if self._over:
            return
        if step.text:
            self._say(step.text)
        if step.broken and self._meant:
            self._broken = step.broken
        if step.state == "not_it" and token is not None:
            self._prose(token)
        elif step.rest:
            self._prose(Token("text", step.rest))

    def _emit(self, pieces: tuple[Piece, ...]) -> None:
        for piece in pieces:
            if isinstance(piece, Call):
                self._space = []
                self._code = CodeSpans()
                self._calls += 1
                self._after_call = True
            elif isinstance(piece, Begun):
                self._keep_break()
            self._out.append(piece)
            if isinstance(piece, Fault):
                self._over = True
                return

    # outside of calls

    def _prose(self, token: Token) -> None:
        if token.kind == "text":
            self._text(token)
        elif token.kind == "ticks":
            self._ticks(token)
        elif self._is_thinking_tag(token):
            self._think(token)
        elif self._code.inside:
            self._code.quote()
            self._say(token.raw)
        elif token.kind == "mark":
            self._mark(token)
        else:
            self._tag(token)

    def _text(self, token: Token) -> None:
        if self._blank and not self._calls and not self._thinking and self._desk.tools:
            stripped = token.raw.lstrip()
            if stripped[:1] in ("{", "["):
                self._say(token.raw[: len(token.raw) - len(stripped)])
                self._start(JsonCapture(self._desk, "bare"), Token("text", stripped))
                return
        self._say(token.raw)

    def _ticks(self, token: Token) -> None:
        opens_block = self._code.line_is_blank and not self._code.inside
        if self._json_calls and opens_block and token.raw.startswith("```"):
            self._code.ticks(token.raw)
            self._start(JsonCapture(self._desk, "fence"), token)
            return
        self._code.ticks(token.raw)
        self._say(token.raw, ticks=True)

    def _is_thinking_tag(self, token: Token) -> bool:
        if not self._think_tags or token.word not in THINKING or token.marked:
            return False
        if token.closing:
            return not self._code.inside or (self._thinking and self._code.line_is_blank)
        return not self._code.inside and (self._blank or self._code.line_is_blank)

    def _think(self, token: Token) -> None:
        """Reasoning begins or ends; the space around its tags is part of neither."""
        self._space = []
        self._after_tag = True
        if token.closing and not self._thinking and not self._has_thought and not self._blank:
            self._out.append(Recast())
            self._blank = True
        self._thinking = not token.closing
        self._has_thought = True
        self._code = CodeSpans()

    def _mark(self, token: Token) -> None:
        if token.word in ("calls_begin", "call_begin"):
            self._start(V3Capture(self._desk), token)
        elif token.word == "python_tag" and self._desk.tools:
            self._start(JsonCapture(self._desk, "python_tag"), token)
        elif token.word == "tool_calls":
            self._start(JsonCapture(self._desk, "mistral"), token)
        elif token.word == "end":
            # Dropped where the text ends with it; what comes before other text is a quotation.
            self._space.append(token.raw)
        elif not (token.word == "calls_end" and self._after_call):
            self._say(token.raw)

    def _tag(self, token: Token) -> None:
        role = role_of(token, self._desk)
        if token.closing:
            if not (self._after_call and role in ("wrapper", "invoke")):
                self._say(token.raw)
        elif role == "wrapper" or (role == "invoke" and called_tool(token, self._desk)):
            self._start(BlockCapture(self._desk), token)
        else:
            self._say(token.raw)

    def _start(self, capture: Capture, token: Token) -> None:
        self._capture = capture
        self._meant = self._code.line_is_blank or token.kind == "mark"
        self._take(token)

    # text

    def _say(self, text: str, *, ticks: bool = False) -> None:
        """Say text, but hold back the space at its end: before a call, it is part of the call."""
        if not ticks:
            self._code.text(text)
        content = text.rstrip()
        if not content:
            if text and not self._after_tag:
                self._space.append(text)
            return
        if self._after_tag:
            content, self._after_tag = content.lstrip(), False
            self._space = []
        self._pass_on("".join([*self._space, content]))
        self._space = [text[len(text.rstrip()) :]]
        self._after_call = False
        self._blank = self._blank and self._thinking

    def _pass_on(self, text: str) -> None:
        kind = Thought if self._thinking else Said
        cut = self._guard.take(text, code=self._code.in_block)
        self._out.append(kind(text if cut is None else text[:cut]))
        if cut is not None:
            self._out.append(Fault("loop", "the text repeats itself"))
            self._over = True

    def _keep_break(self) -> None:
        """Before a call: a line break after text stays, a blank line belongs to the call."""
        space = self._only_space()
        if space and space.count("\n") < 2 and not self._blank and not self._after_call:
            self._space = []
            self._pass_on(space)

    def _end_space(self) -> None:
        space = self._only_space()
        if space and not self._after_call:
            self._pass_on(space)

    def _only_space(self) -> str:
        return "".join(part for part in self._space if not part.startswith("<"))


def read_all(
    text: str, tools: Mapping[str, Mapping[str, Any]] | None = None, **options: bool
) -> list[Piece]:
    """The pieces of a whole text; options as `DialectReader` takes them.

    What turns out to have been reasoning is a `Thought` at once.
    """
    reader = DialectReader(tools, **options)
    pieces = merged(reader.feed(text) + reader.end())
    while Recast() in pieces:
        at = pieces.index(Recast())
        before: list[Piece] = [Thought(p.text) if isinstance(p, Said) else p for p in pieces[:at]]
        pieces = merged(before + pieces[at + 1 :])
    return pieces
