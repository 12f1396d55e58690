"""The inventory: hosts, groups and tags in one YAML file, beside what ssh_config knows.

    hosts:
      web1:
        address: 10.0.0.5
        user: root
        groups: [web]
        tags: [prod]
        limits: {storage.filesystem-full: {used_percent: 98}}
    groups:
      web: {sudo: true, disabled_checks: [system.reboot-required]}
    tags:
      prod: {limits: {storage.filesystem-full: {used_percent: 90}}, policy: {mode: observe}}
    defaults:
      policy: {deny: [docker compose down]}

What holds for a host is put together from the defaults, its groups, then its tags, then its own
entry: the later goes before the earlier, limit by limit and variable by variable; of several groups
or tags the one named last. Disabled checks and policy rules add up.
"""

from __future__ import annotations

import difflib
import os
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path

import yaml
from pydantic import ValidationError

from sme_tools.errors import InventoryInvalid, StateError, UnknownHost, UsageError
from sme_tools.files import replace_file
from sme_tools.hosts.host import LOCALHOST, Host, Limits, localhost
from sme_tools.hosts.inventory_file import (
    Grouping,
    HostEntry,
    InventoryFile,
    Variables,
    parse,
)
from sme_tools.safety.rules import HostRules

EVERYTHING = "all"
"""`@all` selects every host of the file."""


