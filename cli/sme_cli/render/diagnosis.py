"""The diagnosis screen: what a tired person needs to know, in the order they need it."""

from __future__ import annotations

import sys
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any, Literal, TypeVar

from sme_cli.render.out import print_json
from sme_cli.render.sections import Line, Section, as_encodable, print_sections
from sme_memory.incident import Claim, Diagnosis, Incident, KnownIssueMatch, NextStep
from sme_memory.incidents import IncidentStore
from sme_tools.checks.finding import SEVERITIES, Finding, Severity, at_least
from sme_tools.safety.control import one_line, visible

_MARKS = {"healthy": "✓", "cause-found": "✗", "cause-unknown": "?", "incomplete": "!"}
_STYLES = {
    "healthy": "bold green",
    "cause-found": "bold red",
    "cause-unknown": "bold yellow",
    "incomplete": "bold yellow",
}
SHOWN_FINDINGS = 8
SHOWN_EFFECTS = 3
SHOWN_QUOTES = 3
SHOWN_ISSUES = 3
SHOWN_UNKNOWNS = 2
SHOWN_SYMPTOM = 120
"""Characters of the symptom."""

T = TypeVar("T")


@dataclass(frozen=True)
class Screen:
    """How a diagnosis is to be shown."""

    minimum: Severity
    as_json: bool = False
    verbose: bool = False
    is_kept: bool = True
    """Whether the incident can be read again later."""

    def unkept(self) -> Screen:
        """The same, for an incident that is gone afterwards."""
        return replace(self, is_kept=False)


def show(incident: Incident, store: IncidentStore, screen: Screen) -> None:
    """Print a concluded incident: as JSON, or as a screen."""
    if screen.as_json:
        print_json(document(incident))
        return
    diagnosis = incident.diagnosis
    assert diagnosis is not None
    page = _Page(incident, diagnosis, screen)
    head = f"{_MARKS[diagnosis.verdict]} {diagnosis.summary}"
    print_sections(head, page.facts(), _STYLES[diagnosis.verdict], page.sections())
    if screen.verbose:
        _print_evidence(incident, store)


def document(incident: Incident) -> dict[str, object]:
    """The incident as JSON, each finding with its fingerprint."""
    data = incident.model_dump(mode="json")
    for finding, plain in zip(incident.findings, data["findings"], strict=True):
        plain["fingerprint"] = finding.fingerprint
    return data


def document_schema() -> dict[str, Any]:
    """The JSON Schema of `document`."""
    schema = Incident.model_json_schema(mode="serialization")
    finding = schema["$defs"]["Finding"]
    finding["properties"]["fingerprint"] = {
        "type": "string",
        "description": "The same for the same trouble in every diagnosis.",
    }
    finding["required"].append("fingerprint")
    return {"$schema": "https://json-schema.org/draft/2020-12/schema", **schema}


