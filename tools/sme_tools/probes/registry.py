"""Probes: a read-only command and a pure parser that turns its output into facts."""

from __future__ import annotations

import importlib
import pkgutil
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cache
from types import MappingProxyType
from typing import Any, TypeVar, get_type_hints

from sme_tools.errors import ProbeError, UnknownProbe
from sme_tools.facts import DOMAINS
from sme_tools.hosts.script import Step
from sme_tools.probes.commands import log_forms, spoken

LEVELS = {1: "services", 2: "infrastructure", 3: "integration", 4: "performance"}
"""How deep a probe looks. 1 is the baseline: cheap, and enough to see that something is wrong."""

F = TypeVar("F", bound=Callable[[str], object])


@dataclass(frozen=True)
class Probe:
    """One entry of the registry; made by the decorator `probe`."""

    id: str
    level: int
    command: str
    parse: Callable[[str], object]
    """Output (standard output alone) to facts; None means the host has no such thing."""
    tool: str | None = None
    """The program it needs; where that is missing the facts are absent, quietly."""
    needs_root: bool = False
    timeout_s: int = 10
    ok_exit_codes: tuple[int, ...] = (0,)
    """Exit codes after which the output is worth parsing."""
    reads: tuple[str, ...] = ()
    """Other commands whose recorded output the parser reads as well: `df -h`."""

    @property
    def summary(self) -> str:
        """The first line of the parser's docstring."""
        return (self.parse.__doc__ or "").strip().split("\n")[0]

    @property
    def returns(self) -> Any:  # noqa: ANN401 - a type
        """The type of the facts."""
        return get_type_hints(self.parse)["return"]

    def read(self, output: str) -> object:
        """The facts in this output; None means the host has no such thing.

        Raises:
            ProbeError: the output is not of a form the parser knows.
        """
        try:
            return self.parse(output)
        except (ValueError, LookupError, TypeError, AttributeError, ArithmeticError) as error:
            raise ProbeError(
                self.id, f"unreadable output ({type(error).__name__}: {error})"
            ) from error

    def step(self) -> Step:
        """The probe as a step of a script."""
        guard = f"command -v {self.tool} >/dev/null 2>&1 || exit 127\n" if self.tool else ""
        return Step(self.id, guard + self.command, self.timeout_s, self.needs_root)


_registry: dict[str, Probe] = {}


def probe(
    id: str,
    *,
    level: int,
    command: str,
    tool: str | None = None,
    needs_root: bool = False,
    timeout_s: int = 10,
    ok_exit_codes: tuple[int, ...] = (0,),
    reads: tuple[str, ...] = (),
) -> Callable[[F], F]:
    """Register a parser as the probe `id`, whose first part is a domain of the facts."""
    if id.split(".")[0] not in DOMAINS or not re.fullmatch(r"[a-z]+(\.[a-z][a-z0-9_]*)+", id):
        raise ValueError(f"a probe's id is DOMAIN.name, with a domain of {DOMAINS}: {id!r}")
    if level not in LEVELS:
        raise ValueError(f"{id}: a probe's level is one of {sorted(LEVELS)}")

    def register(parse: F) -> F:
        if id in _registry:
            raise ValueError(f"two probes are called {id!r}")
        _registry[id] = Probe(
            id, level, command, parse, tool, needs_root, timeout_s, ok_exit_codes, reads
        )
        return parse

    return register


@cache
def probes() -> Mapping[str, Probe]:
    """All probes by id, sorted."""
    package = importlib.import_module("sme_tools.probes")
    for module in pkgutil.iter_modules(package.__path__):
        importlib.import_module(f"sme_tools.probes.{module.name}")
    return MappingProxyType(dict(sorted(_registry.items())))


def find_probe(id: str) -> Probe:
    """The probe with this id. Raises UnknownProbe, with the nearest names."""
    known = probes()
    if id not in known:
        import difflib

        near = difflib.get_close_matches(id, known, n=3)
        hint = f"; did you mean {' or '.join(near)}?" if near else ""
        raise UnknownProbe(f"there is no probe {id!r}{hint}")
    return known[id]


def probes_that_read(command: str) -> list[Probe]:
    """The probes whose parser reads the recorded output of this command line.

    `sudo`, a path before the program, the order of options, what follows a pipe and remarks in
    parentheses do not count. Those that name the command in full are preferred; then those that
    share the most of its verbs and options.
    """
    return next(iter(readers_of(command)), [])


def readers_of(command: str) -> list[list[Probe]]:
    """The probes that may read this command's output, the likeliest group first."""
    named = [probe for probe in probes().values() if _names_in_full(probe, command)]
    groups = [named] if named else []
    asked = spoken(command)
    by_nearness: dict[tuple[int, int, int], list[Probe]] = {}
    for probe in probes().values():
        if asked is None:
            break
        forms = [form for form in map(spoken, probe.reads) if form]
        grades = [near for form in forms if (near := asked.nearness(form)) is not None]
        if grades and probe not in named:
            by_nearness.setdefault(max(grades), []).append(probe)
    groups += [by_nearness[grade] for grade in sorted(by_nearness, reverse=True)]
    if not groups and (logs := log_forms(command)):
        groups = [[probe for probe in probes().values() if logs & set(probe.reads)]]
    if not groups and "_" in command and " " not in command:  # a collector's name for it
        return readers_of(command.replace("_", " "))
    return groups


def _names_in_full(probe: Probe, command: str) -> bool:
    words = command.split()
    return probe.command.split() == words or any(form.split() == words for form in probe.reads)
