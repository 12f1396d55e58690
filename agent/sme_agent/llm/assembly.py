"""An answer put together from its pieces, and what is told of it meanwhile."""

from __future__ import annotations

import time
from collections.abc import Iterator
from typing import Any

from sme_agent.llm.calls import Calls, cleaned
from sme_agent.llm.dialects import Begun, Call, DialectReader, Fault, Recast, Said, Thought
from sme_agent.llm.dialects import Piece as TextPiece
from sme_agent.llm.events import Answered, CallBegun, LlmEvent, Reasoning, Text, Wasted, Withdrawn
from sme_agent.llm.messages import AssistantMessage
from sme_agent.llm.model import Model, Prompt
from sme_agent.llm.shapes.piece import Counts, Ended, Piece
from sme_agent.llm.usage import usage_of
from sme_tools.errors import AnswerMalformed, AnswerRefused, ModelUnreachable

_SAID_IN_VAIN = {
    "malformed": "the provider could not read the tool call that its model wrote ({reason})",
    "refused": "refused to answer ({reason})",
}


class Assembly:
    """One answer. `feed` and `end` yield what is to be shown; then `answered` is the whole."""

    def __init__(self, model: Model, prompt: Prompt, *, strict: bool) -> None:
        schemas = {tool.name: tool.parameters for tool in prompt.tools}
        in_text = model.traits.tools == "text"
        self._model, self._prompt, self._strict = model, prompt, strict
        self._schemas = schemas
        self._began = time.monotonic()
        self._first_s: float | None = None
        self._content = DialectReader(schemas, json_calls=in_text)
        self._thinking = DialectReader(schemas, think_tags=False)
        self._text: list[str] = []
        self._thoughts: list[str] = []
        self._channel = ""
        """The reasoning that came apart from the text."""
        self._tagged = ""
        self._refusal: list[str] = []
        self._calls = Calls()
        self._opaque: list[dict[str, Any]] = []
        self._ended: Ended | None = None
        self._reason = ""
        self.counts = Counts()

    def feed(self, piece: Piece) -> Iterator[LlmEvent]:
        """Take a piece in.

        Raises:
            AnswerMalformed: the text goes in circles.
        """
        if piece.reasoning:
            self._channel += piece.reasoning
            yield from self._read(self._thinking.feed(piece.reasoning), thinking=True)
        if piece.text:
            yield from self._read(self._content.feed(piece.text), thinking=False)
        if piece.call is not None:
            name = self._calls.add(piece.call)
            if name:
                yield self._seen(CallBegun(name))
        if piece.block is not None:
            _keep(self._opaque, piece.block)
        self._refusal.append(piece.refusal)
        self._ended = piece.ended or self._ended
        self._reason = piece.reason or self._reason
        if piece.counts is not None:
            self.counts = _newer(self.counts, piece.counts)

    def end(self, *, complete: bool) -> Iterator[LlmEvent]:
        """The stream has ended; `complete` says whether the server said so.

        Raises:
            ModelUnreachable: it broke off.
            AnswerMalformed: nothing was said, or what was said can't be read.
            AnswerRefused: the provider or the model refused.
        """
        yield from self._read(self._thinking.end(), thinking=True)
        yield from self._read(self._content.end(), thinking=False)
        if self._ended is None and not complete:
            raise ModelUnreachable(
                "the connection ended before the answer was complete", model=self._model.name
            )
        self._check_will()

    def answered(self, *, estimated: int) -> Answered:
        """The whole answer; `estimated` is the length of its prompt.

        Raises:
            AnswerMalformed: nothing was said.
        """
        message = self._message()
        length = self._ended == "length"
        if not message.text and not message.calls and not length:
            what = "only thought" if message.reasoning else "said nothing"
            raise AnswerMalformed(f"the model {what}", model=self._model.name)
        return Answered(
            message=message,
            usage=usage_of(self._model, message, self.counts, estimated=estimated),
            model=self._model.name,
            first_token_s=self._first_s if self._first_s is not None else self._elapsed(),
            duration_s=self._elapsed(),
            ended="length" if length else "calls" if message.calls else "stop",
        )

    def wasted(self) -> Iterator[Wasted]:
        """What an answer took that came to nothing, if the provider has said so."""
        if self.counts.input:
            message = AssistantMessage(text="".join(self._text), reasoning="".join(self._thoughts))
            usage = usage_of(self._model, message, self.counts, estimated=self.counts.input)
            yield Wasted(self._model.name, usage, self._elapsed())

    def _message(self) -> AssistantMessage:
        opaque = list(self._opaque)
        calls = []
        taken = {
            call.id
            for message in self._prompt.messages
            if isinstance(message, AssistantMessage)
            for call in message.calls
        }
        for call, extra in self._calls.finished(taken) if self._prompt.may_call else ():
            calls.append(cleaned(call, self._schemas, strict=self._strict))
            if extra:
                opaque.append({"type": "call", "call": call.id, "extra": extra})
        text = "".join(self._text)
        return AssistantMessage(
            text=text if text.strip() else "",
            reasoning="".join(self._thoughts),
            calls=tuple(calls),
            model=self._model.name,
            opaque=tuple(opaque),
        )

    def _check_will(self) -> None:
        refusal = "".join(self._refusal).strip()
        if refusal:
            raise AnswerRefused(f"the model refused: {refusal}", model=self._model.name)
        said = _SAID_IN_VAIN.get(self._ended or "")
        if said is not None:
            kind = AnswerRefused if self._ended == "refused" else AnswerMalformed
            raise kind(said.format(reason=self._reason), model=self._model.name)

    def _read(self, pieces: list[TextPiece], *, thinking: bool) -> Iterator[LlmEvent]:
        for piece in pieces:
            if isinstance(piece, Said):
                yield from self._say(piece.text, thinking=thinking)
            elif isinstance(piece, Thought):
                yield from self._think(piece.text)
            elif isinstance(piece, Recast):
                yield from self._recast()
            elif isinstance(piece, Begun):
                yield self._seen(CallBegun(piece.name))
            elif isinstance(piece, Call):
                self._calls.add_text(piece.name, piece.arguments, piece.unreadable)
            elif isinstance(piece, Fault):
                raise AnswerMalformed(piece.detail, model=self._model.name)

    def _say(self, text: str, *, thinking: bool) -> Iterator[LlmEvent]:
        kept = self._thoughts if thinking else self._text
        kept.append(text)
        yield self._seen(Reasoning(text) if thinking else Text(text))

    def _think(self, text: str) -> Iterator[LlmEvent]:
        """Reasoning within the text; some servers send it apart as well."""
        self._tagged += text
        if self._channel.strip() and self._channel.strip().startswith(self._tagged.strip()):
            return
        self._thoughts.append(text)
        yield self._seen(Reasoning(text))

    def _recast(self) -> Iterator[LlmEvent]:
        text, self._text = "".join(self._text), []
        yield Withdrawn(self._model.name, "what it said so far was reasoning")
        before = "".join(self._thoughts)
        if before:
            yield Reasoning(before)
        yield from self._think(text)

    def _seen(self, event: LlmEvent) -> LlmEvent:
        if self._first_s is None:
            self._first_s = self._elapsed()
        return event

    def _elapsed(self) -> float:
        return time.monotonic() - self._began


