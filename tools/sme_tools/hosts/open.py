"""Which transport a host has."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from sme_tools.hosts.host import Host

if TYPE_CHECKING:
    from sme_tools.hosts.transport import Transport


def open_transport(
    host: Host,
    *,
    connect_timeout_s: float = 10,
    ask_passphrase: Callable[[str], str | None] | None = None,
) -> Transport:
    """The transport to a host. Nothing is connected before its first `run`.

    `ask_passphrase` is given a prompt and returns the secret, or None; without it nobody is asked.
    `connect_timeout_s` holds for each stage of a connection, unless ssh_config has ConnectTimeout.

    Raises:
        SnapshotInvalid: the host is a snapshot that can't be read.
    """
    if host.transport == "local":
        from sme_tools.hosts.local import LocalTransport

        return LocalTransport(host)
    if host.transport == "replay":
        from sme_tools.hosts.replay import ReplayTransport

        return ReplayTransport(host)
    from sme_tools.hosts.ssh.hop import SshOptions
    from sme_tools.hosts.ssh.transport import SshTransport

    return SshTransport(host, SshOptions(connect_timeout_s, ask_passphrase))
