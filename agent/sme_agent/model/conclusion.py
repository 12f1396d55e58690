"""Checking what a model concludes: does the evidence that it cites bear its claims?

A claim is supported if it cites evidence that there is, quotes a piece of it to the letter, and
nothing known contradicts it: a finding that follows from another is a victim, no origin; a known
issue whose signature does not hold is ruled out.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass

from sme_agent.case import Case
from sme_agent.diagnosis import MOST_ROOTS, diagnose
from sme_agent.model.arguments import Cause, Conclude
from sme_agent.model.bench import Bench
from sme_memory.incident import Claim, Confidence, Diagnosis, NextStep, Quote
from sme_tools.analysis.numbered import lines_of
from sme_tools.checks.conditions import Clear
from sme_tools.checks.finding import Finding
from sme_tools.hosts.evidence import Evidence

_NUMBER = re.compile(r"^\s*[>]?\s*\d+(?::\d+)?│ ?…?")
"""What a numbered line begins with; models copy it along."""
_ELLIPSIS = re.compile(r"\s*…(?:\[\+\d+\])?\s*$")
_FIGURES = re.compile(r"\d+(?:[.,]\d+)?")


@dataclass(frozen=True)
class Problem:
    """Something about a conclusion that does not hold."""

    cause: int
    """Of the causes, from 1; 0: the whole."""
    text: str


def problems(stated: Conclude, bench: Bench) -> list[Problem]:
    """What is wrong with a conclusion, in words for the model."""
    found = [
        Problem(number, text)
        for number, cause in enumerate(stated.causes, 1)
        for text in _of_cause(cause, bench)
    ]
    if (stated.verdict == "cause-found") != bool(stated.causes):
        found.append(Problem(0, bench.present.text("problem_verdict", verdict=stated.verdict)))
    grave = [f for f in bench.case.incident.findings if f.severity in ("critical", "high")]
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
    claims = [
        _claim(cause, bench, "; ".join(doubts.get(number, ())))
        for number, cause in enumerate(stated.causes, 1)
    ][: 2 * MOST_ROOTS]
    bearing = [claim for claim in claims if claim.supported]
    steps = [NextStep(text=one.text, command=one.command, why=by) for one in stated.next_steps]
    return Diagnosis(
        verdict=_verdict(stated, bearing),
        summary=stated.summary,
        root_causes=sorted(claims, key=lambda claim: not claim.supported),
        explained=known.explained,
        known_issues=known.known_issues,
        next_steps=steps or known.next_steps,
        confidence=_confidence(stated, claims),
        unknowns=known.unknowns,
        by=by,
    )


def _verdict(stated: Conclude, bearing: list[Claim]) -> str:
    if stated.causes and not bearing:
        return "cause-unknown"
    return "cause-found" if bearing else stated.verdict


def _confidence(stated: Conclude, claims: list[Claim]) -> Confidence:
    """As stated, unless a claim is not borne: then nothing is sure."""
    if any(not claim.supported for claim in claims):
        return "low"
    return stated.confidence


def _claim(cause: Cause, bench: Bench, doubt: str) -> Claim:
    finding = bench.finding(cause.finding) if cause.finding else None
    issues = {issue.id for issue in bench.case.issues}
    cited = [id for id in cause.evidence if id in bench.case.evidence]
    quotes = [
        Quote(evidence=id, line=bare(quote))
        for quote in cause.quotes
        if (id := _where(quote, cited, bench.case)) is not None
    ]
    return Claim(
        text=cause.text,
        host=cause.host if cause.host in bench.case.hosts else None,
        evidence=cited,
        quotes=quotes,
        finding=finding.fingerprint if finding else None,
        known_issue=cause.known_issue if cause.known_issue in issues else None,
        supported=not doubt,
        doubt=doubt,
    )


def _of_cause(cause: Cause, bench: Bench) -> Iterator[str]:
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
        if cited and _where(quote, cited, case) is None:
            elsewhere = _where(quote, list(case.evidence), case)
            yield say("problem_quote", quote=quote[:160], elsewhere=elsewhere)
    yield from _contradicted(cause, bench)


def _contradicted(cause: Cause, bench: Bench) -> Iterator[str]:
    case, say = bench.case, bench.present.text
    if cause.host not in case.hosts:
        yield bench.no_such("host", cause.host, list(case.hosts)).text
    if cause.finding:
        finding = bench.finding(cause.finding)
        if finding is None:
            near = [f"F{one.fingerprint[:6]}" for one in case.incident.findings][:8]
            yield bench.no_such("finding", cause.finding, near).text
        elif (origin := _origin_of(finding, case)) is not None:
            yield say("problem_victim", finding=finding, origin=origin)
    if cause.known_issue:
        judged = [seen for seen in case.recognised if seen.issue.id == cause.known_issue]
        here = [seen for seen in judged if seen.host == cause.host]
        if any(
            isinstance(seen.verdict, Clear)
            and seen.issue.signature is not None
            and seen.issue.signature.rules_out
            for seen in here
        ):
            yield say("problem_signature", issue=cause.known_issue, host=cause.host)
        elif not any(issue.id == cause.known_issue for issue in case.issues):
            yield bench.no_such("known issue", cause.known_issue, []).text


def _origin_of(finding: Finding, case: Case) -> Finding | None:
    """The finding that accounts for this one, if there is one."""
    graph = case.causes()
    cause = graph.cause_of(finding.fingerprint)
    return graph.findings[cause] if cause else None


def _where(quote: str, ids: list[str], case: Case) -> str | None:
    """The first of these outputs that holds the quote."""
    wanted = _plain(bare(quote))
    if not wanted:
        return None
    return next((id for id in ids if wanted in _whole(case.evidence[id])), None)


def bare(quote: str) -> str:
    """A quote without the line number and the marks of an omission that it was shown with."""
    return _ELLIPSIS.sub("", _NUMBER.sub("", quote)).strip()


def _whole(item: Evidence) -> str:
    output = f"{item.stdout}\n{item.stderr}"
    return _plain(output) + "\0" + _plain("\n".join(lines_of(output)))


def _plain(text: str) -> str:
    """White space is not what a quote turns on: tables are padded, lines wrapped."""
    return " ".join(text.split())
