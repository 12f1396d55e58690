"""How an answer goes over the wire: at once or in parts, with pauses, whole or broken off."""

from __future__ import annotations

import random
import select
import socket
import threading
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler

from sme_agent.llm.scripted.plan import Break

_POLL_S = 0.05


class Cut(ConnectionAbortedError):
    """The connection is to be closed where the answer stands."""


@dataclass(frozen=True)
class Outgoing:
    """An answer, ready to be sent."""

    status: int
    headers: dict[str, str]
    parts: list[bytes]
    """Of the body; each is sent by itself."""
    streamed: bool
    """Whether the body goes out in HTTP chunks, and its length is not told beforehand."""


@dataclass(frozen=True)
class Manner:
    """With which pauses, and how far."""

    first_s: float = 0.0
    gap_s: float = 0.0
    breaks: Break | None = None


def scattered(events: Iterable[str], filler: str, rng: random.Random) -> list[bytes]:
    """The bytes of events cut at random: within UTF-8 sequences, and several events in one part.

    Where there is a filler, which says nothing, it stands between events now and then, and the
    events have either of the line ends that server-sent events may have.
    """
    end = rng.choice(("\n", "\r\n")) if filler else "\n"
    text = ""
    for event in events:
        text += filler if filler and rng.random() < 0.2 else ""
        text += event
    return list(_cut(text.replace("\n", end).encode(), rng))


def _cut(data: bytes, rng: random.Random) -> Iterator[bytes]:
    start, at = 0, 0
    torn = False
    while start < len(data):
        at = min(len(data), start + rng.choice((1, rng.randint(2, 40), rng.randint(100, 1500))))
        inside = next((i for i in range(start + 1, at + 1) if _continues(data, i)), None)
        # The first sequence of several bytes is always torn, the others now and then.
        if inside and (not torn or rng.random() < 0.3):
            at, torn = inside, True
        yield data[start:at]
        start = at


def _continues(data: bytes, at: int) -> bool:
    """Whether a byte is within a UTF-8 sequence, and not its first."""
    return at < len(data) and data[at] & 0xC0 == 0x80


class Delivery:
    """Sends answers over the connection of one request handler."""

    def __init__(self, handler: BaseHTTPRequestHandler, closing: threading.Event) -> None:
        """`closing` is set when the server closes, which ends every pause."""
        self._handler = handler
        self._closing = closing

    def send(self, answer: Outgoing, manner: Manner) -> None:
        """Send an answer.

        Raises:
            Cut: the connection has to be closed: the plan or the server's closing says so.
        """
        place = manner.breaks.at if manner.breaks else None
        if place == "hang":
            self._hang()
        if place == "before-headers":
            raise Cut
        if not answer.streamed:
            self._pause(manner.first_s)
        self._send_head(answer)
        if place == "after-headers":
            raise Cut
        if answer.streamed:
            self._pause(manner.first_s)
        self._send_body(answer, manner)

    def _send_head(self, answer: Outgoing) -> None:
        handler = self._handler
        handler.send_response(answer.status)
        for name, value in answer.headers.items():
            handler.send_header(name, value)
        if answer.streamed:
            handler.send_header("Transfer-Encoding", "chunked")
        else:
            handler.send_header("Content-Length", str(sum(map(len, answer.parts))))
        handler.end_headers()

    def _send_body(self, answer: Outgoing, manner: Manner) -> None:
        limit, hangs = _limit(manner.breaks)
        left = limit
        for number, part in enumerate(answer.parts):
            if number:
                self._pause(manner.gap_s)
            self._write(part[:left], chunked=answer.streamed)
            if left is not None:
                left -= min(left, len(part))
                if not left:
                    break
        if hangs:
            self._hang()
        if limit is not None:
            raise Cut
        if answer.streamed:
            self._handler.wfile.write(b"0\r\n\r\n")

    def _write(self, data: bytes, *, chunked: bool) -> None:
        # A chunk of no bytes would end the body.
        if data:
            self._handler.wfile.write(b"%x\r\n%b\r\n" % (len(data), data) if chunked else data)

    def _pause(self, seconds: float) -> None:
        if seconds and self._closing.wait(seconds):
            raise Cut

    def _hang(self) -> None:
        """Stay silent until the client goes or the server closes."""
        while not self._closing.wait(_POLL_S):
            if _is_gone(self._handler.connection):
                break
        raise Cut


def _limit(breaks: Break | None) -> tuple[int | None, bool]:
    """After how many bytes of the body it breaks off, if it does, and whether by silence."""
    if breaks is None:
        return None, False
    if breaks.hang_after is not None:
        return breaks.hang_after, True
    return breaks.after, False


def _is_gone(connection: socket.socket) -> bool:
    readable, _, _ = select.select([connection], [], [], 0)
    try:
        return bool(readable) and not connection.recv(1, socket.MSG_PEEK)
    except ConnectionError:
        return True