def _keep(opaque: list[dict[str, Any]], block: dict[str, Any]) -> None:
    """Keep a block; parts of the same piece of OpenRouter's reasoning become one again."""
    detail, last = block.get("detail"), opaque[-1].get("detail") if opaque else None
    if block.get("type") == "reasoning" and any(b.get("type") == "reasoning" for b in opaque):
        return
    if not isinstance(detail, dict) or not isinstance(last, dict):
        opaque.append(block)
        return
    if any(detail.get(key) != last.get(key) for key in ("type", "index")):
        opaque.append(block)
        return
    joined = dict(last)
    for key, value in detail.items():
        grows = key in ("text", "summary", "data") and isinstance(value, str)
        if grows and isinstance(last.get(key), str):
            joined[key] = last[key] + value
        elif value is not None:
            joined[key] = value
    opaque[-1] = {**block, "detail": joined}


def _newer(old: Counts, new: Counts) -> Counts:
    """Counts are of all that came until then; a later one may leave some out."""
    return Counts(
        input=old.input if new.input is None else new.input,
        output=old.output if new.output is None else new.output,
        cached=new.cached or old.cached,
        cache_written=new.cache_written or old.cache_written,
        reasoning=new.reasoning or old.reasoning,
        cost_usd=old.cost_usd if new.cost_usd is None else new.cost_usd,
    )
