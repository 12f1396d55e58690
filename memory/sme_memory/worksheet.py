"""An incident as the six-step worksheet, in Markdown."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence

from sme_memory.incident import Claim, Diagnosis, Hypothesis, Incident, Repair
from sme_tools.actions.outcome import STATE_IN_WORDS
from sme_tools.checks.finding import Finding
from sme_tools.hosts.evidence import Evidence
from sme_tools.safety.control import one_line, visible

QUOTED_LINES = 40
"""So many lines of each output are quoted; the rest is in the incident."""

_SPECIAL = re.compile(
    r"[\\`*\[\]<]|(?<!\w)_|_(?!\w)|~(?=~)|&(?=#?\w+;)"  # within a line
    r"|^[#>+=|~-]|(?<=^\d)[.)]|(?<=^\d\d)[.)]"  # at its beginning
)
_TICKS = re.compile(r"`+")


def worksheet(incident: Incident, evidence: Sequence[Evidence]) -> str:
    """The worksheet of an incident; `evidence` is what is quoted.

    What came from hosts stays text: it can't become a heading, a link or markup, nor end the fence
    it stands in.
    """
    blocks = [
        f"# Incident {incident.id}",
        *_problem(incident),
        *_observe(incident),
        *_hypotheses(incident),
        *_test(incident),
        *_root_cause(incident),
        *_resolve(incident),
        *_timeline(incident),
        *_evidence(incident, evidence),
    ]
    return "\n\n".join(blocks) + "\n"


def _problem(incident: Incident) -> Iterator[str]:
    yield "## 1 Problem"
    symptom = _inline(incident.symptom or "")
    yield f"“{symptom}”" if symptom else "No symptom was given: a general look."
    ended = f"{incident.ended_at:%F %T %Z}" if incident.ended_at else "not yet"
    yield _list(
        f"Hosts: {', '.join(map(_inline, incident.hosts))}",
        f"Priority: {incident.priority}",
        f"Status: {incident.status}",
        f"Began: {incident.started_at:%F %T %Z}; ended: {ended}",
    )


def _observe(incident: Incident) -> Iterator[str]:
    yield "## 2 Observe"
    yield _list(*map(_finding, incident.findings)) or "No check found anything wrong."
    if incident.unreachable:
        yield _list(
            *(
                f"Not reached: {_inline(host)}: {_inline(why)}"
                for host, why in incident.unreachable.items()
            )
        )
    if incident.diagnosis and incident.diagnosis.unknowns:
        yield "What could not be read:"
        yield _list(*map(_inline, incident.diagnosis.unknowns))


def _finding(finding: Finding) -> str:
    return (
        f"**{finding.severity}** {_inline(finding.host)}: {_inline(finding.title)}"
        f" ({_inline(finding.check)}){_cited(finding.evidence)}"
    )


def _hypotheses(incident: Incident) -> Iterator[str]:
    yield "## 3 Hypotheses"
    known = incident.diagnosis.known_issues if incident.diagnosis else []
    ordered = sorted(incident.hypotheses, key=lambda h: h.priority)
    yield _list(*(f"{h.id}: {_inline(h.theory)}" for h in ordered)) or "None was made."
    if known:
        yield "Known issues that are near:"
        yield _list(
            *(
                f"{_inline(issue.id)}: {_inline(issue.title)} ({_inline(issue.why)})"
                for issue in known
            )
        )


def _test(incident: Incident) -> Iterator[str]:
    yield "## 4 Test"
    ordered = sorted(incident.hypotheses, key=lambda h: h.priority)
    yield _list(*map(_tested, ordered)) or "There was nothing to test."


def _tested(hypothesis: Hypothesis) -> str:
    parts = [f"{hypothesis.id} **{hypothesis.status}**", f"test: {_inline(hypothesis.test)}"]
    if hypothesis.reason:
        parts.append(f"result: {_inline(hypothesis.reason)}")
    if hypothesis.evidence_for:
        parts.append(f"for{_cited(hypothesis.evidence_for)}")
    if hypothesis.evidence_against:
        parts.append(f"against{_cited(hypothesis.evidence_against)}")
    return "; ".join(parts)


def _root_cause(incident: Incident) -> Iterator[str]:
    yield "## 5 Root cause"
    diagnosis = incident.diagnosis
    if diagnosis is None:
        yield "The investigation has not come to a diagnosis."
        return
    yield f"{_inline(diagnosis.summary)} ({diagnosis.verdict}, confidence {diagnosis.confidence})"
    for claim in diagnosis.root_causes:
        yield from _claim(claim)
    explained = _list(*_explained(incident, diagnosis))
    if explained:
        yield "It accounts for:"
        yield explained


def _claim(claim: Claim) -> Iterator[str]:
    issue = f" (known issue {_inline(claim.known_issue)})" if claim.known_issue else ""
    where = f"{_inline(claim.host)}: " if claim.host else ""
    yield _list(f"{where}{_inline(claim.text)}{issue}{_cited(claim.evidence)}")
    if claim.reservation:
        yield f"This is {_inline(claim.reservation)}"
    if claim.quotes:
        yield _fenced("\n".join(f"{quote.evidence}: {quote.line}" for quote in claim.quotes))


def _explained(incident: Incident, diagnosis: Diagnosis) -> Iterator[str]:
    titles = {finding.fingerprint: finding.title for finding in incident.findings}
    for effect, cause in diagnosis.explained.items():
        yield f"{_inline(titles.get(effect, effect))} ← {_inline(titles.get(cause, cause))}"


def _resolve(incident: Incident) -> Iterator[str]:
    yield "## 6 Resolve and prevent"
    steps = incident.diagnosis.next_steps if incident.diagnosis else []
    if not steps:
        yield "Nothing to do is known."
    for number, step in enumerate(steps, 1):
        yield f"{number}. {_inline(step.text)} ({_inline(step.why)})"
        if step.command:
            yield _fenced(step.command, "sh")
    if incident.repairs:
        yield "What was done about it:"
        yield _list(*map(_repair, incident.repairs))


def _repair(repair: Repair) -> str:
    state = STATE_IN_WORDS[repair.outcome.host_state]
    issue = f", known issue {_inline(repair.issue)}" if repair.issue else ""
    why = f": {_inline(repair.reason)}" if repair.reason else ""
    return (
        f"{repair.at:%F %T %Z} **{repair.outcome.value}** {_inline(repair.host)}, {state} "
        f"(change {repair.change}{issue}){why}"
    )


def _timeline(incident: Incident) -> Iterator[str]:
    if incident.timeline:
        yield "## Timeline"
        yield _list(
            *(f"{entry.at:%T} {entry.step}: {_inline(entry.text)}" for entry in incident.timeline)
        )


def _evidence(incident: Incident, evidence: Sequence[Evidence]) -> Iterator[str]:
    """The outputs that something rests on; the others are counted."""
    cited = _cited_ids(incident)
    quoted = [item for item in evidence if item.id in cited]
    if evidence:
        yield "## Evidence"
    for item in quoted:
        yield f"### {_inline(item.id)}"
        ended = f"exit code {item.exit_code}" if item.outcome == "completed" else item.outcome
        yield f"{item.started_at:%F %T %Z}, {item.duration_s:.1f} s, {ended}, as {item.privilege}"
        yield _fenced(f"$ {item.command}\n{_shortened(item.stdout)}{_shortened(item.stderr)}")
    if others := len(evidence) - len(quoted):
        yield f"{others} more outputs are kept: `sme incidents show {incident.id} --evidence ID`"


def _cited_ids(incident: Incident) -> set[str]:
    ids = {id for finding in incident.findings for id in finding.evidence}
    for hypothesis in incident.hypotheses:
        ids.update(hypothesis.evidence_for, hypothesis.evidence_against)
    for claim in incident.diagnosis.root_causes if incident.diagnosis else []:
        ids.update(claim.evidence, (quote.evidence for quote in claim.quotes))
    return ids


def _shortened(output: str) -> str:
    lines = output.splitlines()
    if len(lines) > QUOTED_LINES:
        half = QUOTED_LINES // 2
        left_out = f"[… {len(lines) - 2 * half} lines left out …]"
        lines = [*lines[:half], left_out, *lines[-half:]]
    return "".join(f"{line}\n" for line in lines)


def _cited(ids: Sequence[str]) -> str:
    return (
        f" [{', '.join(map(_inline, ids))}]".replace("[", "\\[").replace("]", "\\]") if ids else ""
    )


def _list(*items: str) -> str:
    return "\n".join(f"- {item}" for item in items)


def _inline(text: str) -> str:
    """Text from anywhere as plain text within a paragraph (CommonMark 2.4, backslash escapes)."""
    return _SPECIAL.sub(r"\\\g<0>", one_line(text))


def _fenced(text: str, language: str = "") -> str:
    """A fenced block whose fence is longer than any run of backticks in it (CommonMark 4.5)."""
    text = visible(text).rstrip("\n")
    longest = max(map(len, _TICKS.findall(text)), default=0)
    fence = "`" * max(3, longest + 1)
    return f"{fence}{language}\n{text}\n{fence}"
