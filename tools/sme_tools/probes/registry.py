"""Probes: a read-only command and a pure parser that turns its output into facts."""

from __future__ import annotations

import importlib
import pkgutil
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any, ParamSpec, TypeVar, get_type_hints

from sme_tools.errors import ProbeError, UnknownProbe
from sme_tools.facts import DOMAINS
from sme_tools.hosts.script import Step

LEVELS = {1: "services", 2: "infrastructure", 3: "integration", 4: "performance"}
"""How deep a probe looks. 1 is the baseline: cheap, and enough to see that something is wrong."""

P = ParamSpec("P")
R = TypeVar("R")


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
            raise ProbeError(self.id, f"unreadable output ({type(error).__name__}: {error})") from error

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
) -> Callable[[Callable[P, R]], Callable[P, R]]:
    """Register a parser as the probe `id`, whose first part is a domain of the facts."""
    if id.split(".")[0] not in DOMAINS or not re.fullmatch(r"[a-z]+(\.[a-z][a-z0-9_]*)+", id):
        raise ValueError(f"a probe's id is DOMAIN.name, with a domain of {DOMAINS}: {id!r}")
    if level not in LEVELS:
        raise ValueError(f"{id}: a probe's level is one of {sorted(LEVELS)}")

    def register(parse: Callable[P, R]) -> Callable[P, R]:
        if id in _registry:
            raise ValueError(f"two probes are called {id!r}")
        _registry[id] = Probe(
            id, level, command, parse, tool, needs_root, timeout_s, ok_exit_codes, reads
        )
        return parse

    return register


def probes() -> dict[str, Probe]:
    """All probes by id, sorted."""
    package = importlib.import_module("sme_tools.probes")
    for module in pkgutil.iter_modules(package.__path__):
        importlib.import_module(f"sme_tools.probes.{module.name}")
    return dict(sorted(_registry.items()))


def find_probe(id: str) -> Probe:
    """The probe with this id. Raises UnknownProbe, with the nearest names."""
    known = probes()
    if id not in known:
        import difflib

        near = difflib.get_close_matches(id, known, n=3)
        hint = f"; did you mean {' or '.join(near)}?" if near else ""
        raise UnknownProbe(f"there is no probe {id!r}{hint}")
    return known[id]


def probes_that_read(command: str) -> Iterator[Probe]:
    """The probes whose parser reads the recorded output of this command line."""
    words = command.split()
    for candidate in probes().values():
        for form in (candidate.command, *candidate.reads):
            if form.split() == words:
                yield candidate
                break
