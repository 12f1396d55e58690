"""Ollama's own chat: lines of JSON, each tool call whole, its arguments an object."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

from sme_agent.llm.shapes.piece import CallPiece, Counts, Piece, listed, mapping, number, text_of


def read(event: dict[str, Any]) -> Iterator[Piece]:
    """Read one line, or a whole answer."""
    message = mapping(event.get("message"))
    yield Piece(reasoning=text_of(message.get("thinking")))
    yield Piece(text=text_of(message.get("content")))
    for call in listed(message.get("tool_calls")):
        function = mapping(mapping(call).get("function"))
        arguments = function.get("arguments")
        yield Piece(
            call=CallPiece(
                id=text_of(mapping(call).get("id")),
                name=text_of(function.get("name")),
                arguments=arguments
                if isinstance(arguments, str)
                else json.dumps(arguments or {}, ensure_ascii=False),
                whole=True,
            )
        )
    if event.get("done") is True:
        reason = text_of(event.get("done_reason")) or "stop"
        yield Piece(ended="length" if reason == "length" else "stop", reason=reason)
        yield Piece(counts=_counts(event))


def _counts(event: dict[str, Any]) -> Counts:
    # A prompt that was wholly in the cache is not counted at all by some versions.
    given = event.get("prompt_eval_count")
    return Counts(
        input=number(given) if given is not None else None,
        output=number(event.get("eval_count")),
    )
