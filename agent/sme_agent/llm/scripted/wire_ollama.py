"""Ollama's own API: https://github.com/ollama/ollama/blob/main/docs/api.md."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

from sme_agent.llm.scripted.asked import DEFAULT_NUM_CTX, Asked
from sme_agent.llm.scripted.plan import ScriptedModel
from sme_agent.llm.scripted.reply import CREATED, Reply

MIME = "application/x-ndjson"
_TIME = datetime.fromtimestamp(CREATED, UTC).isoformat().replace("+00:00", "Z")


def problem(message: str) -> dict[str, Any]:
    """An error of this server's own."""
    return {"error": message}


def whole(reply: Reply) -> dict[str, Any]:
    """The answer to a request that does not stream."""
    message: dict[str, Any] = {"role": "assistant", "content": reply.text}
    if reply.thinks:
        message["thinking"] = reply.reasoning
    if reply.calls:
        message["tool_calls"] = _calls(reply)
    return _ended(reply, message)


def stream(reply: Reply, _: Asked) -> Iterator[str]:
    """The lines of a stream. Each tool call comes whole, in a line of its own."""
    for piece in reply.thinks:
        yield _line(_part(reply, {"content": "", "thinking": piece}))
    for piece in reply.says:
        yield _line(_part(reply, {"content": piece}))
    for call in _calls(reply):
        yield _line(_part(reply, {"content": "", "tool_calls": [call]}))
    if reply.failure:
        body = reply.failure.body
        yield _line(body if isinstance(body, dict) else problem(body))
    else:
        yield _line(_ended(reply, {"role": "assistant", "content": ""}))


def show(model: ScriptedModel) -> dict[str, Any]:
    """What `/api/show` says of a model."""
    capabilities = ["completion"]
    capabilities += ["tools"] if model.tools else []
    capabilities += ["thinking"] if model.thinks else []
    return {
        "modelfile": f"FROM {model.name}\n",
        "parameters": f"num_ctx                        {model.num_ctx}" if model.num_ctx else "",
        "template": "{{ .Prompt }}",
        "details": _details(),
        "model_info": {
            "general.architecture": "scripted",
            "scripted.context_length": model.context,
        },
        "capabilities": capabilities,
        "modified_at": _TIME,
    }


def listed(model: ScriptedModel, *, running: bool) -> dict[str, Any]:
    """A model in `/api/tags`, or in `/api/ps`."""
    entry = {"name": model.name, "model": model.name, "size": 1, "digest": "0" * 64}
    if running:
        context = {"context_length": model.num_ctx or DEFAULT_NUM_CTX}
        return entry | {"details": _details(), "expires_at": _TIME, "size_vram": 0} | context
    return entry | {"details": _details(), "modified_at": _TIME}


def _details() -> dict[str, Any]:
    return {
        "parent_model": "",
        "format": "gguf",
        "family": "scripted",
        "families": ["scripted"],
        "parameter_size": "1B",
        "quantization_level": "Q4_K_M",
    }


def _calls(reply: Reply) -> list[dict[str, Any]]:
    return [
        {"id": call.id, "function": {"index": at, "name": call.name, "arguments": call.value}}
        for at, call in enumerate(reply.calls)
    ]


def _part(reply: Reply, message: dict[str, Any]) -> dict[str, Any]:
    said = {"role": "assistant"} | message
    return {"model": reply.model, "created_at": _TIME, "message": said, "done": False}


def _ended(reply: Reply, message: dict[str, Any]) -> dict[str, Any]:
    reason = "length" if reply.ends == "length" else "stop"
    document = _part(reply, message) | {"done": True, "done_reason": reason}
    document |= {"total_duration": 1, "load_duration": 0}
    if reply.usage:
        document |= {"prompt_eval_count": reply.usage.input, "eval_count": reply.usage.output}
    return document


def _line(document: dict[str, Any]) -> str:
    return json.dumps(document, ensure_ascii=False) + "\n"
