"""The form of the inventory file, and reading and writing it whole."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError, field_validator

from sme_tools.errors import InventoryInvalid
from sme_tools.hosts.host import Limits
from sme_tools.safety.rules import HostRules
from sme_tools.secrets import SecretSource
from sme_tools.yaml_source import describe, read_yaml

Variables = dict[str, str | int | float | bool]


class Grouping(BaseModel):
    """A group or a tag: what holds for each of its hosts."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    sudo: bool | None = None
    """Whether `sudo -n` may be tried where a fact needs root."""
    variables: Variables = Field(default_factory=dict)
    limits: Limits = Field(default_factory=dict)
    """Thresholds of checks, by check, then by name."""
    disabled_checks: tuple[str, ...] = ()
    policy: HostRules = HostRules()
    """What may be changed there, when, and by which commands."""


class HostEntry(Grouping):
    """A host as the file has it; what is left out comes from ssh_config."""

    transport: Literal["local", "ssh"] | None = None
    """`local` runs commands on this machine; `ssh` is what a host has otherwise."""
    address: str | None = None
    port: int | None = Field(default=None, ge=1, le=65535)
    user: str | None = None
    identity_file: Path | None = None
    passphrase: SecretSource | None = None
    """Where the passphrase of its key is: `env:NAME`, `file:PATH` …"""
    sudo_password: SecretSource | None = None
    """Where the password is that sudo asks its account for."""
    groups: tuple[str, ...] = ()
    tags: tuple[str, ...] = ()


class InventoryFile(BaseModel):
    """The whole file."""

    # A secret that somebody wrote down here is refused, and must not be repeated.
    model_config = ConfigDict(extra="forbid", hide_input_in_errors=True)

    hosts: dict[str, HostEntry | None] = Field(default_factory=dict)
    defaults: Grouping = Grouping()
    """What holds for every host, also for those that are not in the file."""
    groups: dict[str, Grouping | None] = Field(default_factory=dict)
    tags: dict[str, Grouping | None] = Field(default_factory=dict)

    @field_validator("hosts", "groups", "tags", mode="before")
    @classmethod
    def _nothing_is_empty(cls, value: object) -> object:
        return {} if value is None else value

    @field_validator("hosts", "groups", "tags")
    @classmethod
    def _names_can_be_typed(cls, value: dict[str, Any]) -> dict[str, Any]:
        for name in value:
            odd = any(c.isspace() or not c.isprintable() or c in "/," for c in name)
            if not name or name[0] in "@-" or odd:
                raise ValueError(
                    f"{name!r} can't be a name: no spaces, commas, slashes or control characters, "
                    "no @ or - in front"
                )
        return value


def parse(text: str, source: str) -> InventoryFile:
    """Read the file's text.

    Raises:
        InventoryInvalid: what is wrong in it, with line, field and what is allowed.
    """
    values = read_yaml(text, source, InventoryInvalid)
    if values is None:
        return InventoryFile()
    if not isinstance(values, dict):
        raise InventoryInvalid(f"{source}:1: an inventory has hosts:, groups: and tags:")
    try:
        return InventoryFile.model_validate(values)
    except ValidationError as error:
        raise InventoryInvalid(describe(error, text, source, InventoryFile)) from error
