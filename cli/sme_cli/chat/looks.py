"""The probes of one look at the hosts, in one line a host."""

from __future__ import annotations

import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from sme_agent.events import CommandDone
from sme_tools.safety.control import one_line

if TYPE_CHECKING:
    from sme_agent.case import Case

MOST_HOSTS = 8
"""Of more hosts than that only the sum is told."""


@dataclass
class Looked:
    """What one host answered."""

    probes: dict[str, CommandDone] = field(default_factory=dict)
    until: float = 0.0


@dataclass
class Looks:
    """Gathers the probes that are done until the look is over."""

    _began: float = field(default_factory=time.monotonic)
    _hosts: dict[str, Looked] = field(default_factory=dict)

    def begin(self) -> None:
        """A step begins, from which the time of a look counts."""
        self._began = time.monotonic()

    def note(self, done: CommandDone) -> None:
        """A probe is done."""
        looked = self._hosts.setdefault(done.host, Looked())
        looked.probes[done.command] = done
        looked.until = time.monotonic()

    def end(self, case: Case | None) -> Iterator[tuple[str, str]]:
        """The look is over: gives, for each host, its line and the page that opens it."""
        hosts, self._hosts = self._hosts, {}
        if len(hosts) > MOST_HOSTS:
            probes = sum(len(looked.probes) for looked in hosts.values())
            last = max(looked.until for looked in hosts.values())
            pages = [_page(host, looked, case) for host, looked in hosts.items()]
            head = f"{len(hosts)} hosts: {self._counted(probes, _found(case, *hosts), last)}"
            yield head, "\n\n".join(pages)
            return
        for host, looked in hosts.items():
            counted = self._counted(len(looked.probes), _found(case, host), looked.until)
            yield f"{one_line(host)}: {counted}", _page(host, looked, case)

    def _counted(self, probes: int, findings: int, until: float) -> str:
        return ", ".join(
            (
                f"{probes} probe{'' if probes == 1 else 's'}",
                f"{findings} finding{'' if findings == 1 else 's'}",
                f"{max(until - self._began, 0):.1f} s",
            )
        )


def _found(case: Case | None, *hosts: str) -> int:
    return sum(finding.host in hosts for finding in case.incident.findings) if case else 0


def _page(host: str, looked: Looked, case: Case | None) -> str:
    """What a host's probes came to, each with the id under which its output is opened."""
    lines = [f"{host}:"]
    for probe, done in looked.probes.items():
        ids = [id for id in (case.evidence if case else {}) if id.startswith(f"{host}/{probe}#")]
        how = "did not end" if done.exit_code is None else f"exit {done.exit_code}"
        lines.append(f"  {how:>11}  {done.duration_s:6.2f} s  {ids[-1] if ids else probe}")
    findings = [one for one in case.incident.findings if one.host == host] if case else []
    lines += ["", *(f"  {one.severity}: {one.title} ({one.check})" for one in findings)]
    return "\n".join(lines).rstrip()
