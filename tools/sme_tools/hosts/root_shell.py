"""Root by a sudo that asks for a password: from an account's shell to root's, before the script.

The transport starts /bin/sh as ever. That shell and sudo then say what they wait for, in lines with
a random token, and nothing is sent before it was asked for:

    <token> S   on standard output: a shell of an account that is not root; "go" starts sudo
    <token> P   on standard error: sudo's prompt; the password is sent, once
    <token> R   on standard output: a shell of root; the script is sent

So the password reaches sudo and nothing else; where sudo asks nobody it is not sent at all. A wrong
one costs one try and not three, which may lock an account, and no line of the script is ever taken
for a password. sudo keeps no ticket of it (-k) that others of the account could use.
"""

from __future__ import annotations

import re
import secrets
import threading
import time
from typing import Literal, Protocol

from pydantic import SecretStr

from sme_tools.errors import AuthenticationFailed, SecretUnavailable
from sme_tools.hosts.host import Host
from sme_tools.hosts.script import Script

LIMIT_S = 30.0
"""For each answer. A wrong password takes sudo about two seconds."""
MOST_SAID_BYTES = 256 * 1024
"""Banners and sudo's lecture come before an answer; more than this is no answer."""
_SHOWN_CHARS = 200

Stream = Literal["stdout", "stderr"]

# Folders of the system go first: the account's own PATH may lead to something else named sudo. The
# prompt is put together there, so that a shell that repeats its input has not asked for anything.
_OPENING = """\
{ sme=@TOKEN@
if [ "$(id -u)" = 0 ]; then printf '\\n%s R\\n' "$sme"; exec /bin/sh; fi
printf '\\n%s S\\n' "$sme"; read -r go || exit 1
LC_ALL=C; PATH="/run/wrappers/bin:/usr/bin:/bin:/usr/local/bin:$PATH"; export LC_ALL PATH
exec sudo -S -k -p "$sme P" /bin/sh -c 'printf "\\n%s R\\n" "$1"; exec /bin/sh' sh "$sme"
}
"""

_WRONG = (
    "See that sudo_password of {host}, in hosts.yaml, leads to the password of its account, which "
    "`sudo -k true` takes there, and that sudo allows this account /bin/sh: sudo -l"
)
_NO_SHELL = (
    "See that sudo is there and allows the account /bin/sh (sudo -l), or take sudo_password of "
    "{host} out of hosts.yaml"
)


class Wire(Protocol):
    """Both ways to a shell that runs."""

    def send(self, data: bytes) -> None:
        """Write to its standard input; a shell that has gone takes no notice."""
        ...

    def receive(self, timeout_s: float) -> list[tuple[Stream, bytes]] | None:
        """What came since the last call, [] after `timeout_s` without any, None if all has come.

        Raises:
            HostLost: the connection broke.
        """
        ...


class SudoPassword:
    """The password of one host's account, fetched when it is first needed and then kept until
    `forget`. Safe to use from several threads."""

    def __init__(self, host: Host) -> None:
        self._host = host
        self._lock = threading.Lock()
        self._kept: SecretStr | None = None

    def serves(self, script: Script) -> bool:
        """Whether a script runs as root by it: only one that has a step which needs root."""
        return self._host.sudo_password is not None and any(s.needs_root for s in script.steps)

    def get(self) -> SecretStr:
        """Fetch it.

        Raises:
            AuthenticationFailed: it can't be fetched. One host's trouble, not that of all.
        """
        assert self._host.sudo_password is not None
        with self._lock:
            if self._kept is None:
                try:
                    self._kept = self._host.sudo_password.get()
                except SecretUnavailable as error:
                    raise AuthenticationFailed(
                        f"its sudo_password: {error.message}",
                        host=self._host.name,
                        remedy=error.remedy,
                    ) from error
            return self._kept

    def forget(self) -> None:
        """Keep it no longer."""
        with self._lock:
            self._kept = None


class RootShell:
    """The talk that makes a shell one of root's. Use once."""

    def __init__(self, wire: Wire, password: SudoPassword, host: str, *, limit_s: float) -> None:
        """`limit_s`: for each answer, if that is less than LIMIT_S."""
        self._wire = wire
        self._password = password
        self._host = host
        self._limit_s = min(limit_s, LIMIT_S)
        self._token = f"sme-{secrets.token_hex(16)}"
        self._said: dict[Stream, bytes] = {"stdout": b"", "stderr": b""}
        self._late = False
        self._secret = SecretStr("")

    def enter(self) -> bool:
        """Become root. False: no POSIX shell answered; `noise` is what did.

        Raises:
            AuthenticationFailed: the password can't be fetched or is not accepted, or sudo runs no
                shell. The message holds no secret.
            HostLost: the connection broke.
        """
        self._wire.send(_OPENING.replace("@TOKEN@", self._token).encode())
        if not self._hears(shell="S", or_shell="R"):
            return False
        if self._count("stdout", "R"):
            return True
        self._secret = self._one_line()
        self._wire.send(b"go\n")
        if not self._hears(shell="R", prompts=1):
            raise self._failed("sudo runs no shell", _NO_SHELL)
        if self._count("stdout", "R"):
            return True
        self._wire.send(_bytes(self._secret) + b"\n")
        if not self._hears(shell="R", prompts=2):
            raise self._failed("sudo runs no shell, though it was given the password", _WRONG)
        if not self._count("stdout", "R"):
            raise self._failed("sudo does not accept the password", _WRONG)
        return True

    @property
    def noise(self) -> str:
        """What came besides our own lines, without the password; the end of it."""
        text = b"\n".join(self._said.values())
        if self._secret:
            text = text.replace(_bytes(self._secret), "…".encode())
        said = re.sub(rf"{self._token} [SPR]", "\n", text.decode("utf-8", "replace"))
        lines = (line.strip() for line in said.replace(self._token, "…").split("\n"))
        return "; ".join(line for line in lines if line)[-_SHOWN_CHARS:]

    def _one_line(self) -> SecretStr:
        secret = self._password.get()
        if any(c in secret.get_secret_value() for c in "\n\0"):
            raise AuthenticationFailed(
                "its sudo_password: what is there is more than one line",
                host=self._host,
                remedy="Put there the password, and nothing else.",
            )
        return secret

    def _count(self, stream: Stream, letter: str) -> int:
        return self._said[stream].count(f"{self._token} {letter}".encode())

    def _hears(self, *, shell: str, or_shell: str = "R", prompts: int | None = None) -> bool:
        """Wait for a line on standard output, or for as many prompts. False: nothing of it came."""
        deadline = time.monotonic() + self._limit_s
        while True:
            if self._count("stdout", shell) or self._count("stdout", or_shell):
                return True
            if prompts is not None and self._count("stderr", "P") >= prompts:
                return True
            left = deadline - time.monotonic()
            self._late = left <= 0
            got = None if self._late else self._wire.receive(left)
            if got is None:
                return False
            for stream, data in got:
                self._said[stream] += data
            if sum(map(len, self._said.values())) > MOST_SAID_BYTES:
                return False

    def _failed(self, message: str, remedy: str) -> AuthenticationFailed:
        self._password.forget()
        late = f" within {self._limit_s:g} s" if self._late else ""
        said = f"; it said: {self.noise!r}" if self.noise else ""
        return AuthenticationFailed(message + late + said, host=self._host, remedy=remedy)


def _bytes(secret: SecretStr) -> bytes:
    return secret.get_secret_value().encode("utf-8", "surrogateescape")
