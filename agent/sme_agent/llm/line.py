"""The connection under litellm: whose it is, how long it may be silent, and what came through it.

litellm has more than ten ways to make a request; some ignore timeouts, none can be interrupted, and
what their chunk parsers do not know is lost. So all of them get this transport. It serves the
`Exchange` that the calling thread has opened: it sets its timeouts, remembers the socket, so that
another thread can cut it, and keeps the bytes of the answer for our own reading. A thread that has
opened none reaches this machine alone, so nothing of litellm goes out by itself.

This module imports httpx; it is imported where a request is made.
"""

from __future__ import annotations

import atexit
import contextlib
import functools
import ipaddress
import json
import socket
import ssl
import threading
from collections.abc import Callable, Iterator
from typing import Any

import httpx

_KEEP_IDLE_S = 30.0
_ASKED_UNASKED = ("/api/show",)
"""What litellm wants to know of Ollama's models, at the default address whatever is configured."""
_CONNECTED = ("connect_tcp.complete", "start_tls.complete")
_current = threading.local()
_idle: dict[str, list[_Wire]] = {}
_idle_lock = threading.Lock()


class Exchange:
    """The requests of one attempt, and the last answer; opened in the thread that asks.

    `timeout` counts in seconds: for the connection, for each silence while reading, for writing.
    `server` is the address of the model's server where it is known: no other is asked. `amend` puts
    right what litellm made of the request's body.
    """

    def __init__(
        self,
        timeout: httpx.Timeout,
        *,
        server: str | None = None,
        amend: Callable[[dict[str, Any]], None] | None = None,
    ) -> None:
        self.timeout = timeout
        self._amend = amend
        self._server = _origin(httpx.URL(server)) if server else None
        self.status: int | None = None
        self.headers = httpx.Headers()
        self.body: Body | None = None
        self._wire: _Wire | None = None
        self._cut = False
        self._lock = threading.Lock()

    def __enter__(self) -> Exchange:
        _current.exchange = self
        return self

    def __exit__(self, *_raised: object) -> None:
        _current.exchange = None
        self._put_back()

    def cut(self) -> None:
        """Break the connection, from any thread; what waits for it fails at once."""
        with self._lock:
            self._cut = True
            if self._wire is not None:
                self._wire.cut()

    def send(self, request: httpx.Request) -> httpx.Response:
        """Make the request.

        Raises:
            httpx.TransportError: no connection, a timeout, or the exchange was cut.
        """
        if request.url.path in _ASKED_UNASKED or self._server not in (None, _origin(request.url)):
            raise httpx.ConnectError(f"{request.url} is not to be asked", request=request)
        self._put_back()
        wire = _take_wire(request.url)
        with self._lock:
            self._wire = wire
            if self._cut:
                raise httpx.ConnectError("interrupted", request=request)
        request = self._amended(request)
        request.extensions = {
            **request.extensions, "timeout": self.timeout.as_dict(), "trace": wire.watch
        }  # fmt: skip
        inner = wire.client.send(request, stream=True)
        self.status, self.headers, self.body = inner.status_code, inner.headers, Body(inner)
        headers = [
            pair
            for pair in inner.headers.multi_items()
            if pair[0] not in ("content-encoding", "content-length", "transfer-encoding")
        ]
        return httpx.Response(inner.status_code, headers=headers, stream=self.body, request=request)

    def _amended(self, request: httpx.Request) -> httpx.Request:
        if self._amend is None or "json" not in request.headers.get("content-type", ""):
            return request
        try:
            body = json.loads(request.read())
        except ValueError:
            return request
        self._amend(body)
        headers = httpx.Headers(request.headers)
        del headers["content-length"]
        return httpx.Request(
            request.method,
            request.url,
            headers=headers,
            content=json.dumps(body, ensure_ascii=False).encode("utf-8", "replace"),
            extensions=request.extensions,
        )

    def _put_back(self) -> None:
        with self._lock:
            wire, self._wire = self._wire, None
        if wire is None:
            return
        if self.body is not None and self.body.complete and not self._cut:
            with _idle_lock:
                _idle.setdefault(wire.origin, []).append(wire)
        else:
            wire.client.close()


