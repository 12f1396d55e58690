"""How much a finding has to do with the symptom that the user gave."""

from __future__ import annotations

from sme_agent.case import Case, Recognised
from sme_agent.symptom import areas_of, words_of
from sme_tools.checks.conditions import Holds
from sme_tools.checks.finding import Finding, at_least
from sme_tools.checks.references import probes_named


def relevance(case: Case, finding: Finding) -> int:
    """0: nothing in common with the symptom; higher: more. Without a symptom everything counts."""
    symptom = case.incident.symptom
    if not symptom:
        return 1
    areas = areas_of(symptom).values()
    domain = finding.check.split(".")[0]
    score = 2 if any(domain in area.domains for area in areas) else 0
    score += 2 * len(words_of(symptom) & words_of(f"{finding.subject} {finding.title}"))
    near = {match.issue.id for match in case.near}
    if any(names(case, r, finding) for r in case.recognised if r.issue.id in near):
        score += 3
    # “docker … no space” speaks of containers and of storage: what is behind it must fit both.
    if at_least(finding.severity, "high") and all(a.may_come_from(finding.check) for a in areas):
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
