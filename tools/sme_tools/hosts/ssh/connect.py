"""Connections: the way to a host (directly, by jump hosts or a ProxyCommand) and the handshake."""

from __future__ import annotations

import logging
import socket
import time
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import paramiko
from paramiko.ssh_exception import IncompatiblePeer

from sme_tools.errors import HostUnreachable
from sme_tools.hosts.ssh.authenticate import authenticate
from sme_tools.hosts.ssh.config import Destination, SshConfig, resolve
from sme_tools.hosts.ssh.hop import Hop
from sme_tools.hosts.ssh.host_keys import load_known_hosts, offer, verify
from sme_tools.hosts.ssh.known_hosts import KnownHosts, PublicKey
from sme_tools.hosts.ssh.sockets import ProxyProcess, dial

MAX_JUMPS = 8
DEFAULT_ALIVE_INTERVAL_S = 15
"""Used where ssh_config has no ServerAliveInterval: routers forget connections that are silent."""


class Session(paramiko.Transport):
    """paramiko's transport, with our order of algorithms."""

    offered_host_keys: tuple[str, ...] = ()

    @property
    def preferred_keys(self) -> tuple[str, ...]:
        """Host key algorithms: those on record first."""
        return self.offered_host_keys

    @property
    def preferred_ciphers(self) -> Sequence[str]:
        """AES-GCM first: it needs no separate MAC, and less of the client's time."""
        return tuple(sorted(super().preferred_ciphers, key=lambda name: "gcm" not in name))


@dataclass
class Connection:
    """A session and what it rests on."""

    session: Session
    below: Connection | ProxyProcess | None = None

    def close(self) -> None:
        """End the session, then what is below."""
        self.session.close()
        self.session.sock.close()  # paramiko leaves the socket of a failed session open
        if self.below is not None:
            self.below.close()


def connect(hop: Hop, first: Path | None = None, depth: int = 0) -> Connection:
    """A connection that is verified and logged in; `first` is the key file to offer first.

    `depth` counts the jump hosts that are being passed.

    Raises:
        HostUnreachable, AuthenticationFailed, HostKeyUnknown, HostKeyChanged, HostKeyRevoked.
    """
    known = load_known_hosts(hop)
    connection = shake_hands(hop, known, depth)
    try:
        verify(hop, known, presented_key(connection.session))
        authenticate(connection.session, hop, first)
    except BaseException:
        connection.close()
        raise
    connection.session.set_keepalive(hop.config.alive_interval_s or DEFAULT_ALIVE_INTERVAL_S)
    return connection


def shake_hands(hop: Hop, known: KnownHosts, depth: int = 0) -> Connection:
    """A connection that is encrypted, but to nobody knows whom. Raises as `connect`."""
    silence_paramiko()
    sock, below = _reach(hop, depth)
    try:
        session = Session(sock)
    except BaseException:
        sock.close()
        if below is not None:
            below.close()
        raise
    connection = Connection(session, below)
    session.offered_host_keys = offer(known, hop.config.known_name)
    limit = hop.timeout_s
    session.banner_timeout = session.handshake_timeout = session.auth_timeout = limit
    began = time.monotonic()
    try:
        session.start_client(timeout=limit)
        if not session.initial_kex_done:
            raise TimeoutError
    except (paramiko.SSHException, EOFError, OSError) as error:
        late = time.monotonic() - began >= limit
        message = _why_no_session(connection, hop, error, late=late)
        connection.close()
        raise hop.error(HostUnreachable, message) from error
    except BaseException:
        connection.close()
        raise
    return connection


def presented_key(session: paramiko.Transport) -> PublicKey:
    """The key, or the certificate, that the host proved to hold."""
    key = session.get_remote_server_key()
    if key.public_blob is not None:
        return PublicKey(key.public_blob.key_type, key.public_blob.key_blob)
    return PublicKey(key.get_name(), key.asbytes())


