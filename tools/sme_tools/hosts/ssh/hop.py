"""One connection on the way to a host: a jump host, or the host itself."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TypeVar

from sme_tools.errors import HostError
from sme_tools.hosts.ssh.config import SshConfig

AskSecret = Callable[[str], str | None]
"""Asks the user for a secret, given a prompt such as `Passphrase of /home/me/.ssh/id_rsa`.

None, or nothing, means that there is no answer. The answer is not kept: whoever visits many hosts
remembers it in here.
"""

PASSPHRASE_OF = "Passphrase of "
"""How the prompt for the passphrase of a key file begins."""

ErrorT = TypeVar("ErrorT", bound=HostError)


@dataclass(frozen=True)
class SshOptions:
    """What the caller decides, beyond ssh_config."""

    connect_timeout_s: float = 10.0
    """For each hop, and for each of its stages: TCP, handshake, login. ssh_config's ConnectTimeout
    goes before it."""
    ask_passphrase: AskSecret | None = None
    """None: nobody is there to ask, so a locked key is passed over, and no password is tried."""


@dataclass(frozen=True)
class Hop:
    """Where one connection leads, and for whose sake."""

    config: SshConfig
    target: str
    """The name of the host that is diagnosed."""
    options: SshOptions
    is_jump: bool = False

    @property
    def timeout_s(self) -> float:
        """The limit of each stage."""
        return self.config.connect_timeout_s or self.options.connect_timeout_s

    def error(self, kind: type[ErrorT], message: str, *, remedy: str | None = None) -> ErrorT:
        """An error of the target that says which hop failed.

        `{host}` in a remedy is the hop's name, and `ssh {host}` what reaches it by hand.
        """
        prefix = f"jump host {self.config.name}: " if self.is_jump else ""
        note = f" ({self.config.note})" if self.config.note else ""
        name = self.config.name if self.is_jump else self.target
        text = (kind.remedy if remedy is None else remedy).replace(
            "ssh {host}", self.config.command
        )
        return kind(
            f"{prefix}{message}{note}", host=self.target, remedy=text.replace("{host}", name)
        )
