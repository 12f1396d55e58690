"""The rule reasoner: no model, no guess. Facts, checks, signatures and cause links decide."""

from __future__ import annotations

from collections.abc import Iterator

from sme_agent.board import update_board
from sme_agent.case import Case
from sme_agent.relevance import relevance
from sme_agent.state import ProbeRequest
from sme_agent.symptom import areas_of
from sme_tools.checks.finding import at_least
from sme_tools.checks.references import probes_named
from sme_tools.probes.registry import LEVELS, probes


class RuleReasoner:
    """Asks for the probes that findings, hypotheses and the symptom call for, until none is left.

    Every probe runs at most once on a host, so the search ends by itself.
    """

    name = "rules"

    def reason(self, case: Case) -> list[ProbeRequest]:
        """See `Reasoner.reason`."""
        update_board(case)
        wanted: dict[str, dict[str, str]] = {host: {} for host in case.facts}
        for host, probe, why in self._wanted(case):
            if probe in probes() and not case.has_run(host, probe):
                wanted[host].setdefault(probe, why)
        return [
            ProbeRequest(
                host=host, probes=list(asked), why="; ".join(dict.fromkeys(asked.values()))
            )
            for host, asked in wanted.items()
            if asked and host not in case.incident.unreachable
        ]

    def _wanted(self, case: Case) -> Iterator[tuple[str, str, str]]:
        """Host, probe and reason, the most telling first."""
        yield from _for_findings(case)
        yield from _for_hypotheses(case)
        yield from _for_symptom(case)


def _for_findings(case: Case) -> Iterator[tuple[str, str, str]]:
    deepen = {check.id: check.deepen for check in case.checks}
    for finding in case.incident.findings:
        if at_least(finding.severity, "medium"):
            for probe in deepen.get(finding.check, ()):
                yield finding.host, probe, f"tells more about: {finding.title}"


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


def _for_symptom(case: Case) -> Iterator[tuple[str, str, str]]:
    """First what the symptom's own words name; only if that fits nothing, everything else."""
    if not case.incident.symptom:
        return
    named = [
        (host, probe.id, f"the symptom speaks of {name}")
        for name, area in areas_of(case.incident.symptom).items()
        for probe in probes().values()
        if probe.level <= area.level and probe.id.split(".")[0] in area.domains
        for host in case.facts
        if not case.has_run(host, probe.id)
    ]
    yield from named
    if named or any(relevance(case, finding) for finding in case.incident.findings):
        return
    for probe in probes().values():
        for host in case.facts:
            yield host, probe.id, f"nothing fits yet: level {probe.level}, {LEVELS[probe.level]}"
