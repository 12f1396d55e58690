"""The keys that a login may offer, in the order of ssh: from the agent, then from files."""

from __future__ import annotations

import base64
import copy
import socket
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Self

import paramiko
from cryptography.exceptions import UnsupportedAlgorithm
from paramiko.agent import AgentKey, AgentSSH
from paramiko.pkey import PublicBlob, UnknownKeyType

from sme_tools.hosts.ssh.certificates import CERTIFICATE_SUFFIX, Certificate
from sme_tools.hosts.ssh.hop import PASSPHRASE_OF, AskSecret
from sme_tools.hosts.ssh.known_hosts import PublicKey, parse_key

AGENT_TIMEOUT_S = 60.0
"""An agent may wait for a touch or a confirmation."""
PASSPHRASE_TRIES = 3
_MAGIC = b"openssh-key-v1\0"


class KeyUnusable(Exception):
    """A key can't be offered; the text says why, `unlock` how to mend it."""

    def __init__(self, why: str, unlock: str | None = None) -> None:
        super().__init__(why)
        self.unlock = unlock


class _CertifiedAgentKey(AgentKey):
    """A certificate that an agent holds: paramiko's own class makes plain keys of some."""

    def __init__(self, agent: AgentSSH, blob: bytes, comment: str) -> None:
        super().__init__(agent=agent, blob=blob, comment=comment)
        self.public_blob = PublicBlob(self.name, blob)  # type: ignore[assignment]

    def asbytes(self) -> bytes:
        """By this the agent finds the key to sign with."""
        return self.blob


@dataclass(frozen=True)
class Identity:
    """A key that may be offered."""

    label: str
    load: Callable[[], list[paramiko.PKey]]
    """The key, before it the same key with its certificate. Raises KeyUnusable."""


class Agent(AgentSSH):
    """The keys of a running ssh-agent.

    paramiko's own Agent goes by $SSH_AUTH_SOCK alone; IdentityAgent of ssh_config names others.
    """

    def __init__(self, path: str) -> None:
        """Ask the agent at this socket for its keys. Raises OSError, SSHException."""
        super().__init__()
        connection = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        try:
            connection.settimeout(AGENT_TIMEOUT_S)
            connection.connect(path)
            self._connect(connection)  # type: ignore[attr-defined]
        except BaseException:
            connection.close()
            raise

    def keys(self) -> list[AgentKey]:
        """The keys, then those that are certified, ready to be offered with their certificates."""
        plain = [key for key in self.get_keys() if not _is_certificate(key.get_name())]
        certified = [key for key in self.get_keys() if _is_certificate(key.get_name())]
        return plain + [_CertifiedAgentKey(self, key.blob, key.comment) for key in certified]

    def close(self) -> None:
        """End the connection."""
        self._close()  # type: ignore[attr-defined]

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


def identities(
    agent: Agent | None,
    files: tuple[Path, ...],
    certificate_files: tuple[Path, ...],
    *,
    only_files: bool,
    first: Path | None,
    ask: AskSecret | None,
) -> Iterator[Identity]:
    """What to offer: keys of the agent that a file names, other keys of the agent, files.

    `only_files` is IdentitiesOnly: other keys of the agent are left out. `first` is the file that
    the inventory names, so that an agent full of keys can't use up the server's patience before.
    """
    held = agent.keys() if agent else []
    certificates = [found for file in certificate_files if (found := read_public(file))]
    in_files: list[Identity] = []
    for file in dict.fromkeys(files):
        public = public_of(file)
        if public is None and file != first and not file.exists():
            continue  # ssh_config lists default names that nobody need have
        matching = [key for key in held if public and _certified(_blob_of(key)) == public]
        for key in matching:
            held.remove(key)
            yield _from_agent(key, certificates + _beside(file))
        if not matching:
            identity = _from_file(file, certificates + _beside(file), ask)
            if file == first:
                yield identity
            else:
                in_files.append(identity)
    if not only_files:
        for key in held:
            yield _from_agent(key, certificates)
    yield from in_files


def read_public(file: Path) -> PublicKey | None:
    """The public key or certificate in a `.pub` file, if it is one."""
    try:
        words = file.read_text("utf-8", "replace").split(maxsplit=2)
        return parse_key(words[0], words[1])
    except (OSError, ValueError, IndexError):
        return None


def public_of(file: Path) -> PublicKey | None:
    """The public half of an identity file: the file itself, its `.pub`, or its open header."""
    return (
        read_public(file)
        or read_public(file.with_name(file.name + ".pub"))
        or _public_in_private(file)
    )


