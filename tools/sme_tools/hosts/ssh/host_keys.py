"""Is this the machine it claims to be? What known_hosts says about the key a host presents.

The rules are those of ssh with StrictHostKeyChecking=yes: no key is ever added by a connection.
"""

from __future__ import annotations

from sme_tools.errors import HostKeyChanged, HostKeyRevoked, HostKeyUnknown
from sme_tools.hosts.ssh.certificates import CERTIFICATE_SUFFIX, Certificate
from sme_tools.hosts.ssh.hop import Hop
from sme_tools.hosts.ssh.known_hosts import Entry, KnownHosts, PublicKey

ALGORITHMS = (
    "ssh-ed25519",
    "ecdsa-sha2-nistp256",
    "ecdsa-sha2-nistp384",
    "ecdsa-sha2-nistp521",
    "rsa-sha2-512",
    "rsa-sha2-256",
)
"""Host key algorithms that paramiko verifies, the preferred ones first."""


def load_known_hosts(hop: Hop) -> KnownHosts:
    """The lines of the user's and the system's known_hosts files."""
    return KnownHosts.load([*hop.config.user_known_hosts, *hop.config.global_known_hosts])


def offer(known: KnownHosts, name: str) -> tuple[str, ...]:
    """The host key algorithms to ask for: first those by which the host is known.

    Certificates are asked for only where an authority is on record, so that a host that has one
    can still be known by its plain key.
    """
    types = {entry.key.type for entry in known.about(name)}
    on_record = tuple(name for name in ALGORITHMS if _key_type(name) in types)
    others = tuple(name for name in ALGORITHMS if name not in on_record)
    certificates: tuple[str, ...] = ()
    if known.about(name, "@cert-authority"):
        certificates = tuple(name + CERTIFICATE_SUFFIX for name in ALGORITHMS)
    return certificates + on_record + others


def _key_type(algorithm: str) -> str:
    return "ssh-rsa" if algorithm.startswith("rsa-") else algorithm


def verify(hop: Hop, known: KnownHosts, presented: PublicKey) -> None:
    """Pass if known_hosts vouches for the key.

    Raises:
        HostKeyRevoked: the key, or the authority that signed it, is revoked.
        HostKeyChanged: another key is on record.
        HostKeyUnknown: nothing is on record.
    """
    name = hop.config.known_name
    key, objection = presented, ""
    if presented.type.endswith(CERTIFICATE_SUFFIX):
        certificate = _certificate(hop, presented)
        key = certificate.key
        _refuse_revoked(hop, known, name, certificate.authority)
        _refuse_revoked(hop, known, name, key)
        authorities = [entry.key for entry in known.about(name, "@cert-authority")]
        host = hop.config.host_key_alias or hop.config.hostname
        if certificate.authority in authorities:
            problem = certificate.why_not_for_host(host)
            if problem is None:
                return
            objection = f"; its certificate does not count: {problem}"
        else:
            objection = "; its certificate is signed by an authority that is not on record"
    _refuse_revoked(hop, known, name, key)
    _verify_plain(hop, known, name, key, objection)


def _certificate(hop: Hop, presented: PublicKey) -> Certificate:
    try:
        return Certificate.parse(presented)
    except ValueError as error:
        raise hop.error(
            HostKeyUnknown, f"the host presents a certificate that can't be verified: {error}"
        ) from error


def _refuse_revoked(hop: Hop, known: KnownHosts, name: str, key: PublicKey) -> None:
    for entry in known.about(name, "@revoked"):
        if entry.key == key:
            raise hop.error(
                HostKeyRevoked,
                f"the host presents a key that {entry.place} revokes: {describe(key)}",
            )


def _verify_plain(hop: Hop, known: KnownHosts, name: str, key: PublicKey, objection: str) -> None:
    entries = known.about(name)
    if any(entry.key == key for entry in entries):
        return
    if entries:
        raise _changed(hop, name, key, entries, objection)
    if name.startswith("[") and any(entry.key == key for entry in known.about(hop.config.hostname)):
        return  # known by the same key on port 22, as ssh takes it
    raise hop.error(
        HostKeyUnknown,
        f"nobody has vouched for this host's key yet: {describe(key)}, "
        f"{name} is not in known_hosts{objection}",
    )


def _changed(
    hop: Hop, name: str, key: PublicKey, entries: list[Entry], objection: str
) -> HostKeyChanged:
    same_type = [entry for entry in entries if entry.key.type == key.type]
    entry = (same_type or entries)[0]
    return hop.error(
        HostKeyChanged,
        f"the host presents the key {describe(key)}, but {entry.place} has "
        f"{describe(entry.key)} for {name}{objection}",
        remedy="Find out why before you connect: it may be another machine. If the host was "
        f"reinstalled: ssh-keygen -f '{entry.file}' -R '{name}'",
    )


def describe(key: PublicKey) -> str:
    """`ED25519 SHA256:…`."""
    return f"{key.short_type} {key.fingerprint}"
