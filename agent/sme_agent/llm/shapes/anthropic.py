"""Anthropic's messages: events of content blocks, or the whole message."""

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

EVENTS = frozenset(
    {
        "message", "message_start", "content_block_start", "content_block_delta",
        "content_block_stop", "message_delta", "message_stop", "ping",
    }
)  # fmt: skip
_ENDED: dict[str, Ended] = {
    "end_turn": "stop",
    "stop_sequence": "stop",
    "pause_turn": "stop",
    "tool_use": "calls",
    "max_tokens": "length",
    "model_context_window_exceeded": "length",
    "refusal": "refused",
}


class Blocks:
    """The reader of one answer: a block of thinking is complete only with its signature."""

    def __init__(self) -> None:
        self._thinking: dict[int, dict[str, Any]] = {}
        self._calls: set[int] = set()
        self._usage: dict[str, Any] = {}

    def read(self, event: dict[str, Any]) -> Iterator[Piece]:
        """Read one event, or a whole message."""
        kind = event.get("type")
        index = number(event.get("index"))
        if kind == "message":
            yield from self._whole(event)
        elif kind == "message_start":
            self._count(mapping(event.get("message")))
        elif kind == "content_block_start":
            yield from self._begin(index, mapping(event.get("content_block")))
        elif kind == "content_block_delta":
            yield from self._go_on(index, mapping(event.get("delta")))
        elif kind == "content_block_stop" and index in self._thinking:
            yield Piece(block=self._thinking.pop(index))
        elif kind == "message_delta":
            self._count(event)
            yield from self._end(mapping(event.get("delta")))

    def _whole(self, message: dict[str, Any]) -> Iterator[Piece]:
        for index, block in enumerate(listed(message.get("content"))):
            yield from self._begin(index, mapping(block))
            if index in self._thinking:
                yield Piece(block=self._thinking.pop(index))
        self._count(message)
        yield from self._end(message)

    def _begin(self, index: int, block: dict[str, Any]) -> Iterator[Piece]:
        kind = block.get("type")
        if kind == "text":
            yield Piece(text=text_of(block.get("text")))
        elif kind == "thinking":
            self._thinking[index] = dict(block)
            yield Piece(reasoning=text_of(block.get("thinking")))
        elif kind == "redacted_thinking":
            yield Piece(block=dict(block))
        elif kind == "tool_use":
            given = block.get("input")
            self._calls.add(index)
            yield Piece(
                call=CallPiece(
                    index=index,
                    id=text_of(block.get("id")),
                    name=text_of(block.get("name")),
                    arguments=json.dumps(given, ensure_ascii=False) if given else "",
                )
            )

    def _go_on(self, index: int, delta: dict[str, Any]) -> Iterator[Piece]:
        kind = delta.get("type")
        if kind == "text_delta":
            yield Piece(text=text_of(delta.get("text")))
        elif kind == "input_json_delta" and index in self._calls:
            # Others are of tools that the provider runs by itself.
            yield Piece(call=CallPiece(index=index, arguments=text_of(delta.get("partial_json"))))
        elif kind in ("thinking_delta", "signature_delta"):
            block = self._thinking.setdefault(index, {"type": "thinking", "thinking": ""})
            block["thinking"] += text_of(delta.get("thinking"))
            if text_of(delta.get("signature")):
                block["signature"] = text_of(block.get("signature")) + delta["signature"]
            yield Piece(reasoning=text_of(delta.get("thinking")))

    def _end(self, said: dict[str, Any]) -> Iterator[Piece]:
        reason = said.get("stop_reason")
        if isinstance(reason, str):
            yield Piece(ended=_ENDED.get(reason, "stop"), reason=reason)
        if self._usage:
            yield Piece(counts=self._counts())

    def _count(self, said: dict[str, Any]) -> None:
        # message_delta counts all that came until then, and may leave out what did not change.
        usage = mapping(said.get("usage"))
        self._usage |= {key: value for key, value in usage.items() if value is not None}

    def _counts(self) -> Counts:
        """Anthropic's `input_tokens` are those that the cache neither gave nor took."""
        read = number(self._usage.get("cache_read_input_tokens"))
        written = number(self._usage.get("cache_creation_input_tokens"))
        return Counts(
            input=number(self._usage.get("input_tokens")) + read + written,
            output=number(self._usage.get("output_tokens")),
            cached=read,
            cache_written=written,
        )