class _Page:
    """The sections of one diagnosis: causes with evidence and steps, then what else there is."""

    def __init__(self, incident: Incident, diagnosis: Diagnosis, screen: Screen) -> None:
        self._incident = incident
        self._diagnosis = diagnosis
        self._screen = screen
        self._findings = {finding.fingerprint: finding for finding in incident.findings}

    def facts(self) -> str:
        """The line under the headline."""
        parts = [f"confidence {self._diagnosis.confidence}"]
        if self._diagnosis.verdict != "healthy":
            parts.insert(0, self._incident.priority)
        if self._incident.symptom and self._diagnosis.verdict != "cause-unknown":
            symptom = one_line(self._incident.symptom)
            cut = symptom if len(symptom) <= SHOWN_SYMPTOM else f"{symptom[:SHOWN_SYMPTOM]}…"
            parts.append(f"symptom: {cut}")
        return " · ".join(parts)

    def sections(self) -> Iterator[Section]:
        """Everything, in the order of reading; sections without lines are left out later."""
        for_causes, others = self._steps()
        causes = self._diagnosis.root_causes
        for number, (claim, steps) in enumerate(zip(causes, for_causes, strict=True), 1):
            label = "Root cause" if len(causes) == 1 else f"Cause {number}"
            yield Section(label, list(self._cause(claim)), begins_block=True)
            yield Section("Evidence", list(self._evidence(claim)))
            yield Section("Next", list(_numbered((step, "") for step in steps)))
        # A lone cause's steps are followed by the others in the same list.
        label = "Next" if len(causes) != 1 else "Then"
        yield Section(label, list(self._reasoned(others)), begins_block=bool(causes))
        yield Section("Known", list(self._known_issues()), begins_block=len(causes) > 1)
        yield Section("Also found", list(self._also_found()))
        yield Section("Not reached", list(self._not_reached()))
        yield Section("Not known", list(self._unknowns()))
        if self._screen.verbose:
            theories = [
                Line(f"{h.id} {h.status}: {h.theory}", h.reason) for h in self._incident.hypotheses
            ]
            yield Section("Hypotheses", theories)
        if self._screen.is_kept:
            again = Line(f"sme incidents show {self._incident.id}", kind="command")
            yield Section("Incident", [again])
        else:
            yield Section("Incident", [Line("not kept: see the complaint on standard error")])

    def _steps(self) -> tuple[list[list[NextStep]], list[NextStep]]:
        """The next steps of each root cause, and the others."""
        causes = self._diagnosis.root_causes
        heads: dict[str, int] = {}
        for number, claim in enumerate(causes):
            if root := self._findings.get(claim.finding or ""):
                heads[f"{root.host}: {root.title}"] = number
            heads.setdefault(f"known issue {claim.known_issue}", number)
        for_causes: list[list[NextStep]] = [[] for _ in causes]
        others: list[NextStep] = []
        at: int | None = None
        for step in self._diagnosis.next_steps:
            goes_on = at is not None and step.why == f"known issue {causes[at].known_issue}"
            at = at if goes_on else heads.get(step.why)
            (others if at is None else for_causes[at]).append(step)
        return for_causes, others

    def _reasoned(self, steps: list[NextStep]) -> Iterator[Line]:
        """Steps with why; for a host that was not reached that has been said, so its name only."""
        reasons = {f"{host}: {why}": host for host, why in self._incident.unreachable.items()}
        several = len(self._incident.hosts) > 1
        for line in _numbered((step, reasons.get(step.why, step.why)) for step in steps):
            yield line if several or line.note not in reasons.values() else Line(line.text)

    def _cause(self, claim: Claim) -> Iterator[Line]:
        root = self._findings.get(claim.finding or "")
        yield Line(self._title(root), root.severity) if root else Line(self._stated(claim))
        if claim.reservation:
            yield Line(f"└ {claim.reservation}")
        effects = [
            self._findings[effect]
            for effect, cause in self._diagnosis.explained.items()
            if cause == claim.finding and effect in self._findings
        ]
        shown, hidden = self._cut(effects, SHOWN_EFFECTS)
        for effect in shown:
            yield Line(f"└ accounts for: {self._title(effect)}")
        if hidden:
            yield Line(f"└ and for {hidden} more", "-v shows them")

    def _evidence(self, claim: Claim) -> Iterator[Line]:
        for quote in self._cut(claim.quotes, SHOWN_QUOTES)[0]:
            yield Line(quote.line, quote.evidence, self._quoted)
        if not claim.quotes:
            for id in self._cut(claim.evidence, SHOWN_QUOTES)[0]:
                yield Line(id)

    def _known_issues(self) -> Iterator[Line]:
        known = self._diagnosis.known_issues
        holding = [match for match in known if match.signature_holds]
        if self._screen.verbose or not (holding or self._diagnosis.verdict == "cause-found"):
            holding = known  # nothing better: what only sounds alike
        for match in self._cut(holding, SHOWN_ISSUES)[0]:
            yield Line(f"{match.id}: {match.title}", _why_known(match))

    def _also_found(self) -> Iterator[Line]:
        causes = {claim.finding for claim in self._diagnosis.root_causes if claim.finding}
        explained = {e for e, cause in self._diagnosis.explained.items() if cause in causes}
        rest = [f for print_, f in self._findings.items() if print_ not in causes | explained]
        rest.sort(key=lambda finding: SEVERITIES.index(finding.severity))
        minimum = self._screen.minimum
        grave = rest if self._screen.verbose else [f for f in rest if at_least(f.severity, minimum)]
        shown, hidden = self._cut(grave, SHOWN_FINDINGS)
        for finding in shown:
            yield Line(self._title(finding), f"{finding.severity} {finding.check}")
        if hidden:
            yield Line(f"and {hidden} more of {minimum} or above", "-v shows them")
        if minor := len(rest) - len(grave):
            yield Line(f"{minor} below {minimum}", "-v shows them")

    def _not_reached(self) -> Iterator[Line]:
        untold = {
            host: reason
            for host, reason in self._incident.unreachable.items()
            if one_line(reason) not in one_line(self._diagnosis.summary)
        }
        shown, hidden = self._cut(list(untold), SHOWN_FINDINGS)
        for host in shown:
            yield Line(f"{host}: {untold[host]}")
        if hidden:
            yield Line(f"and {hidden} more", "-v shows them")

    def _unknowns(self) -> Iterator[Line]:
        shown, hidden = self._cut(self._diagnosis.unknowns, SHOWN_UNKNOWNS)
        for text in shown:
            yield Line(text, kind=self._quoted)
        if hidden:
            yield Line(f"and {hidden} more", "-v shows them")

    @property
    def _quoted(self) -> Literal["text", "quote"]:
        return "text" if self._screen.verbose else "quote"

    def _title(self, finding: Finding) -> str:
        """What a finding says, with its host where there are several."""
        several = len(self._incident.hosts) > 1
        return f"{finding.host}: {finding.title}" if several else finding.title

    def _stated(self, claim: Claim) -> str:
        """What a claim says, with its host where there are several."""
        several = len(self._incident.hosts) > 1 and claim.host
        return f"{claim.host}: {claim.text}" if several else claim.text

    def _cut(self, items: Sequence[T], most: int) -> tuple[Sequence[T], int]:
        """The items to show, and how many are left out."""
        shown = items if self._screen.verbose else items[:most]
        return shown, len(items) - len(shown)


def _why_known(match: KnownIssueMatch) -> str:
    return match.why if match.signature_holds else f"sounds alike: {match.why}"


def _numbered(steps: Iterable[tuple[NextStep, str]]) -> Iterator[Line]:
    """Steps, each with a note."""
    for number, (step, note) in enumerate(steps, 1):
        yield Line(f"{number}. {step.text}", note)
        for command in (step.command or "").strip().splitlines():
            yield Line(f"   {command}", kind="command")


def _print_evidence(incident: Incident, store: IncidentStore) -> None:
    absent = []
    for id in store.evidence_ids(incident.id):
        item = store.evidence(incident.id, id)
        if item.is_absent:
            absent.append(item.id)
            continue
        how = item.outcome if item.exit_code is None else f"exit {item.exit_code}"
        sys.stdout.write(as_encodable(f"\n── {item.id} ({how}, {item.duration_s:.2f} s)\n"))
        for stream in (item.stdout, item.stderr):
            if stream.strip():
                sys.stdout.write(visible(stream).rstrip("\n") + "\n")
    if absent:
        sys.stdout.write(as_encodable(f"\n── no such program there: {', '.join(absent)}\n"))
