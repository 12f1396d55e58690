"""Anthropic's messages: https://docs.anthropic.com/en/api/messages-streaming."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from typing import Any

from sme_agent.llm.scripted.asked import Asked
from sme_agent.llm.scripted.reply import Reply, Usage

MIME = "text/event-stream"
_ENDS = {
    "stop": "end_turn",
    "tool_calls": "tool_use",
    "length": "max_tokens",
    "content_filter": "refusal",
}


def problem(message: str) -> dict[str, Any]:
    """An error of this server's own."""
    return {"type": "error", "error": {"type": "scripted_server", "message": message}}


def whole(reply: Reply) -> dict[str, Any]:
    """The answer to a request that does not stream."""
    content: list[dict[str, Any]] = []
    if reply.thinks or reply.signature:
        thought = {"thinking": reply.reasoning, "signature": reply.signature}
        content.append({"type": "thinking"} | thought)
    if reply.text:
        content.append({"type": "text", "text": reply.text})
    for call in reply.calls:
        content.append({"type": "tool_use", "id": call.id, "name": call.name, "input": call.value})
    document = _frame(reply) | {"content": content, "stop_reason": _ENDS[reply.ends]}
    if reply.usage:
        document["usage"] = _usage(reply.usage)
    return document


def stream(reply: Reply, _: Asked) -> Iterator[str]:
    """The events of a stream."""
    start = _frame(reply) | {"content": [], "stop_reason": None}
    # litellm, like Anthropic's own client, takes it for granted that usage is there.
    usage = _usage(reply.usage or Usage(input=0, output=0))
    yield _event("message_start", message=start | {"usage": usage | {"output_tokens": 1}})
    yield _event("ping")
    for index, (block, deltas) in enumerate(_blocks(reply)):
        yield _event("content_block_start", index=index, content_block=block)
        for delta in deltas:
            yield _event("content_block_delta", index=index, delta=delta)
        yield _event("content_block_stop", index=index)
    if reply.failure:
        body = reply.failure.body
        yield _sse("error", body if isinstance(body, dict) else problem(body))
        return
    spent = {"output_tokens": reply.usage.output if reply.usage else 0}
    ended = {"stop_reason": _ENDS[reply.ends], "stop_sequence": None}
    yield _event("message_delta", delta=ended, usage=spent)
    yield _event("message_stop")


def _blocks(reply: Reply) -> Iterator[tuple[dict[str, Any], Iterable[dict[str, Any]]]]:
    """Each block as it starts, and what is added to it."""
    if reply.thinks or reply.signature:
        deltas = [{"type": "thinking_delta", "thinking": piece} for piece in reply.thinks]
        if reply.signature:
            deltas.append({"type": "signature_delta", "signature": reply.signature})
        yield {"type": "thinking", "thinking": "", "signature": ""}, deltas
    if reply.says:
        yield (
            {"type": "text", "text": ""},
            ({"type": "text_delta", "text": piece} for piece in reply.says),
        )
    for call in reply.calls:
        yield (
            {"type": "tool_use", "id": call.id, "name": call.name, "input": {}},
            ({"type": "input_json_delta", "partial_json": piece} for piece in call.pieces),
        )


def _frame(reply: Reply) -> dict[str, Any]:
    return {
        "id": f"msg_{reply.number}",
        "type": "message",
        "role": "assistant",
        "model": reply.model,
        "stop_sequence": None,
    }


def _usage(usage: Usage) -> dict[str, Any]:
    """Anthropic counts what came from the cache, and what went there, apart from the input."""
    return {
        "input_tokens": max(0, usage.input - usage.cached - usage.cache_written),
        "cache_creation_input_tokens": usage.cache_written,
        "cache_read_input_tokens": usage.cached,
        "output_tokens": usage.output,
    }


def _event(kind: str, **values: object) -> str:
    return _sse(kind, {"type": kind} | values)


def _sse(kind: str, document: dict[str, Any]) -> str:
    return f"event: {kind}\ndata: {json.dumps(document, ensure_ascii=False)}\n\n"
