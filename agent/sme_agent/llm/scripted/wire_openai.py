"""OpenAI's chat completions: https://platform.openai.com/docs/api-reference/chat.

The reasoning, which OpenAI's own format lacks, is where DeepSeek or OpenRouter have it.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

from sme_agent.llm.scripted.asked import Asked
from sme_agent.llm.scripted.named_errors import Form
from sme_agent.llm.scripted.reply import CREATED, Reply, ReplyCall, Usage

MIME = "text/event-stream"


def problem(message: str) -> dict[str, Any]:
    """An error of this server's own."""
    error = {"message": message, "type": "scripted_server", "param": None, "code": None}
    return {"error": error}


def whole(reply: Reply) -> dict[str, Any]:
    """The answer to a request that does not stream."""
    message: dict[str, Any] = {"role": "assistant", "content": reply.text or None}
    if reply.thinks:
        message[reply.thinks_as] = reply.reasoning
    if reply.calls:
        message["tool_calls"] = [_called(call) for call in reply.calls]
    else:
        message["content"] = reply.text
    choice = {"index": 0, "message": message, "logprobs": None, "finish_reason": reply.ends}
    document = _frame(reply, "chat.completion", [choice]) | {"service_tier": "default"}
    if reply.usage:
        document["usage"] = _usage(reply.usage)
    return document


def stream(reply: Reply, asked: Asked) -> Iterator[str]:
    """The events of a stream."""
    yield _delta(reply, {"role": "assistant", "content": ""})
    for piece in reply.thinks:
        yield _delta(reply, {reply.thinks_as: piece})
    for piece in reply.says:
        yield _delta(reply, {"content": piece})
    for index, call in enumerate(reply.calls):
        opened = _called(call) | {"index": index}
        opened["function"]["arguments"] = ""
        yield _delta(reply, {"tool_calls": [opened]})
        for piece in call.pieces:
            more = {"index": index, "function": {"arguments": piece}}
            yield _delta(reply, {"tool_calls": [more]})
    if reply.failure:
        yield _failed(reply, reply.failure)
    else:
        yield _delta(reply, {}, reply.ends)
        options = asked.body.get("stream_options")
        if reply.usage and isinstance(options, dict) and options.get("include_usage"):
            counted = {"usage": _usage(reply.usage)}
            yield _event(_frame(reply, "chat.completion.chunk", []) | counted)
    yield "data: [DONE]\n\n"


def _failed(reply: Reply, failure: Form) -> str:
    """An error in the way of OpenRouter, which sends it within an ordinary chunk."""
    body = failure.body if isinstance(failure.body, dict) else problem(failure.body)
    choice = {"index": 0, "delta": {"role": "assistant", "content": ""}, "finish_reason": "error"}
    return _event(_frame(reply, "chat.completion.chunk", [choice]) | body)


def _called(call: ReplyCall) -> dict[str, Any]:
    function = {"name": call.name, "arguments": call.arguments}
    return {"id": call.id, "type": "function", "function": function}


def _delta(reply: Reply, delta: dict[str, Any], ends: str | None = None) -> str:
    choice = {"index": 0, "delta": delta, "logprobs": None, "finish_reason": ends}
    return _event(_frame(reply, "chat.completion.chunk", [choice]))


def _frame(reply: Reply, kind: str, choices: list[dict[str, Any]]) -> dict[str, Any]:
    return {
        "id": f"chatcmpl-{reply.number}",
        "object": kind,
        "created": CREATED,
        "model": reply.model,
        "choices": choices,
    }


def _usage(usage: Usage) -> dict[str, Any]:
    return {
        "prompt_tokens": usage.input,
        "completion_tokens": usage.output,
        "total_tokens": usage.input + usage.output,
        "prompt_tokens_details": {"cached_tokens": usage.cached},
        "completion_tokens_details": {"reasoning_tokens": usage.reasoning},
    }


def _event(document: dict[str, Any]) -> str:
    return f"data: {json.dumps(document, ensure_ascii=False)}\n\n"
