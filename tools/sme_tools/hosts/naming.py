"""What a word on the command line names, where the inventory has no entry for it."""

from __future__ import annotations

import ipaddress
import socket
import threading
from pathlib import Path

from sme_tools.errors import UnknownHost
from sme_tools.hosts.host import Host
from sme_tools.hosts.snapshot import read_snapshot
from sme_tools.hosts.ssh.config import Destination
from sme_tools.hosts.ssh.known_hosts import DEFAULT_PORT
from sme_tools.hosts.ssh.names import ssh_knows

RESOLVER_TIMEOUT_S = 3.0
"""Enough for a resolver that works; one that does not may not keep a mistyped name waiting."""


def destination(word: str) -> Destination:
    """`[ssh://][user@]host[:port]`. Raises ValueError."""
    return Destination.parse(word)


def snapshot(word: str) -> Host:
    """The recorded host in this file, under the name it was recorded by.

    Raises:
        UnknownHost: there is no such file.
        SnapshotInvalid: it is no snapshot.
    """
    path = Path(word).expanduser()
    if not _is_file(path):
        raise UnknownHost(
            f"there is no snapshot {word}", remedy="Record one: sme snapshot HOST -o FILE"
        )
    return Host(name=read_snapshot(path).host, transport="replay", snapshot=path)


def unlisted(word: str, named: Destination) -> Host | None:
    """The host that ssh would reach by this word, or the snapshot of that name here."""
    explicit = word.startswith("ssh://") or named.user is not None or named.port is not None
    if explicit or ssh_knows(named.host) or _is_address(named.host):
        return _over_ssh(named)
    if _is_file(word):
        return snapshot(word)
    return _over_ssh(named) if _resolves(named.host) else None


def _over_ssh(named: Destination) -> Host:
    name = named.host
    if named.port not in (None, DEFAULT_PORT):
        name = f"[{name}]:{named.port}" if ":" in name else f"{name}:{named.port}"
    return Host(name=name, address=named.host, user=named.user, port=named.port)


def _is_file(word: str | Path) -> bool:
    try:
        return Path(word).is_file()
    except OSError:  # longer than a path can be
        return False


def _is_address(host: str) -> bool:
    try:
        ipaddress.ip_address(host)
    except ValueError:
        return False
    return True


def _resolves(name: str) -> bool:
    """Whether the resolver knows the name. In a thread, since it knows no limit of time."""
    found: list[bool] = []

    def ask() -> None:
        try:
            found.append(bool(socket.getaddrinfo(name, DEFAULT_PORT)))
        except (OSError, UnicodeError):
            found.append(False)

    thread = threading.Thread(target=ask, daemon=True, name=f"look up {name}")
    thread.start()
    thread.join(RESOLVER_TIMEOUT_S)
    return found == [True]