def _public_in_private(file: Path) -> PublicKey | None:
    """The public key that an OpenSSH private key file carries unencrypted. Source: PROTOCOL.key."""
    try:
        lines = file.read_text("ascii").strip().splitlines()
        if len(lines) < 3 or lines[0] != "-----BEGIN OPENSSH PRIVATE KEY-----":
            return None
        message = paramiko.Message(base64.b64decode("".join(lines[1:-1]))[len(_MAGIC) :])
        for _ in ("cipher", "key derivation", "its options"):
            message.get_binary()
        message.get_int()  # the number of keys
        blob = message.get_binary()
        return PublicKey(paramiko.Message(blob).get_text(), blob)
    except (OSError, ValueError):
        return None


def _beside(file: Path) -> list[PublicKey]:
    found = read_public(file.with_name(file.name.removesuffix(".pub") + "-cert.pub"))
    return [found] if found else []


def _is_certificate(type_: str) -> bool:
    return type_.endswith(CERTIFICATE_SUFFIX)


def _certified(key: PublicKey) -> PublicKey:
    """The plain key, be it in a certificate or not."""
    if not _is_certificate(key.type):
        return key
    try:
        return Certificate.parse(key).key
    except ValueError:
        return key


def _blob_of(key: AgentKey) -> PublicKey:
    return PublicKey(key.get_name(), key.blob)


def _from_agent(key: AgentKey, certificates: list[PublicKey]) -> Identity:
    public = _blob_of(key)

    def load() -> list[paramiko.PKey]:
        loaded: list[paramiko.PKey] = []
        for certificate in _fitting(certificates, public):
            # Not a copy: an AgentKey's __getattr__ does not survive copy.copy.
            certified = AgentKey(agent=key.agent, blob=key.blob, comment=key.comment)
            blob = PublicBlob(certificate.type, certificate.blob)
            certified.public_blob = blob  # type: ignore[assignment]
            loaded.append(certified)
        return [*loaded, key]

    comment = f" {key.comment}" if key.comment else ""
    return Identity(f"agent key{comment} ({public.short_type} {public.fingerprint})", load)


def _fitting(certificates: list[PublicKey], key: PublicKey) -> list[PublicKey]:
    return [found for found in dict.fromkeys(certificates) if _certified(found) == key != found]


def _from_file(file: Path, certificates: list[PublicKey], ask: AskSecret | None) -> Identity:
    def load() -> list[paramiko.PKey]:
        key = _private_key(file, ask)
        key.public_blob = None  # from_path takes a certificate beside it for the key itself
        public = PublicKey(key.get_name(), key.asbytes())
        loaded: list[paramiko.PKey] = []
        for certificate in _fitting(certificates, public):
            certified = copy.copy(key)
            certified.public_blob = PublicBlob(certificate.type, certificate.blob)
            loaded.append(certified)
        return [*loaded, key]

    return Identity(str(file), load)


def _private_key(file: Path, ask: AskSecret | None) -> paramiko.PKey:
    if read_public(file):
        raise KeyUnusable(f"{file} is a public key whose private half is not in the agent")
    try:
        return _load(file, None)
    except TypeError:  # what cryptography says of a locked key
        pass
    unlock = f"ssh-add {file}"
    given = False
    for _ in range(PASSPHRASE_TRIES if ask else 0):
        passphrase = ask(f"{PASSPHRASE_OF}{file}") if ask else None
        if not passphrase:
            break
        given = True
        try:
            return _load(file, passphrase.encode())
        except KeyUnusable:
            continue
    why = "its passphrase was not given" if ask else "it is locked by a passphrase"
    why = "the passphrase does not open it" if given else why
    raise KeyUnusable(f"{file}: {why}", unlock)


def _load(file: Path, passphrase: bytes | None) -> paramiko.PKey:
    """Read a private key. Raises KeyUnusable, or TypeError where it needs a passphrase."""
    try:
        # The annotation says str, the code needs bytes: it hands them on to cryptography.
        return paramiko.PKey.from_path(file, passphrase)  # type: ignore[arg-type]
    except FileNotFoundError as error:
        raise KeyUnusable(f"{file} does not exist") from error
    except OSError as error:
        raise KeyUnusable(f"{file}: {error.strerror}") from error
    except UnsupportedAlgorithm as error:
        raise KeyUnusable(
            f"{file} is of a kind that works through the agent only", f"ssh-add {file}"
        ) from error
    except (ValueError, UnknownKeyType, paramiko.SSHException) as error:
        raise KeyUnusable(f"{file} can't be read as a private key") from error
