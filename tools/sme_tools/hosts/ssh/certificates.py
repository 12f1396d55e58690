"""OpenSSH certificates: whose key one certifies, and whether a host may show it.

Source: PROTOCOL.certkeys of OpenSSH, and `sshkey_cert_check_authority` for the order of the tests.
"""

from __future__ import annotations

import time
from dataclasses import dataclass

from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    PublicFormat,
    SSHCertificate,
    SSHCertificateType,
    load_ssh_public_identity,
)

from sme_tools.hosts.ssh.known_hosts import PublicKey, parse_key

CERTIFICATE_SUFFIX = "-cert-v01@openssh.com"


@dataclass(frozen=True)
class Certificate:
    """A certificate's contents as far as they matter here."""

    key: PublicKey
    """The key that is certified."""
    authority: PublicKey
    """The key that signed."""
    _parsed: SSHCertificate

    @classmethod
    def parse(cls, certificate: PublicKey) -> Certificate:
        """Take a certificate apart.

        Raises:
            ValueError: it is damaged, or of a kind that can't be read; the message says which.
        """
        line = f"{certificate.type} {certificate.base64}".encode()
        try:
            parsed = load_ssh_public_identity(line)
            if not isinstance(parsed, SSHCertificate):
                raise ValueError(f"{certificate.type} is no certificate")  # noqa: TRY004
            return cls(
                _public_key(
                    parsed.public_key().public_bytes(Encoding.OpenSSH, PublicFormat.OpenSSH)
                ),
                _public_key(
                    parsed.signature_key().public_bytes(Encoding.OpenSSH, PublicFormat.OpenSSH)
                ),
                parsed,
            )
        except UnsupportedAlgorithm as error:
            raise ValueError(f"unsupported certificate: {error}") from error

    def why_not_for_host(self, hostname: str, now: float | None = None) -> str | None:
        """What speaks against a host of this name showing it; None if nothing does."""
        certificate = self._parsed
        now = time.time() if now is None else now
        try:
            certificate.verify_cert_signature()
        except (InvalidSignature, UnsupportedAlgorithm, ValueError) as error:
            return f"its signature does not verify ({type(error).__name__})"
        if certificate.type is not SSHCertificateType.HOST:
            return "it is a user's certificate, not a host's"
        if now < certificate.valid_after:
            return "it is not valid yet"
        if now >= certificate.valid_before:
            return (
                f"it expired on {time.strftime('%Y-%m-%d', time.gmtime(certificate.valid_before))}"
            )
        names = [name.decode("utf-8", "replace").lower() for name in certificate.valid_principals]
        if names and hostname.lower() not in names:  # without names it holds for all: ssh-keygen(1)
            return f"it is for {', '.join(names)}, not for {hostname}"
        if certificate.critical_options:
            return "it has options that are not understood"
        return None


def _public_key(line: bytes) -> PublicKey:
    type_, encoded = line.decode().split()[:2]
    return parse_key(type_, encoded)