class Body(httpx.SyncByteStream):
    """The bytes of an answer, decompressed; each reader gets them from the beginning."""

    def __init__(self, response: httpx.Response) -> None:
        self._response = response
        self._source = response.iter_bytes()
        self._seen: list[bytes] = []
        self._failed: httpx.HTTPError | None = None
        self.complete = False

    def __iter__(self) -> Iterator[bytes]:
        number = 0
        while number < len(self._seen) or self._more():
            yield self._seen[number]
            number += 1

    def close(self) -> None:
        """What litellm's reader has had enough of may still be wanted by ours."""

    def _more(self) -> bool:
        if self._failed is not None:
            raise self._failed
        if self.complete:
            return False
        try:
            self._seen.append(next(self._source))
        except StopIteration:
            self.complete = True
        except httpx.HTTPError as error:
            self._failed = error
            raise
        return not self.complete


class _Wire:
    """A client with one connection, of one exchange at a time."""

    def __init__(self, origin: str, client: httpx.Client) -> None:
        self.origin = origin
        self.client = client
        self._stream: Any = None

    def watch(self, event: str, info: dict[str, Any]) -> None:
        if event.endswith(_CONNECTED):
            self._stream = info["return_value"]

    def cut(self) -> None:
        if self._stream is None:
            return
        connection = self._stream.get_extra_info("socket")
        # Not the method of an SSLSocket, which takes the TLS state away from the thread that reads.
        with contextlib.suppress(OSError):
            socket.socket.shutdown(connection, socket.SHUT_RDWR)


class _Transport(httpx.BaseTransport):
    def handle_request(self, request: httpx.Request) -> httpx.Response:
        exchange: Exchange | None = getattr(_current, "exchange", None)
        if exchange is not None:
            return exchange.send(request)
        if not _is_local(request.url.host):
            raise httpx.ConnectError("no model is being asked in this thread", request=request)
        inner = _local_client().send(request, stream=True)
        assert isinstance(inner.stream, httpx.SyncByteStream)
        return httpx.Response(
            inner.status_code, headers=inner.headers, stream=inner.stream, request=request
        )


@functools.cache
def transport() -> httpx.BaseTransport:
    """The transport of every client that litellm makes."""
    return _Transport()


def client_for(url: httpx.URL, *, keep: int = 1) -> httpx.Client:
    """A client for one server: the environment's proxies, except for this machine itself."""
    return httpx.Client(
        verify=_tls(),
        trust_env=not _is_local(url.host),
        follow_redirects=False,
        timeout=None,
        limits=httpx.Limits(
            max_connections=1, max_keepalive_connections=keep, keepalive_expiry=_KEEP_IDLE_S
        ),
    )


@atexit.register
def close_idle() -> None:
    """Close the connections that wait for another request."""
    with _idle_lock:
        waiting = [wire for wires in _idle.values() for wire in wires]
        _idle.clear()
    for wire in waiting:
        wire.client.close()


def _take_wire(url: httpx.URL) -> _Wire:
    origin = _origin(url)
    with _idle_lock:
        waiting = _idle.get(origin)
        if waiting:
            return waiting.pop()
    return _Wire(origin, client_for(url))


@functools.cache
def _local_client() -> httpx.Client:
    return httpx.Client(trust_env=False, follow_redirects=False)


def _origin(url: httpx.URL) -> str:
    return f"{url.scheme}://{url.netloc.decode('ascii')}"


@functools.cache
def _tls() -> ssl.SSLContext:
    """As httpx makes it; SSL_CERT_FILE and SSL_CERT_DIR name other authorities."""
    return httpx.create_ssl_context()


def _is_local(host: str) -> bool:
    if host == "localhost" or host.endswith(".localhost"):
        return True
    try:
        return ipaddress.ip_address(host.strip("[]")).is_loopback
    except ValueError:
        return False
