"""Analyze: from findings and hypotheses to a diagnosis. What evidence does not reach is unknown."""

from __future__ import annotations

from sme_agent.case import Case
from sme_agent.next_steps import next_steps, unread
from sme_agent.phrases import MOST_NAMED, count, several, shortened
from sme_agent.quotes import quote
from sme_agent.roots import Root, confirmed, root_causes
from sme_agent.symptom import is_vague, words_of
from sme_knowledge.retrieval import Match
from sme_memory.incident import (
    Claim,
    Confidence,
    Diagnosis,
    KnownIssueMatch,
    Priority,
    Quote,
    Verdict,
)
from sme_tools.checks.finding import at_least

MOST_ROOTS = 3
MOST_NEAR = 3
"""Known issues that are named although only their wording is near."""


def diagnose(case: Case) -> Diagnosis:
    """The diagnosis that the case supports at this moment."""
    graph = case.causes()
    roots = root_causes(case, graph)
    verdict = _verdict(case, roots)
    return Diagnosis(
        verdict=verdict,
        summary=_summary(case, verdict, roots),
        root_causes=[_claim(case, root) for root in roots[:MOST_ROOTS]],
        explained={print_: cause for print_ in graph.findings if (cause := graph.cause_of(print_))},
        known_issues=_known_issues(case, roots),
        next_steps=next_steps(case, graph, verdict, roots[:MOST_ROOTS]),
        confidence=_confidence(case, verdict, roots),
        unknowns=_unknowns(case),
    )


def priority(case: Case) -> Priority:
    """P0: down or unreachable; P1: degraded; P2: minor; P3: nothing wrong found."""
    severities = {finding.severity for finding in case.incident.findings}
    if case.incident.unreachable or "critical" in severities:
        return "P0"
    if "high" in severities:
        return "P1"
    return "P2" if severities & {"medium", "low"} else "P3"


def _verdict(case: Case, roots: list[Root]) -> Verdict:
    if roots:
        return "cause-found"
    if not case.facts or case.incident.unreachable or _mostly_unknown(case):
        return "incomplete"
    if case.incident.symptom:
        return "cause-unknown"
    return "healthy"


def _mostly_unknown(case: Case) -> bool:
    return _share_unknown(case) > 1 / 2


def _share_unknown(case: Case) -> float:
    """The share of the probes that could not be read; those of absent tools do not count."""
    runs = [run for facts in case.facts.values() for run in facts.probes if run.status != "absent"]
    return sum(run.status == "unknown" for run in runs) / len(runs) if runs else 1.0


def _summary(case: Case, verdict: Verdict, roots: list[Root]) -> str:
    hosts = several(list(case.hosts))
    grave = sum(at_least(f.severity, "medium") for f in case.incident.findings)
    match verdict:
        case "cause-found":
            more = f" (and {len(roots) - 1} more)" if len(roots) > 1 else ""
            return f"{roots[0].host}: {roots[0].title}{more}"
        case "healthy":
            minor = len(case.incident.findings)
            noted = f"; {count(minor, 'minor note')}" if minor else ""
            blind = sum(len(ids) for ids in unread(case).values())
            unseen = f"; {count(blind, 'probe')} could not be read" if blind else ""
            return f"{hosts}: nothing wrong was found{noted}{unseen}"
        case "cause-unknown":
            fits = "does" if grave == 1 else "do"
            also = f"; {count(grave, 'finding')} that {fits} not fit it" if grave else ""
            symptom = shortened(case.incident.symptom or "")
            return f"{hosts}: no finding accounts for “{symptom}”{also}"
        case "incomplete":
            return _summary_of_incomplete(case)


def _summary_of_incomplete(case: Case) -> str:
    lost = case.incident.unreachable
    reached = [host for host in case.facts if host not in lost]
    reasons = [f"{host}: {shortened(why)}" for host, why in lost.items()][:MOST_NAMED]
    if len(lost) > MOST_NAMED:
        reasons.append(f"{len(lost) - MOST_NAMED} more hosts were not reached")
    if reached and not _mostly_unknown(case):
        reasons.append(f"{several(reached)}: nothing wrong was found")
    elif case.facts:
        reasons.append(f"{several(list(case.facts))}: too little could be read to judge")
    return "; ".join(reasons)


def _claim(case: Case, root: Root) -> Claim:
    findings = [*([root.finding] if root.finding else []), *root.effects]
    text = root.title
    if root.effects:
        text += ", which accounts for: " + "; ".join(effect.title for effect in root.effects)
    quotes = [
        Quote(evidence=id, line=line)
        for finding in findings
        for id in finding.evidence
        if id in case.evidence
        for line in quote(finding, case.evidence[id], most=1)
    ]
    cited = [*root.evidence, *(id for effect in root.effects for id in effect.evidence)]
    return Claim(
        text=text,
        evidence=list(dict.fromkeys(cited)),
        quotes=list({(q.evidence, q.line): q for q in quotes}.values()),
        finding=root.finding.fingerprint if root.finding else None,
        known_issue=root.issue.id if root.issue else None,
    )


def _known_issues(case: Case, roots: list[Root]) -> list[KnownIssueMatch]:
    """Those of the root causes, then others whose signature holds, then those that are near."""
    proven = [root.issue for root in roots if root.issue]
    holding = {issue.id: issue for issue in [*proven, *(r.issue for r in confirmed(case))]}
    scores = {match.issue.id: match.score for match in case.near}
    recognised = [
        KnownIssueMatch(
            id=issue.id,
            title=issue.title,
            signature_holds=True,
            score=scores.get(issue.id),
            why="its signature holds",
        )
        for issue in holding.values()
    ]
    near = [
        KnownIssueMatch(
            id=match.issue.id,
            title=match.issue.title,
            signature_holds=False,
            score=match.score,
            why=match.why,
        )
        for match in case.near
        if match.issue.id not in holding
        and _is_near(case, match, proven=any(root.proven for root in roots))
    ]
    return recognised + near[:MOST_NEAR]


def _is_near(case: Case, match: Match, *, proven: bool) -> bool:
    """Whether to name an issue that is not proven; beside what is, only if the symptom names it."""
    refuted = {h.cause for h in case.incident.hypotheses if h.status == "refuted"}
    if case.facts and all(f"{match.issue.id}@{host}" in refuted for host in case.facts):
        return False
    spoken = words_of(case.incident.symptom or "")
    known = words_of(" ".join([match.issue.title, *match.issue.symptoms]))
    common = len(spoken & known)
    return not proven or (common > 1 and 3 * common >= 2 * len(spoken))


def _confidence(case: Case, verdict: Verdict, roots: list[Root]) -> Confidence:
    if verdict in ("incomplete", "cause-unknown"):
        return "low"
    if verdict == "healthy":
        unseen = _share_unknown(case)
        return "low" if unseen > 1 / 5 else "medium" if _unknowns(case) else "high"
    best = roots[0]
    if case.incident.symptom:
        told = best.fit > 1 and not is_vague(case.incident.symptom)
        return "high" if best.proven and told else "medium"
    return "high" if best.proven or len(roots) == 1 else "medium"


def _unknowns(case: Case) -> list[str]:
    """What could not be read: it counts neither as healthy nor as a finding."""
    blind = [f"{host}: {', '.join(ids)}: {why}" for (host, why), ids in unread(case).items()]
    broken = [f"check {id}: {why}" for id, why in sorted(case.check_failures.items())]
    return [*blind, *broken]
