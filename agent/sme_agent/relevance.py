"""How much a finding has to do with the symptom that the user gave."""

from __future__ import annotations

from sme_agent.case import Case, Recognised
from sme_agent.symptom import areas_of, is_understood, words_of
from sme_tools.checks.causes import CauseGraph
from sme_tools.checks.conditions import Holds
from sme_tools.checks.finding import Finding, at_least
from sme_tools.checks.references import probes_named


def relevance(case: Case, finding: Finding) -> int:
    """0: nothing in common with the symptom; higher: more.

    Without a symptom, or with one in a script that can't be read, everything counts.
    """
    symptom = case.incident.symptom
    if not symptom or not is_understood(symptom):
        return 1
    areas = areas_of(symptom).values()
    domain = finding.check.split(".")[0]
    score = 2 if any(domain in area.domains for area in areas) else 0
    # That the host is named says where, not what.
    told = words_of(symptom) - words_of(" ".join(case.hosts))
    score += 2 * len(told & words_of(f"{finding.subject} {finding.title}"))
    near = {match.issue.id for match in case.near}
    if any(names(case, r, finding) for r in case.recognised if r.issue.id in near):
        score += 3
    # “docker … no space” speaks of containers and of storage: what can be behind one alone, such as
    # an OOM kill, is no answer to it; it counts only beside something else that fits.
    behind = [area.may_come_from(finding.check) for area in areas]
    if at_least(finding.severity, "medium"):
        if behind and all(behind):
            score += 2 if at_least(finding.severity, "high") else 1
        elif any(behind) and score:
            score += 1
    return score


def fit(case: Case, graph: CauseGraph, root: Finding) -> int:
    """How much a root and what follows from it have to do with the symptom."""
    effects = (graph.findings[one] for one in graph.accounted_for(root.fingerprint))
    return max(relevance(case, finding) for finding in (root, *effects))


def names(case: Case, recognised: Recognised, finding: Finding) -> bool:
    """Whether a known issue that is recognised is about this very finding.

    It is, if the signature holds on the facts that the finding is about; or if the issue says that
    it causes such findings, and both are about the same thing.
    """
    issue, verdict = recognised.issue, recognised.verdict
    if issue.signature is None or not isinstance(verdict, Holds) or recognised.host != finding.host:
        return False
    items = [item for item in verdict.items if item]
    if finding.facts and finding.facts in items:
        return True
    if finding.check not in issue.explains:
        return False
    if items and finding.facts:
        return any(_is_about(item, finding) for item in items)
    check = next((check for check in case.checks if check.id == finding.check), None)
    return check is not None and bool(
        set(probes_named(issue.signature.when, issue.signature.each))
        & set(probes_named(check.when, check.each))
    )


def _is_about(item: dict[str, object], finding: Finding) -> bool:
    """Whether an item of facts and a finding are about the same unit, container, mount, …"""
    told = {item.get(key) for key in ("name", "origin", "mount", "device", "subject", "address")}
    meant = {finding.subject, finding.facts.get("name"), finding.facts.get("origin")} - {None}
    return bool(told & meant)
