"""A scripted model for a test: a real server that plays a plan.

    with scripted('exchanges: [{says: "It is full."}]') as server:
        litellm.completion("openai/any", api_base=server.openai_base, api_key="none", …)
        assert server.requests[0].body["messages"]

A plan is YAML, or a list of exchanges, or a file; docs/scripted-server.md says what it may hold.
`ask` is a client of few words, and `heard` reads a stream as its specification says.
"""

from __future__ import annotations

import contextlib
import http.client
import json
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from sme_agent.llm.scripted import Plan, ScriptedServer, read_plan

PATHS = {"openai": "/v1/chat/completions", "anthropic": "/v1/messages", "ollama": "/api/chat"}
"""Where each wire format asks for an answer."""


@contextlib.contextmanager
def scripted(
    plan: str | Path | Sequence[dict[str, Any]], *, may_miss: bool = False, **settings: Any
) -> Iterator[ScriptedServer]:
    """A running server, with `.openai_base`, `.anthropic_base`, `.ollama_base` and `.requests`.

    `settings` are further keys of a plan that is given as a list: `models`, `truncates` … What
    was asked that the plan has no answer for fails the test at the end, unless it `may_miss`.
    """
    with ScriptedServer(plan_of(plan, **settings)) as server:
        yield server
    assert may_miss or not server.unmatched, "\n".join(server.unmatched)


def plan_of(plan: str | Path | Sequence[dict[str, Any]], **settings: Any) -> Plan:
    """The plan in any of the forms that `scripted` takes."""
    if isinstance(plan, Path):
        return read_plan(plan.read_text("utf-8"), str(plan))
    if isinstance(plan, str):
        return read_plan(plan, "plan")
    return Plan.model_validate({"exchanges": plan, **settings})


@dataclass
class Got:
    """An HTTP answer."""

    status: int
    headers: dict[str, str]
    """By their names in lower case."""
    raw: bytes

    @property
    def json(self) -> Any:
        return json.loads(self.raw)


def connect(server: ScriptedServer, timeout_s: float = 30) -> http.client.HTTPConnection:
    """A connection to it."""
    return http.client.HTTPConnection(server.base.removeprefix("http://"), timeout=timeout_s)


def request(
    server: ScriptedServer, path: str, body: Any = None, headers: dict[str, str] | None = None
) -> Got:
    """A POST where there is a body, else a GET."""
    with contextlib.closing(connect(server)) as connection:
        sent = None if body is None else json.dumps(body).encode()
        connection.request("GET" if body is None else "POST", path, sent, headers or {})
        answer = connection.getresponse()
        named = {name.lower(): value for name, value in answer.getheaders()}
        return Got(answer.status, named, answer.read())


def ask(server: ScriptedServer, api: str = "openai", said: Any = "hi", **more: Any) -> Got:
    """Ask for an answer; `said` is the user's message, or the messages."""
    messages = [{"role": "user", "content": said}] if isinstance(said, str) else said
    return request(server, PATHS[api], {"model": "m", "messages": messages, "stream": False} | more)


@dataclass
class Heard:
    """What a stream said."""

    text: str = ""
    reasoning: str = ""
    signature: str = ""
    calls: list[list[str]] = field(default_factory=list)
    """Name and arguments."""
    ended: str | None = None
    usage: dict[str, Any] = field(default_factory=dict)
    errors: list[Any] = field(default_factory=list)


def heard(api: str, raw: bytes) -> Heard:
    """Read a stream in one of the wire formats."""
    so_far = Heard()
    documents = _lines(raw) if api == "ollama" else _events(raw)
    for document in documents:
        _HEAR[api](so_far, document)
    return so_far


def _lines(raw: bytes) -> Iterator[Any]:
    yield from (json.loads(line) for line in raw.decode().split("\n") if line)


def _events(raw: bytes) -> Iterator[Any]:
    """Server-sent events: https://html.spec.whatwg.org/multipage/server-sent-events.html."""
    data: list[str] = []
    for line in re.split(r"\r\n|\n|\r", raw.decode()):
        if line.startswith("data:"):
            data.append(line.removeprefix("data:").removeprefix(" "))
        elif not line and data:
            if data != ["[DONE]"]:
                yield json.loads("\n".join(data))
            data = []


def _hear_openai(so_far: Heard, document: Any) -> None:
    so_far.usage |= document.get("usage") or {}
    so_far.errors += [document["error"]] if "error" in document else []
    for choice in document["choices"]:
        delta = choice["delta"]
        so_far.text += delta.get("content") or ""
        so_far.reasoning += delta.get("reasoning_content") or delta.get("reasoning") or ""
        so_far.ended = choice["finish_reason"] or so_far.ended
        for call in delta.get("tool_calls", []):
            if "id" in call:
                assert call["index"] == len(so_far.calls)
                so_far.calls.append([call["function"]["name"], ""])
            so_far.calls[call["index"]][1] += call["function"]["arguments"]


def _hear_anthropic(so_far: Heard, document: Any) -> None:
    kind = document["type"]
    if kind == "error":
        so_far.errors.append(document["error"])
    elif kind == "message_start":
        so_far.usage |= document["message"]["usage"]
    elif kind == "content_block_start" and document["content_block"]["type"] == "tool_use":
        so_far.calls.append([document["content_block"]["name"], ""])
    elif kind == "content_block_delta":
        delta = document["delta"]
        so_far.text += delta.get("text", "")
        so_far.reasoning += delta.get("thinking", "")
        so_far.signature += delta.get("signature", "")
        if delta["type"] == "input_json_delta":
            so_far.calls[-1][1] += delta["partial_json"]
    elif kind == "message_delta":
        so_far.ended = document["delta"]["stop_reason"]
        so_far.usage |= document["usage"]


def _hear_ollama(so_far: Heard, document: Any) -> None:
    if "error" in document:
        so_far.errors.append(document["error"])
        return
    message = document["message"]
    so_far.text += message["content"]
    so_far.reasoning += message.get("thinking", "")
    for call in message.get("tool_calls", []):
        arguments = call["function"]["arguments"]
        text = arguments if isinstance(arguments, str) else json.dumps(arguments)
        so_far.calls.append([call["function"]["name"], text])
    if document["done"]:
        so_far.ended = document["done_reason"]
        so_far.usage = {key: value for key, value in document.items() if key.endswith("_count")}


_HEAR = {"openai": _hear_openai, "anthropic": _hear_anthropic, "ollama": _hear_ollama}
