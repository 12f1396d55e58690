"""The hypothesis board: theories about the cause, with what speaks for and against each."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from sme_agent.case import Case, Recognised
from sme_agent.relevance import fit, names
from sme_knowledge.known_issue import KnownIssue
from sme_memory.incident import Hypothesis, HypothesisStatus
from sme_tools.checks.causes import CauseGraph
from sme_tools.checks.conditions import Clear, Holds, NotApplicable
from sme_tools.checks.finding import SEVERITIES, Finding, at_least
from sme_tools.checks.references import probes_named


@dataclass
class Judgement:
    """What the facts say about one hypothesis at this moment."""

    cause: str
    theory: str
    status: HypothesisStatus
    reason: str
    evidence_for: list[str]
    evidence_against: list[str]
    test: str
    priority: int


def update_board(case: Case) -> None:
    """Bring every hypothesis up to date with the facts; old ones keep their ids.

    A finding is a fact; the hypothesis is that it is the root cause. A known issue is a hypothesis
    for each host, decided by its signature and its diagnosis. A theory of a model's own, which has
    no such cause, is left as it is.
    """
    graph = case.causes()
    judgements = [*_findings(case, graph), *_known_issues(case)]
    hypotheses = case.incident.hypotheses
    own = [hypothesis for hypothesis in hypotheses if hypothesis.cause is None]
    board = {hypothesis.cause: hypothesis for hypothesis in hypotheses if hypothesis.cause}
    for judgement in judgements:
        old = board.get(judgement.cause)
        board[judgement.cause] = Hypothesis(
            id=old.id if old else f"H{len(own) + len(board) + 1}", **vars(judgement)
        )
    _drop_cleared(board, {judgement.cause for judgement in judgements})
    case.incident.hypotheses = sorted(
        [*own, *board.values()], key=lambda h: (h.priority, int(h.id[1:]))
    )


def _drop_cleared(board: dict[str, Hypothesis], judged: set[str]) -> None:
    """A finding that a later look no longer shows can't be the cause."""
    for cause, hypothesis in board.items():
        if cause not in judged and hypothesis.status != "refuted":
            board[cause] = hypothesis.model_copy(
                update={"status": "refuted", "reason": "a later look no longer shows it"}
            )


def _findings(case: Case, graph: CauseGraph) -> list[Judgement]:
    known = {hypothesis.cause for hypothesis in case.incident.hypotheses}
    roots = {finding.fingerprint for finding in graph.roots()}
    judgements = []
    for print_, finding in graph.findings.items():
        if print_ in roots and at_least(finding.severity, "low"):
            judgements.append(_root(case, graph, finding))
        elif print_ in known and (cause := graph.cause_of(print_)):
            judgements.append(_effect(finding, graph.findings[cause]))
    return judgements


def _root(case: Case, graph: CauseGraph, finding: Finding) -> Judgement:
    effects = [graph.findings[one] for one in graph.accounted_for(finding.fingerprint)]
    issues = sorted({r.issue.id for r in case.recognised if names(case, r, finding)})
    if effects:
        reason = "accounts for " + "; ".join(sorted(effect.title for effect in effects))
    elif issues:
        reason = f"the signature of {', '.join(issues)} holds on it"
    else:
        reason = "nothing else that was found accounts for it"
    decided = fit(case, graph, finding) > 0
    return Judgement(
        cause=finding.fingerprint,
        theory=f"{finding.host}: {finding.title}",
        status="confirmed" if decided else "inconclusive",
        reason=reason if decided else "true, but nothing ties it to the symptom",
        evidence_for=_unique(finding.evidence, *(effect.evidence for effect in effects)),
        evidence_against=[],
        test=f"the check {finding.check} must hold, and nothing else account for it",
        priority=SEVERITIES.index(finding.severity) + (0 if decided else 5),
    )


def _effect(finding: Finding, cause: Finding) -> Judgement:
    return Judgement(
        cause=finding.fingerprint,
        theory=f"{finding.host}: {finding.title}",
        status="refuted",
        reason=f"it follows from: {cause.title}",
        evidence_for=list(finding.evidence),
        evidence_against=list(cause.evidence),
        test=f"the check {finding.check} must hold, and nothing else account for it",
        priority=SEVERITIES.index(finding.severity) + 5,
    )


