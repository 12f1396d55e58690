"""The rule reasoner: no model, no guess. Facts, checks, signatures and cause links decide."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from sme_agent.board import update_board
from sme_agent.case import Case
from sme_agent.reasoner import Desk, Next
from sme_agent.relevance import relevance
from sme_agent.state import ProbeRequest
from sme_agent.symptom import Area, areas_of
from sme_tools.checks.finding import at_least
from sme_tools.checks.last_words import last_words
from sme_tools.checks.references import probes_named
from sme_tools.hosts.evidence import Evidence
from sme_tools.probes.registry import LEVELS, probes

MOST_LEVEL_OF_WORDS = 2
"""How deep to look for what a program says in passing."""


class RuleReasoner:
    """Asks for the probes that findings, hypotheses and the symptom call for, until none is left.

    Every probe runs at most once on a host, so the search ends by itself.
    """

    name = "rules"
    is_model = False

    def __init__(self, *, looks_everywhere: bool = True) -> None:
        """`looks_everywhere`: whether it runs every probe where nothing fits the symptom."""
        self._looks_everywhere = looks_everywhere

    def hear(self, case: Case, text: str, attached: Sequence[Evidence] = ()) -> None:
        """See `Reasoner.hear`: whatever is said is the symptom."""
        case.incident.symptom = text

    def learn(self, case: Case, desk: Desk) -> None:
        """See `Reasoner.learn`: rules learn nothing that the evolution log does not have."""

    def reason(self, case: Case, desk: Desk) -> Next:
        """See `Reasoner.reason`."""
        update_board(case)
        wanted: dict[str, dict[str, str]] = {host: {} for host in case.facts}
        for host, probe, why in self._wanted(case):
            if probe in probes() and not case.has_run(host, probe):
                wanted[host].setdefault(probe, why)
        return Next(
            requests=[
                ProbeRequest(
                    host=host, probes=list(asked), why="; ".join(dict.fromkeys(asked.values()))
                )
                for host, asked in wanted.items()
                if asked and host not in case.incident.unreachable
            ]
        )

    def _wanted(self, case: Case) -> Iterator[tuple[str, str, str]]:
        """Host, probe and reason, the most telling first."""
        yield from _for_findings(case)
        yield from _for_last_words(case)
        yield from _for_hypotheses(case)
        yield from _for_symptom(case, everywhere=self._looks_everywhere)


def _for_findings(case: Case) -> Iterator[tuple[str, str, str]]:
    deepen = {check.id: check.deepen for check in case.checks}
    for finding in case.incident.findings:
        if at_least(finding.severity, "medium"):
            for probe in deepen.get(finding.check, ()):
                yield finding.host, probe, f"tells more about: {finding.title}"


def _for_last_words(case: Case) -> Iterator[tuple[str, str, str]]:
    """What a unit or a container complains of, if nothing accounts for its trouble yet."""
    graph = case.causes()
    for finding in graph.roots():
        if not at_least(finding.severity, "medium"):
            continue
        said = " ".join(last_words(finding, case.facts[finding.host]))
        for name, area in areas_of(said).items():
            for probe in _probes_of(area, MOST_LEVEL_OF_WORDS):
                yield finding.host, probe, f"{finding.subject} complains of {name}"


def _probes_of(area: Area, most_level: int) -> Iterator[str]:
    for probe in probes().values():
        if probe.level <= min(area.level, most_level) and probe.id.split(".")[0] in area.domains:
            yield probe.id


def _for_hypotheses(case: Case) -> Iterator[tuple[str, str, str]]:
    issues = {issue.id: issue for issue in case.issues}
    for hypothesis in case.incident.hypotheses:
        if hypothesis.status != "open" or hypothesis.cause is None:
            continue
        id, _, host = hypothesis.cause.rpartition("@")
        issue = issues.get(id)
        if issue is None:
            continue
        signature = issue.signature
        named = probes_named(signature.when, signature.each) if signature else ()
        for probe in [*named, *(look.probe for look in issue.diagnosis)]:
            yield host, probe, f"tests {hypothesis.id} ({issue.id})"


def _for_symptom(case: Case, *, everywhere: bool) -> Iterator[tuple[str, str, str]]:
    """First what the symptom's own words name; only if that fits nothing, everything else."""
    if not case.incident.symptom:
        return
    named = [
        (host, probe, f"the symptom speaks of {name}")
        for name, area in areas_of(case.incident.symptom).items()
        for probe in _probes_of(area, max(LEVELS))
        for host in case.facts
        if not case.has_run(host, probe)
    ]
    yield from named
    if (
        not everywhere
        or named
        or any(relevance(case, finding) for finding in case.incident.findings)
    ):
        return
    for probe in probes().values():
        for host in case.facts:
            yield host, probe.id, f"nothing fits yet: level {probe.level}, {LEVELS[probe.level]}"
