"""The two forms of an Ansible inventory file, read into one: hosts, groups and their variables."""

from __future__ import annotations

import ast
import itertools
import re
import shlex
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

from sme_tools.errors import InventoryInvalid
from sme_tools.hosts.ssh.config import Destination
from sme_tools.yaml_source import line_of, read_yaml

_SECTION = re.compile(r"\[([^:\]\s]+)(?::(\w+))?\]\s*(?:[#;].*)?")
_RANGE = re.compile(r"\[(\w+):(\w+)(?::(\d+))?\]")
MAX_RANGE = 10_000

Values = dict[str, object]


@dataclass
class _Group:
    hosts: list[str] = field(default_factory=list)
    children: list[str] = field(default_factory=list)
    variables: Values = field(default_factory=dict)


@dataclass
class AnsibleInventory:
    """Hosts, groups and variables as the file has them."""

    source: str
    hosts: dict[str, Values] = field(default_factory=dict)
    groups: dict[str, _Group] = field(default_factory=dict)
    skipped: list[str] = field(default_factory=list)

    def group(self, name: str) -> _Group:
        """The group of this name, made where it is new."""
        return self.groups.setdefault(name, _Group())

    def add_host(self, name: str, group: str, values: Values) -> None:
        """Put a host into a group; variables of an earlier mention are kept."""
        self.hosts.setdefault(name, {}).update(values)
        members = self.group(group).hosts
        if name not in members:
            members.append(name)

    def groups_of(self, host: str) -> list[str]:
        """The groups of a host, those that hold them first: a child goes before its parents."""
        depths: dict[str, int] = {}
        direct = [name for name, group in self.groups.items() if host in group.hosts]
        for name in direct:
            self._climb(name, depths, 0)
        return sorted(depths, key=lambda name: (-depths[name], name != "all", name))

    def _climb(self, name: str, heights: dict[str, int], height: int) -> None:
        if height > len(self.groups):
            raise InventoryInvalid(f"{self.source}: the group {name!r} is a child of its own")
        heights[name] = max(heights.get(name, 0), height)
        for parent, group in self.groups.items():
            if name in group.children:
                self._climb(parent, heights, height + 1)

    def variables_of(self, host: str) -> Values:
        """What holds for a host: its groups' from the outermost in, `all` first, then its own."""
        values: Values = {}
        for group in ["all", *(name for name in self.groups_of(host) if name != "all")]:
            if group in self.groups:
                values |= self.groups[group].variables
        return values | self.hosts[host]


def read_ini(text: str, source: str) -> AnsibleInventory:
    """Read the INI form. Raises InventoryInvalid with file and line."""
    inventory = AnsibleInventory(source)
    section, kind = "ungrouped", "hosts"
    for number, raw in enumerate(text.splitlines(), 1):
        line = raw.strip()
        if not line or line[0] in "#;":
            continue
        if line[0] == "[" and (header := _SECTION.fullmatch(line)):
            section, kind = header[1], header[2] or "hosts"
            if kind not in ("hosts", "children", "vars"):
                raise InventoryInvalid(
                    f"{source}:{number}: [{section}:{kind}]: allowed are :children and :vars"
                )
            inventory.group(section)
            continue
        try:
            _ini_line(inventory, section, kind, line)
        except ValueError as error:
            raise InventoryInvalid(f"{source}:{number}: {error}") from error
    return inventory


def _ini_line(inventory: AnsibleInventory, section: str, kind: str, line: str) -> None:
    if kind == "vars":
        name, equals, value = line.partition("=")
        if not equals:
            raise ValueError(f"{line!r} is no NAME=VALUE")
        # Unlike on host lines, a # is part of the value here.
        inventory.group(section).variables[name.strip()] = _literal(value.strip())
        return
    words = shlex.split(line, comments=True)
    if kind == "children":
        if len(words) != 1:
            raise ValueError(f"{line!r} is no name of a group")
        inventory.group(words[0])
        inventory.group(section).children.append(words[0])
        return
    values: Values = {}
    for word in words[1:]:
        name, equals, value = word.partition("=")
        if not equals:
            raise ValueError(f"{word!r} is no NAME=VALUE")
        values[name] = _literal(value)
    for name in expand_range(words[0]):
        host, port = _split_port(name)
        inventory.add_host(host, section, ({"ansible_port": port} if port else {}) | values)


