"""Reading and adding to known_hosts files. Source: sshd(8), SSH_KNOWN_HOSTS FILE FORMAT.

Hashed names, `[host]:port`, patterns and their negation, `@revoked` and `@cert-authority` are
understood. A line that can't be read is left out, as ssh does, and kept in `skipped`.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
import os
import secrets
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

from sme_tools.errors import StateError
from sme_tools.hosts.ssh.patterns import matches

DEFAULT_PORT = 22
Marker = Literal["", "@revoked", "@cert-authority"]
_HASHED = "|1|"


@dataclass(frozen=True)
class PublicKey:
    """A public key as it travels: its type's name and its blob (RFC 4253, 6.6)."""

    type: str
    blob: bytes

    @property
    def fingerprint(self) -> str:
        """`SHA256:…`, as ssh-keygen -l prints it."""
        digest = hashlib.sha256(self.blob).digest()
        return "SHA256:" + base64.b64encode(digest).decode().rstrip("=")

    @property
    def base64(self) -> str:
        """The blob as it stands in files."""
        return base64.b64encode(self.blob).decode()

    @property
    def short_type(self) -> str:
        """The kind of key as people say it: ED25519, ECDSA, RSA."""
        name = self.type.removeprefix("sk-").removeprefix("ssh-").split("@")[0]
        return name.split("-")[0].upper()


@dataclass(frozen=True)
class Entry:
    """One line of a known_hosts file."""

    marker: Marker
    names: tuple[str, ...]
    """Patterns, or one hashed name."""
    key: PublicKey
    file: Path
    line: int

    def covers(self, name: str) -> bool:
        """Whether the line speaks of the host with this known_hosts name."""
        if self.names[0].startswith(_HASHED):
            return _hash_fits(self.names[0], name.lower())
        return matches(name, self.names)

    @property
    def place(self) -> str:
        """Where the line stands: `/home/me/.ssh/known_hosts:12`."""
        return f"{self.file}:{self.line}"


@dataclass
class KnownHosts:
    """The lines of one or more known_hosts files."""

    entries: list[Entry] = field(default_factory=list)
    skipped: list[str] = field(default_factory=list)
    """What could not be read, each as `FILE:LINE: why`."""

    @classmethod
    def load(cls, files: Iterable[Path]) -> KnownHosts:
        """Read the files; one that does not exist is empty, one that can't be read is skipped."""
        known = cls()
        for file in files:
            try:
                known.add_text(file.read_bytes().decode("utf-8", "replace"), file)
            except FileNotFoundError:
                continue
            except OSError as error:
                known.skipped.append(f"{file}: {error.strerror}")
        return known

    def add_text(self, text: str, file: Path) -> None:
        """Add the lines of a file's text."""
        for number, line in enumerate(text.split("\n"), 1):
            fields = line.split()
            if not fields or fields[0].startswith("#"):
                continue
            try:
                self.entries.append(_entry(fields, file, number))
            except ValueError as error:
                self.skipped.append(f"{file}:{number}: {error}")

    def about(self, name: str, marker: Marker = "") -> list[Entry]:
        """The lines with this marker that speak of the host."""
        return [entry for entry in self.entries if entry.marker == marker and entry.covers(name)]


def known_name(host: str, port: int) -> str:
    """The name a host has in known_hosts: `host`, or `[host]:port` where the port is not 22."""
    return host.lower() if port == DEFAULT_PORT else f"[{host.lower()}]:{port}"


def hash_name(name: str, salt: bytes | None = None) -> str:
    """The hashed form of a name: HMAC-SHA1 with a random salt, as HashKnownHosts writes it."""
    salt = salt or secrets.token_bytes(20)
    digest = hmac.new(salt, name.encode(), hashlib.sha1).digest()
    return f"{_HASHED}{base64.b64encode(salt).decode()}|{base64.b64encode(digest).decode()}"


def append(file: Path, name: str, key: PublicKey, *, hashed: bool) -> None:
    """Add a line to a known_hosts file, which is made (0600) where it is missing.

    Raises:
        StateError: the file can't be written.
    """
    line = f"{hash_name(name) if hashed else name} {key.type} {key.base64}\n"
    try:
        file.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        descriptor = os.open(file, os.O_RDWR | os.O_APPEND | os.O_CREAT, 0o600)
        with os.fdopen(descriptor, "r+b") as stream:
            size = stream.seek(0, os.SEEK_END)
            cut_off = size > 0 and os.pread(descriptor, 1, size - 1) != b"\n"
            stream.write((b"\n" if cut_off else b"") + line.encode())
    except OSError as error:
        raise StateError(
            f"{file} can't be written: {error.strerror}",
            remedy="Make it writable, or add the key yourself: ssh-keyscan, then compare.",
        ) from error


def _hash_fits(hashed: str, name: str) -> bool:
    try:
        salt, digest = (base64.b64decode(part, validate=True) for part in hashed[3:].split("|"))
    except (ValueError, binascii.Error):
        return False
    return hmac.compare_digest(hmac.new(salt, name.encode(), hashlib.sha1).digest(), digest)


def _entry(fields: list[str], file: Path, line: int) -> Entry:
    marker: Marker = ""
    if fields[0].startswith("@"):
        word = fields.pop(0)
        if word == "@revoked":
            marker = "@revoked"
        elif word == "@cert-authority":
            marker = "@cert-authority"
        else:
            raise ValueError(f"unknown marker {word!r}")
    if len(fields) < 3:
        raise ValueError("a line is: [marker] names key-type key")
    names = tuple(name for name in fields[0].split(",") if name)
    if not names:
        raise ValueError("no host name")
    return Entry(marker, names, parse_key(fields[1], fields[2]), file, line)


def parse_key(type: str, encoded: str) -> PublicKey:
    """The key from its two words in a file. Raises ValueError."""
    try:
        blob = base64.b64decode(encoded, validate=True)
    except (ValueError, binascii.Error) as error:
        raise ValueError("the key is not base64") from error
    length = int.from_bytes(blob[:4], "big")
    if len(blob) < 4 or blob[4 : 4 + length] != type.encode():
        raise ValueError(f"the key is not of the type {type!r}")
    return PublicKey(type, blob)
