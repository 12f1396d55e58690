"""How much a finding has to do with the symptom that the user gave."""

from __future__ import annotations

from sme_agent.case import Case, Recognised
from sme_agent.symptom import areas_of, domains_of, words_of
from sme_tools.checks.conditions import Holds
from sme_tools.checks.finding import Finding, at_least
from sme_tools.checks.references import probes_named

PERVASIVE = frozenset({"storage", "system", "logs"})
"""A grave finding here can make anything else fail: a full disk, no memory, a wrong clock."""


def relevance(case: Case, finding: Finding) -> int:
    """0: nothing in common with the symptom; higher: more. Without a symptom everything counts."""
    if not case.incident.symptom:
        return 1
    domain = finding.check.split(".")[0]
    score = 0
    if domain in domains_of(areas_of(case.incident.symptom).values()):
        score += 2
    spoken = words_of(case.incident.symptom)
    score += 2 * len(spoken & words_of(f"{finding.subject} {finding.title}"))
    near = {match.issue.id for match in case.near}
    if any(names(case, r, finding) for r in case.recognised if r.issue.id in near):
        score += 3
    if domain in PERVASIVE and at_least(finding.severity, "high"):
        score += 1
    return score


def names(case: Case, recognised: Recognised, finding: Finding) -> bool:
    """Whether the signature holds on the very facts that the finding is about."""
    signature = recognised.issue.signature
    verdict = recognised.verdict
    if signature is None or not isinstance(verdict, Holds) or recognised.host != finding.host:
        return False
    check = next((check for check in case.checks if check.id == finding.check), None)
    if check is None:
        return False
    shared = set(probes_named(signature.when, signature.each)) & set(
        probes_named(check.when, check.each)
    )
    items = [item for item in verdict.items if item]
    return bool(shared) and (not items or not finding.facts or finding.facts in items)