def _split_port(name: str) -> tuple[str, int | None]:
    if name.count(":") == 1 or name.startswith("["):
        parsed = Destination.parse(name)
        return parsed.host, parsed.port
    return name, None


def _literal(value: str) -> object:
    """A value as Ansible reads it in INI files: a Python literal, else text."""
    try:
        found = ast.literal_eval(value)
    except (ValueError, SyntaxError, MemoryError, RecursionError):
        return value
    return found if isinstance(found, str | int | float | bool | list | dict) else value


def expand_range(name: str) -> list[str]:
    """`web[01:10:3]`, `db-[a:f]` as names; any other name as it is. Raises ValueError."""
    names = list(itertools.islice(_expand(name), MAX_RANGE + 1))
    if len(names) > MAX_RANGE:
        raise ValueError(f"{name} is more than {MAX_RANGE} hosts")
    return names


def _expand(name: str) -> Iterator[str]:
    found = _RANGE.search(name)
    if found is None:
        yield name
        return
    first, last, step = found[1], found[2], int(found[3] or 1)
    for middle in _between(first, last, step):
        yield from _expand(name[: found.start()] + middle + name[found.end() :])


def _between(first: str, last: str, step: int) -> list[str]:
    if step < 1:
        raise ValueError(f"[{first}:{last}:{step}] takes no steps")
    if first.isdigit() and last.isdigit():
        width = len(first) if first.startswith("0") else 0
        numbers = range(int(first), int(last) + 1, step)
        if len(numbers) > MAX_RANGE:
            raise ValueError(f"[{first}:{last}] is more than {MAX_RANGE} hosts")
        names = [str(number).zfill(width) for number in numbers]
    elif len(first) == len(last) == 1 and first.isalpha() and last.isalpha():
        names = [chr(code) for code in range(ord(first), ord(last) + 1, step)]
    else:
        raise ValueError(f"[{first}:{last}] is no range of numbers or letters")
    if not names:
        raise ValueError(f"[{first}:{last}] is empty")
    return names


def read_yaml_inventory(text: str, source: str) -> AnsibleInventory:
    """Read the YAML form. Raises InventoryInvalid with file and line."""
    inventory = AnsibleInventory(source)
    values = read_yaml(text, source, InventoryInvalid) or {}
    reader = _YamlReader(inventory, text, source)
    for name, group in reader.mapping(values, ()):
        reader.read_group(name, group, (name,))
    return inventory


@dataclass
class _YamlReader:
    inventory: AnsibleInventory
    text: str
    source: str

    def mapping(self, value: Any, at: tuple[str | int, ...]) -> list[tuple[str, Any]]:  # noqa: ANN401
        if value is None:
            return []
        if not isinstance(value, dict):
            line = line_of(self.text, at) or 1
            where = ".".join(map(str, at)) or "the file"
            raise InventoryInvalid(f"{self.source}:{line}: {where}: a mapping belongs here")
        return [(str(name), inner) for name, inner in value.items()]

    def read_group(self, name: str, value: Any, at: tuple[str | int, ...]) -> None:  # noqa: ANN401
        group = self.inventory.group(name)
        for key, inner in self.mapping(value, at):
            here = (*at, key)
            if key == "hosts":
                for pattern, variables in self.mapping(inner, here):
                    self.read_host(pattern, name, variables, (*here, pattern))
            elif key == "children":
                for child, content in self.mapping(inner, here):
                    if child not in group.children:
                        group.children.append(child)
                    self.read_group(child, content, (*here, child))
            elif key == "vars":
                group.variables |= dict(self.mapping(inner, here))
            else:
                line = line_of(self.text, here) or 1
                raise InventoryInvalid(
                    f"{self.source}:{line}: {'.'.join(map(str, here))}: "
                    "a group has hosts, children and vars"
                )

    def read_host(
        self,
        pattern: str,
        group: str,
        value: Any,  # noqa: ANN401
        at: tuple[str | int, ...],
    ) -> None:
        variables: Values = dict(self.mapping(value, at))
        try:
            for name in expand_range(pattern):
                host, port = _split_port(name)
                more: Values = {"ansible_port": port} if port else {}
                self.inventory.add_host(host, group, more | variables)
        except ValueError as error:
            line = line_of(self.text, at) or 1
            raise InventoryInvalid(f"{self.source}:{line}: {error}") from error
