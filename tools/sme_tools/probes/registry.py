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

    `sudo`, a path before the program, and what follows a pipe do not count. A form that the probe
    names in full is preferred; then the longest that the command begins with (`mdadm --detail` for
    `mdadm --detail /dev/md0`); then one with the same program and words but other options.
    """
    asked = _words(command)
    nearest: dict[tuple[int, int], list[Probe]] = {}
    for candidate in probes().values():
        grades = [_nearness(_words(form), asked) for form in candidate.reads]
        if candidate.command.split() == command.split():
            grades.append((3, 0))
        if best := max(grades, default=(0, 0)):
            nearest.setdefault(best, []).append(candidate)
    best = max(nearest, default=(0, 0))
    return nearest[best] if best[0] else []


def _nearness(form: list[str], asked: list[str]) -> tuple[int, int]:
    """How near a form is to the command asked for; larger is nearer, (0, 0) is not at all."""
    if form == asked:
        return 3, 0
    if asked[: len(form)] == form:
        return 2, len(form)
    if form[:1] == asked[:1] and _subjects(form) == _subjects(asked):
        return 1, 0
    return 0, 0


def _words(command: str) -> list[str]:
    """The command's words, without what goes before the program and what follows a pipe."""
    words = re.split(r"[|;&]", command)[0].split()
    while words and (words[0] in ("sudo", "-n") or re.match(r"[A-Z_]+=", words[0])):
        del words[0]
    return [words[0].rsplit("/", 1)[-1], *words[1:]] if words else []


def _subjects(words: list[str]) -> list[str]:
    return [word for word in words if not word.startswith("-")]
