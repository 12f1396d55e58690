"""A machine to diagnose: one inventory entry, with what its groups and tags add."""

from __future__ import annotations

from pathlib import Path
from typing import Literal

from pydantic import BaseModel, ConfigDict, Field

from sme_tools.safety.rules import HostRules
from sme_tools.secrets import SecretSource

LOCALHOST = "localhost"

Limits = dict[str, dict[str, float]]
"""Thresholds by check id, then by limit name: {"storage.filesystem-full": {"used_percent": 98}}."""


class Host(BaseModel):
    """How to reach one machine and how to judge it.

    Whatever of address, port, user and identity file is None comes from ssh_config.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    name: str
    transport: Literal["local", "ssh", "replay"] = "ssh"
    address: str | None = None
    port: int | None = Field(default=None, ge=1, le=65535)
    user: str | None = None
    identity_file: Path | None = None
    passphrase: SecretSource | None = None
    """Where the passphrase of its key is."""
    snapshot: Path | None = None
    """The recorded host to replay; set for transport `replay` only."""
    sudo: bool = False
    """Whether `sudo -n` may be tried where a fact needs root."""
    sudo_password: SecretSource | None = None
    """Where the password is that sudo asks its account for. With it, a script that has a step which
    needs root runs as root as a whole, through one sudo."""
    groups: tuple[str, ...] = ()
    tags: tuple[str, ...] = ()
    variables: dict[str, str | int | float | bool] = Field(default_factory=dict)
    limits: Limits = Field(default_factory=dict)
    """Thresholds of checks, already merged: tag over group over default, host over all."""
    disabled_checks: tuple[str, ...] = ()
    policy: HostRules = HostRules()
    """Already merged: its own go before a tag's, a tag's before a group's; lists add up."""


def localhost() -> Host:
    """The machine this runs on; exists in every inventory."""
    return Host(name=LOCALHOST, transport="local")