def silence_paramiko() -> None:
    """Keep paramiko's log from standard error, where Python puts what nobody handles."""
    logger = logging.getLogger("paramiko")
    if not logger.handlers:
        logger.addHandler(logging.NullHandler())
        logger.propagate = False


def _reach(
    hop: Hop, depth: int
) -> tuple[socket.socket | paramiko.Channel, Connection | ProxyProcess | None]:
    jumps = _jumps(hop)
    if jumps:
        if depth >= MAX_JUMPS:
            raise hop.error(HostUnreachable, f"ProxyJump leads through more than {MAX_JUMPS} hosts")
        return _through(hop, jumps, depth)
    if hop.config.proxy_command:
        proxy = ProxyProcess(hop, hop.config.proxy_command)
        return proxy.socket, proxy
    return dial(hop), None


def _jumps(hop: Hop) -> list[Destination]:
    """The jump hosts on the way to a hop, the nearest first."""
    if not hop.config.proxy_jump:
        return []
    try:
        jumps = [Destination.parse(name) for name in hop.config.proxy_jump.split(",")]
    except ValueError as error:
        raise hop.error(
            HostUnreachable, f"ProxyJump: {error}", remedy="Mend ~/.ssh/config."
        ) from error
    # `Host *` with a ProxyJump holds for the jump host as well; ssh takes that one out, too.
    itself = {hop.config.name.lower(), hop.config.hostname.lower()}
    return [] if jumps[-1].host.lower() in itself else jumps


def _through(hop: Hop, jumps: list[Destination], depth: int) -> tuple[paramiko.Channel, Connection]:
    """A channel to the hop from the last jump host."""
    before, last = jumps[:-1], jumps[-1]
    jump = Hop(_jump_config(last, before), hop.target, hop.options, is_jump=True)
    connection = connect(jump, depth=depth + 1)
    try:
        place = (hop.config.hostname, hop.config.port)
        channel = connection.session.open_channel(
            "direct-tcpip", place, ("127.0.0.1", 0), timeout=hop.timeout_s
        )
    except (paramiko.SSHException, EOFError, OSError) as error:
        connection.close()
        why = error.args[1] if isinstance(error, paramiko.ChannelException) else str(error)
        raise hop.error(
            HostUnreachable,
            f"jump host {last.host} can't open a connection to {hop.config.address}: {why}",
        ) from error
    except BaseException:
        connection.close()
        raise
    return channel, connection


def _jump_config(jump: Destination, before: list[Destination]) -> SshConfig:
    """A jump host's configuration. In a chain the hosts before it replace its own ProxyJump."""
    config = resolve(jump)
    if not before:
        return config
    chain = ",".join(
        (f"{hop.user}@" if hop.user else "")
        + (f"[{hop.host}]" if ":" in hop.host else hop.host)
        + (f":{hop.port}" if hop.port else "")
        for hop in before
    )
    return replace(config, proxy_jump=chain, proxy_command=None)


def _why_no_session(connection: Connection, hop: Hop, error: Exception, *, late: bool) -> str:
    """What went wrong in a handshake, in words."""
    address, text = hop.config.address, str(error)
    if isinstance(connection.below, ProxyProcess):
        complaint = connection.below.complaint()
        address = "the ProxyCommand" + (f" (it says: {complaint})" if complaint else "")
    if late and connection.session.remote_version:
        return f"{address} did not end the SSH handshake within {hop.timeout_s:g} s"
    if late:
        return f"{address} took the connection, but sent no SSH greeting within {hop.timeout_s:g} s"
    if isinstance(error, IncompatiblePeer):
        return f"{address} has no algorithm in common with us: {text}"
    if text.startswith("Indecipherable protocol version"):
        return f"{address} speaks no SSH; it says {text.split(maxsplit=3)[-1][:80]}"
    if isinstance(error, EOFError | OSError) or text.startswith("Error reading SSH protocol"):
        return (
            f"{address} closed the connection before the login: "
            "it may be overloaded or ban this machine"
        )
    return f"the SSH handshake with {address} failed: {text}"
