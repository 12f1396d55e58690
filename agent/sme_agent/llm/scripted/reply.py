"""What a scripted model answers, before a wire format gives it its form."""

from __future__ import annotations

import json
import random
import re
from dataclasses import dataclass

from sme_agent.llm.scripted.asked import Asked
from sme_agent.llm.scripted.named_errors import Form
from sme_agent.llm.scripted.plan import Call, Ending, Exchange, Pieces, UsageStated
from sme_agent.llm.scripted.templates import filled

CREATED = 1763640000
"""The time of every answer, in seconds since 1970: one plan gives the same bytes each time."""

# Of the size of a token, and nothing lost: joined, the pieces are the text.
_TOKEN = re.compile(r"\s*\w{1,4}|\s*[^\w\s]|\s+")
_WORD = re.compile(r"\s*\S+|\s+")


@dataclass(frozen=True)
class ReplyCall:
    """A tool call."""

    id: str
    name: str
    arguments: str
    pieces: Pieces

    @property
    def value(self) -> object:
        """The arguments as a JSON value; where they are malformed, as the text they are."""
        try:
            return json.loads(self.arguments)
        except ValueError:
            return self.arguments


@dataclass(frozen=True)
class Usage:
    """What an answer took, in tokens, as the server says it."""

    input: int
    output: int
    cached: int = 0
    cache_written: int = 0
    reasoning: int = 0


@dataclass(frozen=True)
class Reply:
    """One answer, in the pieces in which a stream brings it."""

    number: int
    """Of the request, from 1."""
    model: str
    thinks: Pieces
    thinks_as: str
    signature: str
    says: Pieces
    calls: tuple[ReplyCall, ...]
    ends: Ending
    usage: Usage | None
    failure: Form | None
    """What a stream ends with in place of its proper ending."""

    @property
    def text(self) -> str:
        """The whole text."""
        return "".join(self.says)

    @property
    def reasoning(self) -> str:
        """The whole reasoning."""
        return "".join(self.thinks)


def reply_to(asked: Asked, exchange: Exchange, number: int, rng: random.Random) -> Reply:
    """The answer that an exchange gives to a request.

    Raises:
        NothingToFillIn: the request lacks what a template of the exchange asks of it.
    """
    says = (exchange.raw,) if exchange.raw is not None else filled(exchange.says, asked)
    thinks = filled(exchange.thinks, asked)
    calls = tuple(
        _call(
            filled(call.arguments, asked), call, f"call_{asked.turn}_{number}_{at}", exchange, rng
        )
        for at, call in enumerate(exchange.calls, start=1)
    )
    breaks = exchange.breaks
    failing = breaks.in_stream_error if breaks else None
    return Reply(
        number=number,
        model=asked.model or "scripted",
        thinks=split(thinks, exchange.chunks, rng),
        thinks_as=exchange.thinks_as,
        signature=exchange.signature,
        says=split(says, exchange.chunks, rng),
        calls=calls,
        ends=exchange.ends or ("tool_calls" if calls else "stop"),
        usage=_usage(
            exchange, asked, sum(map(len, (*says, *thinks, *(c.arguments for c in calls))))
        ),
        failure=filled_form(failing.form(asked.api), asked) if failing else None,
    )


def filled_form(form: Form, asked: Asked) -> Form:
    """An error with the templates of its body filled in."""
    return Form(status=form.status, headers=form.headers, body=filled(form.body, asked))


def split(pieces: Pieces, how: object, rng: random.Random) -> Pieces:
    """The pieces, each split in its turn; joined, they are the same text."""
    if how == "tokens":
        return tuple(part for piece in pieces for part in _TOKEN.findall(piece))
    if how == "words":
        return tuple(part for piece in pieces for part in _WORD.findall(piece))
    if how == "awkward":
        return tuple(part for piece in pieces for part in _awkward(piece, rng))
    return tuple(piece for piece in pieces if piece)


def _awkward(text: str, rng: random.Random) -> list[str]:
    """Parts of 1 to 12 characters; now and then an empty one, as real servers send them."""
    parts: list[str] = []
    while text:
        size = 0 if rng.random() < 0.1 else rng.randint(1, 12)
        parts.append(text[:size])
        text = text[size:]
    return parts


def _call(
    arguments: object, call: Call, id: str, exchange: Exchange, rng: random.Random
) -> ReplyCall:
    text = arguments if isinstance(arguments, str) else json.dumps(arguments, ensure_ascii=False)
    pieces = split((text,), exchange.chunks, rng)
    return ReplyCall(id=call.id or id, name=call.name, arguments=text, pieces=pieces)


def _usage(exchange: Exchange, asked: Asked, length: int) -> Usage | None:
    stated = exchange.usage
    if not isinstance(stated, UsageStated):
        return None
    prompt = asked.tokens if stated.input is None else stated.input
    return Usage(
        input=prompt if asked.window is None else min(prompt, asked.window),
        output=max(1, length // 4) if stated.output is None else stated.output,
        cached=stated.cached,
        cache_written=stated.cache_written,
        reasoning=stated.reasoning,
    )
