"""Our own sockets: TCP without delay and with keepalive, or a ProxyCommand's ends.

paramiko would open its sockets itself, with Nagle's algorithm on: 21 commands a second on a reused
connection where 250 and more are possible.
"""

from __future__ import annotations

import errno
import os
import signal
import socket
import subprocess
import tempfile
import threading
import time
from contextlib import suppress
from typing import IO, Any

from sme_tools.errors import HostUnreachable
from sme_tools.hosts.ssh.hop import Hop

KEEPALIVE_IDLE_S = 15
KEEPALIVE_INTERVAL_S = 5
KEEPALIVE_COUNT = 3
"""A peer that has vanished is noticed after half a minute, not after TCP's quarter of an hour."""

_FAMILIES = {"any": socket.AF_UNSPEC, "inet": socket.AF_INET, "inet6": socket.AF_INET6}
_REASONS = {
    errno.ECONNREFUSED: "refused the connection: no SSH server listens there",
    errno.EHOSTUNREACH: "can't be reached: no route to the host",
    errno.ENETUNREACH: "can't be reached: this machine has no route to its network",
    errno.ETIMEDOUT: "gave no answer",
    errno.EACCES: "can't be reached: a local firewall forbids it",
    errno.EPERM: "can't be reached: a local firewall forbids it",
}

Address = tuple[Any, ...]


def dial(hop: Hop) -> socket.socket:
    """A TCP connection to the hop, to the first of its addresses that answers.

    Raises:
        HostUnreachable: no address answered; the message has each address's reason.
    """
    deadline = time.monotonic() + hop.timeout_s
    addresses = _look_up(hop)
    failures: list[str] = []
    for index, (family, address) in enumerate(addresses):
        # An address that swallows packets may not use up the others' time.
        share = max(deadline - time.monotonic(), 0.1) / (len(addresses) - index)
        try:
            return _connect(family, address, share)
        except OSError as error:
            failures.append(f"{_shown(address)} {_reason(error, share)}")
    raise hop.error(HostUnreachable, "; ".join(dict.fromkeys(failures)))


def _connect(family: int, address: Address, timeout_s: float) -> socket.socket:
    connection = socket.socket(family, socket.SOCK_STREAM)
    try:
        connection.settimeout(timeout_s)
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
        # macOS calls the first TCP_KEEPALIVE and lacks the last.
        for name, value in (
            ("TCP_KEEPIDLE", KEEPALIVE_IDLE_S),
            ("TCP_KEEPALIVE", KEEPALIVE_IDLE_S),
            ("TCP_KEEPINTVL", KEEPALIVE_INTERVAL_S),
            ("TCP_KEEPCNT", KEEPALIVE_COUNT),
            (
                "TCP_USER_TIMEOUT",
                1000 * (KEEPALIVE_IDLE_S + KEEPALIVE_COUNT * KEEPALIVE_INTERVAL_S),
            ),
        ):
            if hasattr(socket, name):
                connection.setsockopt(socket.IPPROTO_TCP, getattr(socket, name), value)
        connection.connect(address)
    except BaseException:
        connection.close()
        raise
    return connection


def _look_up(hop: Hop) -> list[tuple[int, Address]]:
    """The addresses of a name. In a thread: the resolver knows no limit of time."""
    family = _FAMILIES.get(hop.config.address_family, socket.AF_UNSPEC)
    host, port = hop.config.hostname, hop.config.port
    with suppress(socket.gaierror):
        return _addresses(host, port, family, socket.AI_NUMERICHOST)
    answer: list[list[tuple[int, Address]] | Exception] = []

    def ask() -> None:
        try:
            answer.append(_addresses(host, port, family, 0))
        except (OSError, UnicodeError) as error:
            answer.append(error)

    thread = threading.Thread(target=ask, daemon=True, name=f"look up {host}")
    thread.start()
    thread.join(hop.timeout_s)
    remedy = f"Check the name and the resolver: getent hosts {host}"
    if not answer:
        raise hop.error(
            HostUnreachable,
            f"the resolver gave no answer for {host} within {hop.timeout_s:g} s",
            remedy=remedy,
        )
    found = answer[0]
    if isinstance(found, Exception):
        why = found.strerror if isinstance(found, OSError) else str(found)
        raise hop.error(
            HostUnreachable, f"the name {host} can't be resolved: {why}", remedy=remedy
        ) from found
    return found


def _addresses(host: str, port: int, family: int, flags: int) -> list[tuple[int, Address]]:
    found = socket.getaddrinfo(host, port, family, socket.SOCK_STREAM, 0, flags)
    return list(dict.fromkeys((entry[0], entry[4]) for entry in found))


def _reason(error: OSError, waited_s: float) -> str:
    if isinstance(error, TimeoutError) and error.errno is None:
        return f"gave no answer within {waited_s:.0f} s"
    return _REASONS.get(error.errno or 0, f"can't be reached: {error.strerror or error}")


def _shown(address: Address) -> str:
    host, port = address[:2]
    return f"[{host}]:{port}" if ":" in host else f"{host}:{port}"


class ProxyProcess:
    """A running ProxyCommand. Its standard input and output are one end of a socket pair."""

    def __init__(self, hop: Hop, command: str) -> None:
        """Start it as ssh does: by the user's shell, with exec. Raises HostUnreachable."""
        self._complaints: IO[bytes] = tempfile.TemporaryFile()  # noqa: SIM115 - closed in close()
        self.socket, theirs = socket.socketpair()
        shell = os.environ.get("SHELL") or "/bin/sh"
        try:
            self._process = subprocess.Popen(
                [shell, "-c", f"exec {command}"],
                stdin=theirs.fileno(),
                stdout=theirs.fileno(),
                stderr=self._complaints,
                start_new_session=True,  # Ctrl-C is ours to act on
            )
        except OSError as error:
            self.socket.close()
            self._complaints.close()
            raise hop.error(
                HostUnreachable, f"the ProxyCommand can't be started: {error}"
            ) from error
        finally:
            theirs.close()

    def complaint(self) -> str:
        """The last line it printed to standard error."""
        with suppress(subprocess.TimeoutExpired):
            self._process.wait(0.5)  # its words may come after it closed its output
        self._complaints.seek(0)
        lines = self._complaints.read(4096).decode("utf-8", "replace").strip().splitlines()
        return lines[-1] if lines else ""

    def close(self) -> None:
        """End it."""
        self.socket.close()
        with suppress(ProcessLookupError, PermissionError):
            os.killpg(self._process.pid, signal.SIGTERM)
        try:
            self._process.wait(2)
        except subprocess.TimeoutExpired:
            with suppress(ProcessLookupError, PermissionError):
                os.killpg(self._process.pid, signal.SIGKILL)
            self._process.wait()
        self._complaints.close()
