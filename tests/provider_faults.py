"""A loopback server that answers as a model provider does when something is wrong.

Each fault is a JSON file: provider, status, headers, body, and what it has to be taken for. The
first part of the path names the fault, so one server serves them all.

Run as a program, it asks litellm for an answer to each of them, and prints what the failures are
classified as. A process of its own, as other tests take litellm's connections into their hands.
"""

from __future__ import annotations

import json
import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from sme_tools.errors import ModelError

FAULTS = {
    path.stem: json.loads(path.read_text(encoding="utf-8"))
    for path in sorted((Path(__file__).parent / "agent/llm/provider_errors").glob("*.json"))
}

CHUNK = (
    b'data: {"id":"c1","object":"chat.completion.chunk","created":1,"model":"m",'
    b'"choices":[{"index":0,"delta":{"role":"assistant","content":"The"},"finish_reason":null}]}\n\n'
)


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_POST(self) -> None:
        self.rfile.read(int(self.headers.get("content-length", "0")))
        self._answer()

    def do_GET(self) -> None:
        self._answer()

    def _answer(self) -> None:
        self.close_connection = True
        name = self.path.split("/")[1]
        if name in ("cut", "silent"):
            self._begin_an_answer(silent=name == "silent")
            return
        fault = FAULTS[name]
        body = fault["body"]
        data = (body if isinstance(body, str) else json.dumps(body)).encode()
        headers = {"content-type": "application/json", **fault.get("headers", {})}
        self.send_response(fault["status"])
        closing = {"content-length": str(len(data)), "connection": "close"}
        for key, value in {**headers, **closing}.items():
            self.send_header(key, value)
        self.end_headers()
        self.wfile.write(data)

    def _begin_an_answer(self, *, silent: bool) -> None:
        """One chunk of a stream, and then no more: the connection breaks, or says nothing."""
        self.send_response(200)
        self.send_header("content-type", "text/event-stream")
        self.send_header("transfer-encoding", "chunked")
        self.end_headers()
        self.wfile.write(f"{len(CHUNK):x}\r\n".encode() + CHUNK + b"\r\n")
        self.wfile.flush()
        if silent:
            self.rfile.read(1)  # returns when the client hangs up

    def log_message(self, format: str, *args: Any) -> None:
        """Quiet: what was asked is not of interest."""


class _Server(ThreadingHTTPServer):
    daemon_threads = True

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Quiet: clients of these tests hang up when they like."""


@contextmanager
def faulty_provider() -> Iterator[str]:
    """The address of a running server: a fault is at ADDRESS/NAME."""
    with _Server(("127.0.0.1", 0), _Handler) as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05})
        thread.start()
        try:
            yield f"http://127.0.0.1:{server.server_address[1]}"
        finally:
            server.shutdown()
            thread.join()


PREFIXES = {"anthropic": "", "gemini": "", "azure": "", "ollama_chat": ""}
"""What follows the address of these providers; the others speak OpenAI's form, below /v1."""

KEY = "sk-test-4f3a9c1b77e2d0558a6b"


def ask(address: str, provider: str, *, stream: bool, **more: Any) -> str:
    """Ask a model of the provider at this address through litellm. Returns the answer's text."""
    import litellm

    wanted = {
        "model": f"{provider}/some-model",
        "api_base": address + PREFIXES.get(provider, "/v1"),
        "api_key": KEY,
        "messages": [{"role": "user", "content": "Why is the disk full?"}],
        "stream": stream,
        "max_retries": 0,
        "timeout": 20,
        **({"api_version": "2024-10-21"} if provider == "azure" else {}),
    }
    answer = litellm.completion(**{**wanted, **more})
    if not stream:
        return str(answer.choices[0].message.content)
    return "".join(part.choices[0].delta.content or "" for part in answer if part.choices)


def ways(fault: dict[str, Any]) -> list[str]:
    """How a fault can come: to a plain request, to one for a stream, as a record of the answer."""
    return [fault["ask"]] if "ask" in fault else ["plain", "stream", "record"]


def asked(address: str, name: str, way: str) -> dict[str, Any]:
    """What the failure of one request is classified as."""
    provider = FAULTS[name]["provider"]
    return failure(provider, lambda: ask(f"{address}/{name}", provider, stream=way == "stream"))


def failure(provider: str, request: Callable[[], str]) -> dict[str, Any]:
    """The class and the attributes of what a request raises; nothing where it is answered."""
    from sme_agent.llm.classify import classify

    try:
        request()
    except Exception as error:  # noqa: BLE001  # whatever litellm raises is what is looked at
        return described(classify(error, model=f"{provider}/some-model", provider=provider))
    return {}


def described(error: ModelError) -> dict[str, Any]:
    """The class and the attributes of a classified failure."""
    return {"error": type(error).__name__, "remedy": error.remedy, **vars(error)}


def special(address: str) -> dict[str, Any]:
    """What goes wrong without an answer, or before a request."""
    import httpx

    soon = httpx.Timeout(20, read=0.3)
    openai = f"{address}/cut"
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))  # and nobody listens
        nobody = f"http://127.0.0.1:{taken.getsockname()[1]}"
        return {
            "cut": failure("openai", lambda: ask(openai, "openai", stream=True)),
            "cut-anthropic": failure("anthropic", lambda: ask(openai, "anthropic", stream=True)),
            "silent": failure(
                "openai", lambda: ask(f"{address}/silent", "openai", stream=True, timeout=soon)
            ),
            "refused": failure("openai", lambda: ask(nobody, "openai", stream=False)),
            "refused-ollama": failure(
                "ollama_chat", lambda: ask(nobody, "ollama_chat", stream=True)
            ),
            "no-tls": failure(
                "openai", lambda: ask(address.replace("http:", "https:"), "openai", stream=False)
            ),
            "no-key-openai": failure(
                "openai", lambda: ask(openai, "openai", stream=False, api_key=None)
            ),
            "no-key-anthropic": failure(
                "anthropic", lambda: ask(openai, "anthropic", stream=False, api_key=None)
            ),
            "no-provider": failure(
                "x", lambda: ask(openai, "x", stream=False, model="nobody-knows-it")
            ),
            "parameter": failure(
                "anthropic",
                lambda: ask(openai, "anthropic", stream=False, frequency_penalty=0.5),
            ),
        }


def main() -> None:
    """Print what each fault is classified as, by way and name, as JSON."""
    import litellm

    litellm.suppress_debug_info = True
    with faulty_provider() as address:
        results = {
            f"{name} {way}": asked(address, name, way)
            for name, fault in FAULTS.items()
            for way in ways(fault)
            if way != "record"
        }
        results |= special(address)
    print(json.dumps(results))


if __name__ == "__main__":
    main()
