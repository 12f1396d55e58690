"""Accepting a host's key at first contact, when somebody says so."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from sme_tools.errors import HostKeyChanged, HostKeyUnknown
from sme_tools.hosts.host import Host
from sme_tools.hosts.ssh.certificates import CERTIFICATE_SUFFIX, Certificate
from sme_tools.hosts.ssh.config import destination_of, resolve, user_folder
from sme_tools.hosts.ssh.connect import presented_key, shake_hands
from sme_tools.hosts.ssh.hop import Hop, SshOptions
from sme_tools.hosts.ssh.host_keys import load_known_hosts, verify
from sme_tools.hosts.ssh.known_hosts import PublicKey, append


@dataclass(frozen=True)
class AcceptedKey:
    """A host key that is now on record."""

    name: str
    """The name under which known_hosts has it."""
    type: str
    """The kind of key as people say it: ED25519."""
    fingerprint: str
    """`SHA256:…`."""
    added_to: Path | None
    """The file it was added to; None if it was on record before."""

    def __str__(self) -> str:
        kept = f"added to {self.added_to}" if self.added_to else "was on record before"
        return f"{self.type} {self.fingerprint} of {self.name}, {kept}"


def accept_new_key(
    host: Host, *, connect_timeout_s: float = 10, fingerprint: str | None = None
) -> AcceptedKey:
    """Put the key that the host presents now on record, in the user's first known_hosts file.

    Only for a host without a key on record; nothing is logged in to. Where `fingerprint` is given,
    the key must have it.

    Raises:
        HostKeyChanged: known_hosts has another key, or it is not the one expected.
        HostKeyRevoked: known_hosts revokes the key.
        HostKeyUnknown: a jump host on the way is unknown itself.
        HostUnreachable: no connection was made.
        StateError: known_hosts can't be written.
    """
    config = resolve(destination_of(host), host.identity_file)
    hop = Hop(config, host.name, SshOptions(connect_timeout_s))
    known = load_known_hosts(hop)
    connection = shake_hands(hop, known)
    try:
        presented = presented_key(connection.session)
    finally:
        connection.close()
    added_to = None
    try:
        verify(hop, known, presented)
    except HostKeyUnknown:
        presented = _plain(presented)
        _expect(hop, presented, fingerprint)
        added_to = (*config.user_known_hosts, user_folder() / "known_hosts")[0]
        append(added_to, config.known_name, presented, hashed=config.hash_known_hosts)
    return AcceptedKey(config.known_name, presented.short_type, presented.fingerprint, added_to)


def _plain(presented: PublicKey) -> PublicKey:
    """The key itself: a certificate would be on record only until it expires."""
    if presented.type.endswith(CERTIFICATE_SUFFIX):
        return Certificate.parse(presented).key
    return presented


def _expect(hop: Hop, presented: PublicKey, fingerprint: str | None) -> None:
    if fingerprint is not None and fingerprint != presented.fingerprint:
        raise hop.error(
            HostKeyChanged,
            f"the host presents {presented.fingerprint}, not {fingerprint} as was expected",
            remedy="Compare with the host's own: ssh-keygen -lf /etc/ssh/ssh_host_*_key.pub",
        )
