"""Gemini's candidates, from Google AI Studio and from Vertex."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

from sme_agent.llm.shapes.piece import (
    CallPiece,
    Counts,
    Ended,
    Piece,
    listed,
    mapping,
    number,
    text_of,
)

_ENDED: dict[str, Ended] = {
    "STOP": "stop",
    "MAX_TOKENS": "length",
    "SAFETY": "refused",
    "RECITATION": "refused",
    "BLOCKLIST": "refused",
    "PROHIBITED_CONTENT": "refused",
    "SPII": "refused",
    "MALFORMED_FUNCTION_CALL": "malformed",
    "UNEXPECTED_TOOL_CALL": "malformed",
}


def read(event: dict[str, Any]) -> Iterator[Piece]:
    """Read one event, or a whole answer."""
    blocked = text_of(mapping(event.get("promptFeedback")).get("blockReason"))
    if blocked:
        yield Piece(ended="refused", reason=blocked)
    for candidate in listed(event.get("candidates"))[:1]:
        for part in listed(mapping(mapping(candidate).get("content")).get("parts")):
            yield from _part(mapping(part))
        reason = mapping(candidate).get("finishReason")
        if isinstance(reason, str) and reason != "FINISH_REASON_UNSPECIFIED":
            yield Piece(ended=_ENDED.get(reason, "stop"), reason=reason)
    usage = mapping(event.get("usageMetadata"))
    if usage:
        yield Piece(counts=_counts(usage))


def _part(part: dict[str, Any]) -> Iterator[Piece]:
    signature = text_of(part.get("thoughtSignature"))
    call = mapping(part.get("functionCall"))
    if call:
        yield Piece(
            call=CallPiece(
                id=text_of(call.get("id")),
                name=text_of(call.get("name")),
                arguments=json.dumps(mapping(call.get("args")), ensure_ascii=False),
                whole=True,
                extra={"thought_signature": signature} if signature else {},
            )
        )
        return
    said = text_of(part.get("text"))
    yield Piece(reasoning=said) if part.get("thought") is True else Piece(text=said)
    if signature:
        yield Piece(block={"type": "thought_signature", "signature": signature})


def _counts(usage: dict[str, Any]) -> Counts:
    thoughts = number(usage.get("thoughtsTokenCount"))
    return Counts(
        input=number(usage.get("promptTokenCount")) + number(usage.get("toolUsePromptTokenCount")),
        output=number(usage.get("candidatesTokenCount")) + thoughts,
        cached=number(usage.get("cachedContentTokenCount")),
        reasoning=thoughts,
    )
