"""Analyze: from findings and hypotheses to a diagnosis. What evidence does not reach is unknown."""

from __future__ import annotations

from sme_agent.case import Case
from sme_agent.quotes import quote
from sme_agent.relevance import names, relevance
from sme_knowledge.known_issue import KnownIssue
from sme_memory.incident import (
    Claim,
    Confidence,
    Diagnosis,
    KnownIssueMatch,
    NextStep,
    Priority,
    Quote,
    Verdict,
)
from sme_tools.checks.causes import CauseGraph
from sme_tools.checks.conditions import Holds
from sme_tools.checks.finding import Finding, at_least
from sme_tools.safety.control import one_line

MOST_ROOTS = 3
MOST_STEPS = 6
MOST_NAMED = 3
"""Of hosts, or of probes, in one sentence."""
MOST_WORDS = 160
"""Characters of a symptom, or of a reason, in one sentence."""


def diagnose(case: Case) -> Diagnosis:
    """The diagnosis that the case supports at this moment."""
    graph = case.causes()
    roots = _root_causes(case, graph)
    verdict = _verdict(case, roots)
    causes = [_claim(case, graph, root) for root in roots[:MOST_ROOTS]]
    return Diagnosis(
        verdict=verdict,
        summary=_summary(case, verdict, roots),
        root_causes=causes if verdict == "cause-found" else [],
        explained={print_: cause for print_ in graph.findings if (cause := graph.cause_of(print_))},
        known_issues=_known_issues(case),
        next_steps=_next_steps(case, verdict, roots),
        confidence=_confidence(case, graph, verdict, roots),
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


def _root_causes(case: Case, graph: CauseGraph) -> list[Finding]:
    """The roots worth naming; with a symptom, those that fit it, the best fitting first."""
    grave = [root for root in graph.roots() if at_least(root.severity, "medium")]
    fitting = [root for root in grave if relevance(case, root) > 0]
    if case.incident.symptom:
        weight = {f.fingerprint: relevance(case, f) for f in fitting}
        for root in fitting:
            followers = graph.accounted_for(root.fingerprint)
            weight[root.fingerprint] = max(
                [weight[root.fingerprint]]
                + [relevance(case, graph.findings[effect]) for effect in followers]
            )
        fitting.sort(key=lambda f: -weight[f.fingerprint])
    return fitting


def _verdict(case: Case, roots: list[Finding]) -> Verdict:
    if roots:
        return "cause-found"
    if not case.facts or case.incident.unreachable or _mostly_unknown(case):
        return "incomplete"
    if case.incident.symptom:
        return "cause-unknown"
    return "healthy"


def _mostly_unknown(case: Case) -> bool:
    runs = [run for facts in case.facts.values() for run in facts.probes]
    unknown = sum(run.status == "unknown" for run in runs)
    return unknown > len(runs) / 2


def _summary(case: Case, verdict: Verdict, roots: list[Finding]) -> str:
    hosts = _several(list(case.hosts))
    grave = sum(at_least(f.severity, "medium") for f in case.incident.findings)
    match verdict:
        case "cause-found":
            more = f" (and {len(roots) - 1} more)" if len(roots) > 1 else ""
            return f"{roots[0].host}: {roots[0].title}{more}"
        case "healthy":
            minor = len(case.incident.findings)
            noted = f"; {_count(minor, 'minor note')}" if minor else ""
            return f"{hosts}: nothing wrong was found{noted}"
        case "cause-unknown":
            fits = "does" if grave == 1 else "do"
            also = f"; {_count(grave, 'finding')} that {fits} not fit it" if grave else ""
            symptom = _shortened(case.incident.symptom or "")
            return f"{hosts}: no finding accounts for “{symptom}”{also}"
        case "incomplete":
            return _summary_of_incomplete(case)


def _summary_of_incomplete(case: Case) -> str:
    lost = case.incident.unreachable
    reached = [host for host in case.facts if host not in lost]
    reasons = [f"{host}: {_shortened(why)}" for host, why in lost.items()][:MOST_NAMED]
    if len(lost) > MOST_NAMED:
        reasons.append(f"{len(lost) - MOST_NAMED} more hosts were not reached")
    if reached and not _mostly_unknown(case):
        reasons.append(f"{_several(reached)}: nothing wrong was found")
    elif case.facts:
        reasons.append(f"{_several(list(case.facts))}: too little could be read to judge")
    return "; ".join(reasons)


def _several(names: list[str]) -> str:
    more = len(names) - MOST_NAMED
    return ", ".join(names[:MOST_NAMED]) + (f" and {more} more" if more > 0 else "")


def _count(number: int, noun: str) -> str:
    return f"{number} {noun}{'' if number == 1 else 's'}"


def _shortened(text: str) -> str:
    text = one_line(text)
    return text if len(text) <= MOST_WORDS else f"{text[:MOST_WORDS]}…"


def _claim(case: Case, graph: CauseGraph, root: Finding) -> Claim:
    effects = [graph.findings[one] for one in graph.accounted_for(root.fingerprint)]
    effects.sort(key=lambda f: (f.check, f.subject))
    issue = _issue_of(case, root)
    text = root.title
    if effects:
        text += ", which accounts for: " + "; ".join(effect.title for effect in effects)
    quotes = [
        Quote(evidence=id, line=line)
        for finding in [root, *effects]
        for id in finding.evidence
        if id in case.evidence
        for line in quote(finding, case.evidence[id], most=1)
    ]
    cited = [*root.evidence, *(id for effect in effects for id in effect.evidence)]
    return Claim(
        text=text,
        evidence=list(dict.fromkeys(cited)),
        quotes=list({(q.evidence, q.line): q for q in quotes}.values()),
        finding=root.fingerprint,
        known_issue=issue.id if issue else None,
    )


def _issue_of(case: Case, finding: Finding) -> KnownIssue | None:
    """The known issue whose signature holds on this finding's facts; one near by text first."""
    near = [match.issue.id for match in case.near]
    holding = [r.issue for r in case.recognised if names(case, r, finding)]
    holding.sort(key=lambda i: near.index(i.id) if i.id in near else len(near))
    return holding[0] if holding else None


def _known_issues(case: Case) -> list[KnownIssueMatch]:
    refuted = {h.cause for h in case.incident.hypotheses if h.status == "refuted"}
    holds: dict[str, bool | None] = {}
    issues: dict[str, KnownIssue] = {}
    for recognised in case.recognised:
        key = f"{recognised.issue.id}@{recognised.host}"
        if isinstance(recognised.verdict, Holds) and key not in refuted:
            holds[recognised.issue.id] = True
            issues[recognised.issue.id] = recognised.issue
    scores = {match.issue.id: match for match in case.near}
    for match in case.near:
        ruled_out = all(f"{match.issue.id}@{host}" in refuted for host in case.facts)
        if not ruled_out:
            holds.setdefault(match.issue.id, None)
            issues[match.issue.id] = match.issue
    return [
        KnownIssueMatch(
            id=id,
            title=issues[id].title,
            signature_holds=bool(held),
            score=scores[id].score if id in scores else None,
            why="its signature holds" if held else scores[id].why,
        )
        for id, held in sorted(holds.items(), key=lambda pair: not pair[1])
    ]


def _next_steps(case: Case, verdict: Verdict, roots: list[Finding]) -> list[NextStep]:
    steps: list[NextStep] = []
    for root in roots[:MOST_ROOTS]:
        steps.append(NextStep(text=root.remedy, why=f"{root.host}: {root.title}"))
        if issue := _issue_of(case, root):
            steps += [
                NextStep(text=step.title, command=step.run, why=f"known issue {issue.id}")
                for step in issue.resolution[:2]
            ]
    ways = _ways_to_the_unreached(case)
    steps = [*steps[:MOST_STEPS], *ways]
    if verdict in ("cause-unknown", "incomplete"):
        steps += _looks_still_open(case, told=bool(steps))
    return steps[: MOST_STEPS + len(ways)]


def _ways_to_the_unreached(case: Case) -> list[NextStep]:
    return [
        NextStep(
            text=case.remedies.get(host) or f"See why it was not reached: sme hosts test {host}",
            why=f"{host}: {_shortened(reason)}",
        )
        for host, reason in list(case.incident.unreachable.items())[:MOST_NAMED]
    ]


def _looks_still_open(case: Case, *, told: bool) -> list[NextStep]:
    """What would decide the hypotheses that the evidence did not reach."""
    steps = [
        NextStep(text=f"Make readable on {host}: {_several(ids)}", why=reason)
        for (host, reason), ids in _unread(case).items()
        if host not in case.incident.unreachable
    ]
    steps += [
        NextStep(
            text=f"Compare with {h.theory.split(': ', 1)[1]}",
            command=f"sme issues show {h.cause.split('@')[0]}",
            why=h.reason,
        )
        for h in case.incident.hypotheses
        if h.status in ("open", "inconclusive") and h.cause and "@" in h.cause
    ]
    if not steps and not told:
        steps.append(
            NextStep(
                text="Look again while the trouble is happening, and say when it began",
                why="nothing that is measured now fits the symptom",
            )
        )
    return steps


def _confidence(
    case: Case, graph: CauseGraph, verdict: Verdict, roots: list[Finding]
) -> Confidence:
    if verdict == "incomplete":
        return "low"
    if verdict == "cause-unknown":
        return "low"
    if verdict == "healthy":
        return "medium" if _unknowns(case) else "high"
    best = roots[0]
    proven = bool(graph.accounted_for(best.fingerprint)) or _issue_of(case, best) is not None
    if case.incident.symptom:
        return "high" if proven and relevance(case, best) > 1 else "medium"
    return "high" if proven or len(roots) == 1 else "medium"


def _unknowns(case: Case) -> list[str]:
    """What could not be read: it counts neither as healthy nor as a finding."""
    unread = [f"{host}: {', '.join(ids)}: {why}" for (host, why), ids in _unread(case).items()]
    broken = [f"check {id}: {why}" for id, why in sorted(case.check_failures.items())]
    return [*unread, *broken]


def _unread(case: Case) -> dict[tuple[str, str], list[str]]:
    """The probes that could not be read, by host and reason."""
    found: dict[tuple[str, str], list[str]] = {}
    for host, facts in case.facts.items():
        for run in facts.unknown():
            found.setdefault((host, run.reason or ""), []).append(run.id)
    return found
