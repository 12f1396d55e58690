"""Checking what a model concludes: does the evidence that it cites bear its claims?

A claim is supported if it cites evidence that there is, quotes a piece of it to the letter, names
no share that is not in it, and nothing known contradicts it: a finding that follows from another is
a victim, no origin; a known issue whose signature does not hold is ruled out.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass

from sme_agent.case import Case, Recognised
from sme_agent.diagnosis import MOST_ROOTS, diagnose
from sme_agent.model.arguments import Cause, Conclude
from sme_agent.model.bench import Bench, id_of
from sme_agent.model.covering import covering, faulty_facts
from sme_agent.model.figures import unfounded
from sme_agent.model.presenting import output_of
from sme_agent.model.quoted import Quotable
from sme_memory.incident import Claim, Diagnosis, NextStep, Quote, Verdict
from sme_tools.checks.conditions import Clear, Condition, FactContext
from sme_tools.checks.finding import Finding


@dataclass(frozen=True)
class Problem:
    """Something about a conclusion that does not hold."""

    cause: int
    """Of the causes, from 1; 0: the whole."""
    text: str


def problems(stated: Conclude, bench: Bench) -> list[Problem]:
    """What is wrong with a conclusion, in words for the model."""
    outputs = Quotable(bench.case.evidence)
    found = [
        Problem(number, text)
        for number, cause in enumerate(stated.causes, 1)
        for text in _of_cause(cause, bench, outputs)
    ]
    if (stated.verdict == "cause-found") != bool(stated.causes):
        found.append(Problem(0, bench.present.text("problem_verdict", verdict=stated.verdict)))
    grave = _grave(bench.case)
    if stated.verdict == "healthy" and grave:
        found.append(Problem(0, bench.present.text("problem_healthy", findings=grave[:5])))
    if stated.confidence == "low" and not stated.next_steps:
        found.append(Problem(0, bench.present.text("problem_no_next")))
    return found


def diagnosis(stated: Conclude, bench: Bench, by: str) -> Diagnosis:
    """The diagnosis; claims that the evidence does not bear are marked, and lower confidence."""
    case = bench.case
    known = diagnose(case)
    doubts: dict[int, list[str]] = {}
    for problem in problems(stated, bench):
        doubts.setdefault(problem.cause, []).append(problem.text)
    outputs = Quotable(case.evidence)
    claims = [
        _claim(cause, bench, outputs, "; ".join(doubts.get(number, ())))
        for number, cause in enumerate(stated.causes, 1)
    ]
    steps = [NextStep(text=one.text, command=one.command, why=by) for one in stated.next_steps]
    verdict = _verdict(stated, claims, case)
    unsure = doubts or verdict in ("cause-unknown", "incomplete")
    return Diagnosis(
        verdict=verdict,
        summary=stated.summary,
        root_causes=sorted(claims, key=lambda claim: not claim.supported)[: 2 * MOST_ROOTS],
        explained=known.explained,
        known_issues=known.known_issues,
        next_steps=steps or known.next_steps,
        confidence="low" if unsure else stated.confidence,
        unknowns=known.unknowns,
        by=by,
    )


def _verdict(stated: Conclude, claims: list[Claim], case: Case) -> Verdict:
    if any(claim.supported for claim in claims):
        return "cause-found"
    if claims or stated.verdict == "cause-found":
        return "cause-unknown"
    return "cause-unknown" if stated.verdict == "healthy" and _grave(case) else stated.verdict


def _grave(case: Case) -> list[Finding]:
    return [f for f in case.incident.findings if f.severity in ("critical", "high")]


def _claim(cause: Cause, bench: Bench, outputs: Quotable, doubt: str) -> Claim:
    finding = bench.finding(cause.finding) if cause.finding else None
    named = next((one for one in bench.case.issues if one.id == cause.known_issue), None)
    issue = named or (covering(bench.case, finding) if finding else None)
    cited = [id for id in cause.evidence if id in bench.case.evidence]
    quotes = [
        Quote(evidence=id, line=outputs.printed(quote, id))
        for quote in cause.quotes
        if (id := outputs.where(quote, cited)) is not None
    ]
    return Claim(
        text=cause.text,
        host=cause.host if cause.host in bench.case.hosts else None,
        evidence=cited,
        quotes=quotes,
        finding=finding.fingerprint if finding else None,
        known_issue=issue.id if issue else None,
        supported=not doubt,
        doubt=doubt,
    )


def _of_cause(cause: Cause, bench: Bench, outputs: Quotable) -> Iterator[str]:
    case, say = bench.case, bench.present.text
    missing = [id for id in cause.evidence if id not in case.evidence]
    if missing:
        yield say("problem_no_evidence", missing=missing)
    cited = [id for id in cause.evidence if id in case.evidence]
    if not cited:
        yield say("problem_uncited")
    if cited and not cause.quotes:
        yield say("problem_unquoted")
    for quote in cause.quotes:
        if cited and outputs.where(quote, cited) is None:
            elsewhere = outputs.where(quote, list(case.evidence))
            yield say("problem_quote", quote=quote[:160], elsewhere=elsewhere)
    if cited:
        for figure in _unfounded(cause, cited, bench):
            elsewhere = outputs.where(figure, list(case.evidence))
            yield say("problem_figure", figure=figure, elsewhere=elsewhere)
    yield from _contradicted(cause, bench)


def _unfounded(cause: Cause, cited: list[str], bench: Bench) -> list[str]:
    """The shares in a claim that neither what it cites bears nor what was read from that."""
    case = bench.case
    about = [f for f in case.incident.findings if {*f.evidence} & {*cited}]
    named = bench.finding(cause.finding) if cause.finding else None
    about += [named] if named and named not in about else []
    checks = {check.id: check for check in case.checks}
    judged = [checks[f.check] for f in about if f.check in checks]
    # A threshold is no fact of the host, but a claim may well name it.
    said = [*(check.when for check in judged), case.incident.symptom or ""]
    said += [issue.root_cause for issue in case.issues if issue.id == cause.known_issue]
    said += [str(check.limits) for check in judged]
    said += [str(host.limits) for host in case.hosts.values()]
    facts: list[object] = [f.facts for f in about]
    facts += [
        known.get(run.id)
        for known in case.facts.values()
        for run in known.probes
        if run.evidence in cited
    ]
    shown = [output_of(case.evidence[id]) for id in cited]
    return unfounded(cause.text, shown, facts, said)


def _contradicted(cause: Cause, bench: Bench) -> Iterator[str]:
    case, say = bench.case, bench.present.text
    if cause.host not in case.hosts:
        yield bench.no_such("host", cause.host, list(case.hosts)).text
    if cause.finding:
        finding = bench.finding(cause.finding)
        if finding is None:
            near = [id_of(one) for one in case.incident.findings][:8]
            yield bench.no_such("finding", cause.finding, near).text
        elif finding.host != cause.host:
            yield say("problem_host", finding=finding, host=cause.host)
        elif (origin := _origin_of(finding, case)) is not None:
            yield say("problem_victim", finding=finding, origin=origin)
    elif victim := _victim_shown(cause, case):
        yield say("problem_victim", finding=victim, origin=_origin_of(victim, case))
    if cause.known_issue:
        judged = [seen for seen in case.recognised if seen.issue.id == cause.known_issue]
        here = [seen for seen in judged if seen.host == cause.host]
        if any(
            _was_clear(seen, case)
            and seen.issue.signature is not None
            and seen.issue.signature.rules_out
            for seen in here
        ):
            yield say("problem_signature", issue=cause.known_issue, host=cause.host)
        elif not any(issue.id == cause.known_issue for issue in case.issues):
            yield bench.no_such("known issue", cause.known_issue, []).text


def _victim_shown(cause: Cause, case: Case) -> Finding | None:
    """The victim that a claim is about, if all that it cites shows such; it names no finding."""
    graph = case.causes()
    findings = [f for f in case.incident.findings if f.host == cause.host]
    shown = [f for f in findings if {*f.evidence} & {*cause.evidence}]
    victims = [f for f in shown if graph.cause_of(f.fingerprint)]
    bearing = {id for victim in victims for id in victim.evidence}
    if len(victims) < len(shown) or not {*cause.evidence} <= bearing:
        return None
    return next((f for f in victims if _names(cause.text, f)), None)


def _names(text: str, finding: Finding) -> bool:
    subject = finding.subject.split(":")[0].removesuffix(".service")
    return re.search(rf"(?<![\w-]){re.escape(subject)}(?![\w-])", text) is not None


def _was_clear(seen: Recognised, case: Case) -> bool:
    """Whether the signature does not hold, and did not before anything was changed."""
    if seen.host not in case.incident.facts_before or seen.issue.signature is None:
        return isinstance(seen.verdict, Clear)
    signature, facts = seen.issue.signature, faulty_facts(case)[seen.host]
    condition = Condition.compile(signature.when, signature.each)
    return isinstance(condition.evaluate(FactContext(facts)), Clear)


def _origin_of(finding: Finding, case: Case) -> Finding | None:
    """The finding that accounts for this one, if there is one."""
    graph = case.causes()
    cause = graph.cause_of(finding.fingerprint)
    return graph.findings[cause] if cause else None