def _known_issues(case: Case) -> list[Judgement]:
    near = {match.issue.id for match in case.near}
    judgements = [
        _by_signature(case, recognised)
        for recognised in case.recognised
        if isinstance(recognised.verdict, Holds) or recognised.issue.id in near
    ]
    for match in case.near:
        if match.issue.signature is None:
            judgements += [_by_diagnosis(case, match.issue, host) for host in case.facts]
    return judgements


def _by_signature(case: Case, recognised: Recognised) -> Judgement:
    issue, host = recognised.issue, recognised.host
    assert issue.signature is not None
    named = probes_named(issue.signature.when, issue.signature.each)
    evidence = _evidence(case, host, named)
    against = _ruled_out_by(case, issue, host)
    match recognised.verdict:
        case _ if against:
            return _issue(issue, host, "refuted", against[0], [], against[1:])
        case Holds():
            return _issue(issue, host, "confirmed", "its signature holds", evidence, [])
        case Clear() if issue.signature.rules_out:
            return _issue(issue, host, "refuted", "its signature does not hold", [], evidence)
        case Clear():
            reason = "its signature does not hold, which alone does not rule it out"
            return _issue(issue, host, "inconclusive", reason, [], evidence)
        case NotApplicable(missing):
            waiting = [id for id in named if not case.has_run(host, id)]
            if waiting:
                return _issue(issue, host, "open", f"needs {', '.join(waiting)}", [], [])
            unread = [id for id in named if _is_unknown(case, host, id)]
            if unread:
                reason = f"can't be decided: {', '.join(unread)} could not be read"
                return _issue(issue, host, "inconclusive", reason, [], [])
            return _issue(issue, host, "refuted", f"the host has no {missing}", [], evidence)
        case failed:
            reason = f"its signature can't be judged: {failed.error}"
            return _issue(issue, host, "inconclusive", reason, [], [])


def _by_diagnosis(case: Case, issue: KnownIssue, host: str) -> Judgement:
    """An issue without a signature is decided by its diagnosis alone, and confirmed never."""
    if against := _ruled_out_by(case, issue, host):
        return _issue(issue, host, "refuted", against[0], [], against[1:])
    supported = [
        look
        for look in issue.diagnosis
        if look.supports and isinstance(case.condition(look.supports, host), Holds)
    ]
    evidence = _evidence(case, host, [look.probe for look in supported])
    waiting = [look.probe for look in issue.diagnosis if not case.has_run(host, look.probe)]
    if waiting:
        return _issue(issue, host, "open", f"needs {', '.join(waiting)}", evidence, [])
    reason = "; ".join(look.why for look in supported) or "only its wording is near"
    return _issue(issue, host, "inconclusive", reason, evidence, [])


def _ruled_out_by(case: Case, issue: KnownIssue, host: str) -> list[str]:
    """The reason why the facts rule an issue out, then the evidence for it; empty if they don't."""
    for look in issue.diagnosis:
        if look.refutes and isinstance(case.condition(look.refutes, host), Holds):
            return [f"ruled out: {look.why}", *_evidence(case, host, [look.probe])]
    return []


def _issue(
    issue: KnownIssue,
    host: str,
    status: HypothesisStatus,
    reason: str,
    evidence_for: list[str],
    evidence_against: list[str],
) -> Judgement:
    looks = [look.probe for look in issue.diagnosis]
    signature = issue.signature
    return Judgement(
        cause=f"{issue.id}@{host}",
        theory=f"{host}: known issue {issue.id}: {issue.title}",
        status=status,
        reason=reason,
        evidence_for=evidence_for,
        evidence_against=evidence_against,
        test=f"signature: {signature.when.strip()}" if signature else f"look at {', '.join(looks)}",
        priority=SEVERITIES.index(issue.severity) + (0 if status == "confirmed" else 3),
    )


def _evidence(case: Case, host: str, ids: Iterable[str]) -> list[str]:
    runs = (case.facts[host].run_of(id) for id in ids)
    return _unique(run.evidence for run in runs if run is not None and run.evidence)


def _is_unknown(case: Case, host: str, id: str) -> bool:
    run = case.facts[host].run_of(id)
    return run is not None and run.status == "unknown"


def _unique(*groups: Iterable[str]) -> list[str]:
    return list(dict.fromkeys(id for group in groups for id in group))