class Inventory:
    """The hosts that can be diagnosed."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._text = ""
        self._file = InventoryFile()

    @classmethod
    def load(cls, path: Path) -> Inventory:
        """Read the file; a missing one is an empty inventory.

        Raises:
            InventoryInvalid: what is wrong in it, with line, field and what is allowed.
        """
        inventory = cls(path)
        try:
            inventory._text = path.read_text("utf-8")
        except FileNotFoundError:
            return inventory
        except (OSError, UnicodeDecodeError) as error:
            raise InventoryInvalid(f"{path} can't be read: {error}") from error
        inventory._file = parse(inventory._text, str(path))
        return inventory

    def hosts(self) -> list[Host]:
        """Every host: this machine, those of the file, those that ssh_config spells out."""
        from sme_tools.hosts.ssh.names import ssh_names

        names = dict.fromkeys([LOCALHOST, *self._file.hosts, *ssh_names()])
        return [self._entry(name) or self._with_defaults(Host(name=name)) for name in names]

    def known(self, name: str) -> Host | None:
        """The host of this name if it needs no looking up: this machine, or one of the file."""
        return self._entry(name)

    def groupings(self) -> list[str]:
        """The names of groups and tags, which select hosts as `@name`."""
        entries = [entry for entry in self._file.hosts.values() if entry]
        used = [name for entry in entries for name in (*entry.groups, *entry.tags)]
        return sorted({*self._file.groups, *self._file.tags, *used})

    def select(self, words: Sequence[str]) -> list[Host]:
        """The hosts that these names and `@groups` mean, each once, in the order of the words.

        Raises:
            UnknownHost: a word that means none.
            UsageError: two words mean different hosts of one name, such as two snapshots of it.
        """
        found: dict[str, Host] = {}
        for word in words:
            for host in self._members(word[1:]) if word.startswith("@") else [self.resolve(word)]:
                if found.setdefault(host.name, host) != host:
                    raise UsageError(
                        f"two of these are called {host.name}", remedy="Diagnose them one by one."
                    )
        return list(found.values())

    def resolve(self, word: str) -> Host:
        """The host that a word means.

        In this order: an entry of the file; `localhost`; the path of a snapshot (a word with a
        slash); a name that a Host or Match line of ssh_config speaks of; `user@host`, `host:port`,
        `ssh://user@host:port` or an IP address; a snapshot in the current folder; a name that the
        resolver knows. `user@` and `:port` go before what the file says of the host.

        Raises:
            UnknownHost: it means none; the message has the nearest names.
        """
        from sme_tools.hosts import naming

        if (host := self._entry(word)) is not None:
            return host
        if os.sep in word and not word.startswith("ssh://"):
            return naming.snapshot(word)
        try:
            named = naming.destination(word)
        except ValueError as error:
            raise UnknownHost(f"{word!r} is no host: {error}") from error
        listed = self._entry(named.host)
        if listed is not None and listed.transport == "ssh":
            stated = {"user": named.user, "port": named.port}
            return listed.model_copy(update={k: v for k, v in stated.items() if v is not None})
        if (host := naming.unlisted(word, named)) is not None:
            return self._with_defaults(host)
        raise UnknownHost(f"there is no host {word!r}{self._near(word)}")

    def add(self, host: Host, *, replace: bool = False) -> None:
        """Take a host into the file's contents; `save` writes them.

        Raises:
            InventoryInvalid: there is one of that name and `replace` is not set, or it can't be
                an entry.
        """
        if host.name in self._file.hosts and not replace:
            raise InventoryInvalid(
                f"{self._path} has a host {host.name!r} already",
                remedy="Choose another name, or replace it with --replace.",
            )
        if host.transport == "replay":
            raise InventoryInvalid(f"{host.snapshot} is a snapshot: use it by its path")
        stated = host.model_dump(exclude_defaults=True, exclude={"name"})
        try:
            entries = self._file.hosts | {host.name: HostEntry(**stated)}
            self._file = InventoryFile(**{**dict(self._file), "hosts": entries})
        except ValidationError as error:
            message = error.errors()[0]["msg"].removeprefix("Value error, ")
            raise InventoryInvalid(f"host {host.name!r}: {message}") from error

    def save(self) -> None:
        """Write the file (0600), whole or not at all. Comments in it are not kept.

        Raises:
            StateError: it can't be written, or was changed by somebody else since it was read.
        """
        values = self._file.model_dump(mode="json", exclude_defaults=True, exclude_none=True)
        text = yaml.safe_dump(values, sort_keys=False, allow_unicode=True)
        path = self._path.resolve()  # a link stays a link
        try:
            with suppress(FileNotFoundError):
                if path.read_text("utf-8") != self._text:
                    raise StateError(f"{path} was changed meanwhile", remedy="Try again.")
            path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
            replace_file(path, text.encode())
        except OSError as error:
            raise StateError(
                f"{path} can't be written: {error.strerror}",
                remedy="Make the folder writable, or name another one in SME_CONFIG_DIR.",
            ) from error
        self._text = text

    def _entry(self, name: str) -> Host | None:
        """The host of the file with its groups and tags, or this machine."""
        if name not in self._file.hosts:
            return self._with_defaults(localhost()) if name == LOCALHOST else None
        entry = self._file.hosts[name] or HostEntry()
        layers: list[Grouping | None] = [self._file.defaults]
        layers += [self._file.groups.get(group) for group in entry.groups]
        layers += [self._file.tags.get(tag) for tag in entry.tags]
        return _merge(name, entry, [layer for layer in layers if layer])

    def _with_defaults(self, host: Host) -> Host:
        """A host that the file does not have, under the rules for every host."""
        defaults = self._file.defaults
        return host.model_copy(
            update={
                "sudo": bool(defaults.sudo),
                "variables": defaults.variables,
                "limits": defaults.limits,
                "disabled_checks": defaults.disabled_checks,
                "policy": defaults.policy,
            }
        )

    def _members(self, grouping: str) -> list[Host]:
        hosts = [host for name in self._file.hosts if (host := self._entry(name))]
        if grouping != EVERYTHING:
            hosts = [host for host in hosts if grouping in (*host.groups, *host.tags)]
        if not hosts:
            near = _did_you_mean(grouping, [*self.groupings(), EVERYTHING], "@")
            raise UnknownHost(f"no host has the group or tag {grouping!r}{near}")
        return hosts

    def _near(self, word: str) -> str:
        return _did_you_mean(word, [host.name for host in self.hosts()])


def _did_you_mean(word: str, names: Sequence[str], prefix: str = "") -> str:
    near = [prefix + name for name in difflib.get_close_matches(word, names, n=3)]
    return f"; did you mean {' or '.join(near)}?" if near else ""


def _merge(name: str, entry: HostEntry, layers: list[Grouping]) -> Host:
    variables: Variables = {}
    limits: Limits = {}
    disabled: dict[str, None] = {}
    sudo = False
    policy = HostRules()
    for layer in (*layers, entry):
        variables |= layer.variables
        for check, values in layer.limits.items():
            limits[check] = limits.get(check, {}) | values
        disabled |= dict.fromkeys(layer.disabled_checks)
        sudo = sudo if layer.sudo is None else layer.sudo
        policy = layer.policy.over(policy)
    return Host(
        name=name,
        transport=entry.transport or ("local" if name == LOCALHOST else "ssh"),
        address=entry.address,
        port=entry.port,
        user=entry.user,
        identity_file=entry.identity_file,
        passphrase=entry.passphrase,
        sudo_password=entry.sudo_password,
        sudo=sudo,
        groups=entry.groups,
        tags=entry.tags,
        variables=variables,
        limits=limits,
        disabled_checks=tuple(disabled),
        policy=policy,
    )
