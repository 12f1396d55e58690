"""What a request asks for, whichever wire format it came in."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from typing import Any, Literal

Api = Literal["openai", "anthropic", "ollama"]
Role = Literal["system", "user", "assistant", "tool"]

DEFAULT_NUM_CTX = 4096
"""What Ollama gives a model that neither request nor model file sets num_ctx for."""
_ROLES: dict[str, Role] = {
    "system": "system",
    "developer": "system",
    "user": "user",
    "assistant": "assistant",
    "tool": "tool",
}


@dataclass(frozen=True)
class Said:
    """One message, or one tool result, of the conversation so far."""

    role: Role
    text: str
    tool: str = ""
    """Whose result it is, where the conversation tells."""


@dataclass(frozen=True)
class Asked:
    """A request for an answer."""

    api: Api
    model: str
    stream: bool
    said: tuple[Said, ...]
    tools: tuple[str, ...]
    """Those declared."""
    tokens: int
    """Of the prompt with its tools, estimated as a quarter of its characters."""
    body: dict[str, Any]
    window: int | None = None
    """The most tokens that a truncating server says a prompt has; None: it does not truncate."""

    def told(self) -> list[Said]:
        """What others than the model said, in its order."""
        return [said for said in self.said if said.role != "assistant"]

    def newest(self, role: Role) -> str:
        """The text of the newest message of this role; empty if there is none."""
        return next((said.text for said in reversed(self.said) if said.role == role), "")

    @property
    def turn(self) -> int:
        """The number of the answer that is asked for, from 1."""
        return 1 + sum(said.role == "assistant" for said in self.said)


def asked_of(api: Api, body: dict[str, Any]) -> Asked:
    """Read the body of a request. What has not the expected form counts as not being there."""
    said = tuple(_messages(api, body))
    declared = _objects(body.get("tools"))
    return Asked(
        api=api,
        model=str(body.get("model", "")),
        # Ollama streams unless it is told not to.
        stream=bool(body.get("stream", api == "ollama")),
        said=said,
        tools=tuple(_tool_name(tool) for tool in declared),
        tokens=max(1, _quarter(said) + len(str(declared)) // 4 * bool(declared)),
        body=body,
    )


def truncated(asked: Asked, num_ctx: int) -> Asked:
    """What the model sees of it: the system prompt and as many of the newest messages as fit."""
    said = list(asked.said)
    excess = asked.tokens - num_ctx
    while excess > 0:
        oldest = next((i for i, one in enumerate(said[:-1]) if one.role != "system"), None)
        if oldest is None:
            break
        excess -= _quarter([said.pop(oldest)])
    return replace(asked, said=tuple(said), tokens=min(asked.tokens, num_ctx), window=num_ctx)


def _quarter(said: Iterable[Said]) -> int:
    return sum(len(one.text) for one in said) // 4


def _messages(api: Api, body: dict[str, Any]) -> Iterator[Said]:
    if api == "anthropic" and body.get("system"):
        yield Said("system", _text(body["system"]))
    names: dict[str, str] = {}
    waiting: list[str] = []
    for message in _objects(body.get("messages")):
        role = _ROLES.get(str(message.get("role")), "user")
        calls = dict(_calls(message))
        if role == "assistant":
            names |= calls
            waiting = list(calls.values())
            yield Said(role, _text(message.get("content")))
        elif role == "tool":
            # litellm sends Ollama neither names nor ids of the calls: their order is what is left.
            in_order = waiting.pop(0) if waiting else ""
            known = names.get(str(message.get("tool_call_id"))) or message.get("tool_name")
            yield Said(role, _text(message.get("content")), str(known or in_order))
        else:
            yield from _blocks(role, message.get("content"), names)


def _blocks(role: Role, content: object, names: dict[str, str]) -> Iterator[Said]:
    """A user's message, which in Anthropic's format is also where tool results are."""
    for block in _objects(content):
        if block.get("type") == "tool_result":
            tool = names.get(str(block.get("tool_use_id")), "")
            yield Said("tool", _text(block.get("content")), tool)
    text = _text(content)
    if text:
        yield Said(role, text)


def _calls(message: dict[str, Any]) -> Iterator[tuple[str, str]]:
    """Id and name of each tool call in a message; without an id, a number stands for it."""
    for number, call in enumerate(_objects(message.get("tool_calls"))):
        yield str(call.get("id") or number), _tool_name(call)
    for block in _objects(message.get("content")):
        if block.get("type") == "tool_use":
            yield str(block.get("id")), _tool_name(block)


def _tool_name(tool: dict[str, Any]) -> str:
    function = tool.get("function")
    return str((function if isinstance(function, dict) else tool).get("name", ""))


def _text(content: object) -> str:
    """The text of a content that is a text or a list of blocks."""
    if isinstance(content, str):
        return content
    return "\n".join(
        str(block["text"]) for block in _objects(content) if isinstance(block.get("text"), str)
    )


def _objects(value: object) -> list[dict[str, Any]]:
    return [item for item in value if isinstance(item, dict)] if isinstance(value, list) else []
