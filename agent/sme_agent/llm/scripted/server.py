"""A real HTTP server that answers as a plan says."""

from __future__ import annotations

import contextlib
import socket
import socketserver
import sys
import threading
from http.server import ThreadingHTTPServer
from types import TracebackType
from typing import Self

from sme_agent.llm.scripted.choice import Script
from sme_agent.llm.scripted.handler import ANSWERS, Handler, Request
from sme_agent.llm.scripted.plan import Plan


class _Listener(ThreadingHTTPServer):
    """Knows its connections, so that closing it ends those that would stay for ever."""

    # Closing waits for the threads of the connections.
    daemon_threads = False
    request_queue_size = 128

    def __init__(self, address: tuple[str, int], handler: type[Handler]) -> None:
        self._open: set[socket.socket] = set()
        self._lock = threading.Lock()
        super().__init__(address, handler)

    def server_bind(self) -> None:
        # HTTPServer's own also looks the address up in the DNS.
        socketserver.TCPServer.server_bind(self)

    def get_request(self) -> tuple[socket.socket, object]:
        connection, address = super().get_request()
        with self._lock:
            self._open.add(connection)
        return connection, address

    def shutdown_request(self, request: socket.socket | tuple[bytes, socket.socket]) -> None:
        with self._lock:
            self._open.discard(request)
            super().shutdown_request(request)

    def handle_error(self, request: object, client_address: object) -> None:
        # A client that goes away in mid-answer is nothing to report.
        if not isinstance(sys.exception(), ConnectionError):
            super().handle_error(request, client_address)  # type: ignore[arg-type]

    def hang_up(self) -> None:
        """End all connections."""
        with self._lock:
            for connection in self._open:
                # The client may have ended it already.
                with contextlib.suppress(OSError):
                    connection.shutdown(socket.SHUT_RDWR)


class ScriptedServer:
    """A running server. Use as a context manager, or call `close`.

    Addresses are such as litellm takes for `api_base`.
    """

    def __init__(self, plan: Plan, *, host: str = "127.0.0.1", port: int = 0) -> None:
        """It listens when this returns; port 0 is any that is free.

        Raises:
            OSError: the address can't be had.
        """
        self.plan = plan
        self.script = Script(plan)
        self.requests: list[Request] = []
        """Every request so far, in the order in which they came."""
        self.unmatched: list[str] = []
        """What was asked that the plan has no answer for."""
        self.closing = threading.Event()
        self._lock = threading.Lock()
        handler = type("BoundHandler", (Handler,), {"scripted": self})
        self._listener = _Listener((host, port), handler)
        self._thread = threading.Thread(
            target=self._listener.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True
        )
        self._thread.start()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    @property
    def base(self) -> str:
        """`http://HOST:PORT`."""
        host, port = self._listener.server_address[:2]
        return f"http://{host!s}:{port}"

    @property
    def openai_base(self) -> str:
        """For OpenAI's format."""
        return f"{self.base}/v1"

    @property
    def anthropic_base(self) -> str:
        """For Anthropic's format."""
        return self.base

    @property
    def ollama_base(self) -> str:
        """For Ollama's format."""
        return self.base

    @property
    def asked(self) -> list[Request]:
        """Of the requests, those for an answer of the model.

        litellm sends others by itself, and when it likes: Ollama's `/api/show` from a thread.
        """
        return [one for one in list(self.requests) if one.path.endswith(ANSWERS)]

    @property
    def unplayed(self) -> list[str]:
        """The numbers of the exchanges, from 1, that were used less often than they say."""
        return self.script.unplayed()

    def note(self, request: Request) -> None:
        """Number a request and keep it."""
        with self._lock:
            request.number = len(self.requests) + 1
            self.requests.append(request)

    def close(self) -> None:
        """End the connections, the threads and the socket; pauses and hangs end with it."""
        self.closing.set()
        self._listener.shutdown()
        self._thread.join()
        self._listener.hang_up()
        self._listener.server_close()
