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

    return SshTransport(host, SshOptions(connect_timeout_s, _asking(host, ask_passphrase)))


def _asking(
    host: Host, ask: Callable[[str], str | None] | None
) -> Callable[[str], str | None] | None:
    """Answers for each key with the passphrase that the inventory names; after that, the user.

    Raises, when it is called:
        AuthenticationFailed: the passphrase can't be fetched. One host's trouble, not that of all.
    """
    source = host.passphrase
    if source is None:
        return ask
    answered: set[str] = set()

    def answer(prompt: str) -> str | None:
        from sme_tools.errors import AuthenticationFailed, SecretUnavailable
        from sme_tools.hosts.ssh.hop import PASSPHRASE_OF

        if not prompt.startswith(PASSPHRASE_OF) or prompt in answered:
            return ask(prompt) if ask else None
        answered.add(prompt)
        try:
            return source.get().get_secret_value()
        except SecretUnavailable as error:
            raise AuthenticationFailed(
                f"its passphrase: {error.message}", host=host.name, remedy=error.remedy
            ) from error

    return answer
