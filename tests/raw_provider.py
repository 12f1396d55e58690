"""A model provider on loopback that sends the very bytes a test gives it, one write after another.

    with raw_provider(sse({"choices": …}), DONE) as provider:
        answered = asked(provider.model("openai/m"), prompt)
        assert provider.bodies[0]["messages"]

`HANG` in place of bytes keeps the connection open and silent until the client goes away.
"""

from __future__ import annotations

import contextlib
import json
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from sme_agent.llm.attempt import attempt
from sme_agent.llm.events import Answered, LlmEvent
from sme_agent.llm.messages import Message, Tool, UserMessage
from sme_agent.llm.model import Model, Prompt
from sme_agent.llm.traits import model_of
from sme_tools.model_settings import ModelOptions

HANG = b""
DONE = b"data: [DONE]\n\n"
LOOK = Tool(
    name="look",
    description="Looks.",
    parameters={
        "type": "object",
        "properties": {"where": {"type": "string"}, "depth": {"type": "integer"}},
        "required": ["where"],
    },
)


def sse(*events: Any) -> bytes:
    """Server-sent events, one for each value."""
    return b"".join(f"data: {json.dumps(event)}\n\n".encode() for event in events)


def delta(finish: str | None = None, **said: Any) -> dict[str, Any]:
    """A chunk in OpenAI's form."""
    return {"choices": [{"index": 0, "delta": said, "finish_reason": finish}]}


@dataclass
class Provider:
    """A running server."""

    address: str
    steps: tuple[bytes, ...]
    status: int
    content_type: str
    bodies: list[dict[str, Any]] = field(default_factory=list)
    paths: list[str] = field(default_factory=list)
    headers: list[dict[str, str]] = field(default_factory=list)
    gone: threading.Event = field(default_factory=threading.Event)
    """Set when a client went away from a server that hung."""
    hung: threading.Event = field(default_factory=threading.Event)
    """Set when the server has become silent."""

    def model(self, name: str, **options: Any) -> Model:
        """An entry of the chain that is reached here."""
        settings = {"api_base": self.address, "api_key": "env:RAW_PROVIDER_KEY", **options}
        return model_of(name, ModelOptions.model_validate(settings))


class _Handler(BaseHTTPRequestHandler):
    provider: Provider
    protocol_version = "HTTP/1.1"

    def do_POST(self) -> None:
        provider = self.provider
        provider.paths.append(self.path)
        provider.headers.append({key.lower(): value for key, value in self.headers.items()})
        body = self.rfile.read(int(self.headers.get("content-length", "0")))
        provider.bodies.append(json.loads(body))
        self.close_connection = True
        if provider.steps[:1] != (HANG,):
            self.send_response(provider.status)
            self.send_header("content-type", provider.content_type)
            self.send_header("connection", "close")
            self.end_headers()
        for step in provider.steps:
            if step == HANG:
                provider.hung.set()
                self.rfile.read(1)  # returns when the client goes away
                provider.gone.set()
                return
            self.wfile.write(step)
            self.wfile.flush()

    def log_message(self, format: str, *args: object) -> None:
        """Quiet."""


class _Server(ThreadingHTTPServer):
    daemon_threads = True

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Quiet: a client that is interrupted resets the connection."""


@contextlib.contextmanager
def raw_provider(
    *steps: bytes, status: int = 200, content_type: str = "text/event-stream"
) -> Iterator[Provider]:
    handler = type("_Bound", (_Handler,), {})
    with _Server(("127.0.0.1", 0), handler) as server:
        address = f"http://127.0.0.1:{server.server_address[1]}"
        provider = Provider(address, steps, status, content_type)
        handler.provider = provider
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
        thread.start()
        try:
            yield provider
        finally:
            server.shutdown()
            thread.join()


def prompt(*messages: Message, tools: tuple[Tool, ...] = (LOOK,), **more: Any) -> Prompt:
    """A prompt; a question if no messages are given."""
    said = messages or (UserMessage(text="Why is the disk full?"),)
    return Prompt(system="You find faults.", messages=said, tools=tools, **more)


def events(
    model: Model, asked: Prompt | None = None, without: frozenset[str] = frozenset()
) -> list[LlmEvent]:
    """All events of one attempt."""
    return list(attempt(model, asked or prompt(), cancelled=threading.Event(), without=without))


def answered(
    model: Model, asked: Prompt | None = None, without: frozenset[str] = frozenset()
) -> Answered:
    """The answer of one attempt."""
    last = events(model, asked, without)[-1]
    assert isinstance(last, Answered)
    return last
