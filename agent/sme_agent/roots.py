"""The root causes: findings that nothing accounts for, and known issues that stand on their own."""

from __future__ import annotations

from dataclasses import dataclass

from sme_agent.case import Case, Recognised
from sme_agent.relevance import fit, names
from sme_knowledge.known_issue import KnownIssue
from sme_tools.checks.causes import CauseGraph
from sme_tools.checks.conditions import Holds
from sme_tools.checks.finding import SEVERITIES, Finding, Severity, at_least
from sme_tools.checks.references import probes_named


@dataclass(frozen=True)
class Root:
    """One root cause: a finding, a known issue whose signature holds, or both."""

    host: str
    title: str
    fit: int
    """How much it has to do with the symptom; 0: nothing."""
    finding: Finding | None = None
    effects: tuple[Finding, ...] = ()
    """What the finding accounts for, by check and subject."""
    issue: KnownIssue | None = None
    evidence: tuple[str, ...] = ()
    """Ids of what it rests on, its effects not counted."""

    @property
    def proven(self) -> bool:
        """Whether more than its own existence speaks for it."""
        return bool(self.effects) or self.issue is not None


def root_causes(case: Case, graph: CauseGraph) -> list[Root]:
    """The roots that fit the symptom, the best fitting first; without one, all grave ones."""
    fitting = [root for root in all_roots(case, graph) if root.fit > 0]
    if case.incident.symptom:
        fitting.sort(key=lambda root: -root.fit)
        # What has hardly to do with it is no cause next to what has much to do with it.
        fitting = [root for root in fitting if 3 * root.fit >= 2 * fitting[0].fit]
    return fitting


def all_roots(case: Case, graph: CauseGraph) -> list[Root]:
    """Every root worth naming, the one that accounts for most first."""
    found = [_of_finding(case, graph, finding) for finding in graph.roots()]
    grave = [root for root in found if _severity(root) in ("critical", "high", "medium")]
    return [*grave, *_of_issues(case)]


def confirmed(case: Case) -> list[Recognised]:
    """The known issues whose signature holds and that nothing rules out, the nearest first."""
    refuted = {h.cause for h in case.incident.hypotheses if h.status == "refuted"}
    near = [match.issue.id for match in case.near]
    return sorted(
        (
            r
            for r in case.recognised
            if isinstance(r.verdict, Holds) and f"{r.issue.id}@{r.host}" not in refuted
        ),
        key=lambda r: near.index(r.issue.id) if r.issue.id in near else len(near),
    )


def _of_finding(case: Case, graph: CauseGraph, finding: Finding) -> Root:
    effects = [graph.findings[one] for one in graph.accounted_for(finding.fingerprint)]
    effects.sort(key=lambda f: (f.check, f.subject))
    return Root(
        host=finding.host,
        title=finding.title,
        fit=fit(case, graph, finding),
        finding=finding,
        effects=tuple(effects),
        issue=_issue_of(case, finding, effects),
        evidence=finding.evidence,
    )


def _issue_of(case: Case, finding: Finding, effects: list[Finding]) -> KnownIssue | None:
    """The known issue that is about this finding, or else about the gravest thing it causes."""
    holding = confirmed(case)
    for one in [finding, *sorted(effects, key=lambda f: SEVERITIES.index(f.severity))]:
        for recognised in holding:
            if names(case, recognised, one):
                return recognised.issue
    return None


def _of_issues(case: Case) -> list[Root]:
    """Issues that are recognised by facts which no check judges, such as a line of a log."""
    near = {match.issue.id for match in case.near}
    return [
        Root(
            host=r.host,
            title=r.issue.title,
            fit=(3 if r.issue.id in near else 0) if case.incident.symptom else 1,
            issue=r.issue,
            evidence=_evidence(case, r),
        )
        for r in confirmed(case)
        if at_least(r.issue.severity, "medium")
        and not any(names(case, r, finding) for finding in case.incident.findings)
    ]


def _evidence(case: Case, recognised: Recognised) -> tuple[str, ...]:
    signature = recognised.issue.signature
    assert signature is not None
    runs = (
        case.facts[recognised.host].run_of(id)
        for id in probes_named(signature.when, signature.each)
    )
    return tuple(run.evidence for run in runs if run is not None and run.evidence)


def _severity(root: Root) -> Severity:
    """The gravest of a root and what follows from it: a small leak can sink a ship."""
    findings = [root.finding, *root.effects]
    return min((f.severity for f in findings if f is not None), key=SEVERITIES.index)
