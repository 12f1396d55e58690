"""The diagnosis screen: what a tired person needs to know, in the order they need it."""

from __future__ import annotations

import sys
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any

from sme_cli.render.out import console, print_json
from sme_memory.incident import Claim, Diagnosis, Incident
from sme_memory.incidents import IncidentStore
from sme_tools.checks.finding import SEVERITIES, Finding, Severity, at_least
from sme_tools.safety.control import one_line, visible

_MARKS = {"healthy": "✓", "cause-found": "✗", "cause-unknown": "?", "incomplete": "!"}
_ASCII = {"✓": "OK", "✗": "X", "·": "-", "└": "`-", "→": "->", "…": "...", "“": '"', "”": '"'}
_STYLES = {
    "healthy": "bold green",
    "cause-found": "bold red",
    "cause-unknown": "bold yellow",
    "incomplete": "bold yellow",
}
LABEL_WIDTH = 12
SHOWN_FINDINGS = 8


@dataclass
class Section:
    """A label and its lines; each line may carry a note that is shown dimmed behind it."""

    label: str
    lines: list[tuple[str, str]] = field(default_factory=list)


def show(
    incident: Incident,
    store: IncidentStore,
    *,
    as_json: bool,
    verbose: bool,
    minimum: Severity,
) -> None:
    """Print a concluded incident: as JSON, or as a screen."""
    if as_json:
        print_json(document(incident))
        return
    assert incident.diagnosis is not None
    sections = list(_sections(incident, incident.diagnosis, minimum, verbose=verbose))
    head = f"{_MARKS[incident.diagnosis.verdict]} {incident.diagnosis.summary}"
    facts = f"{incident.priority} · confidence {incident.diagnosis.confidence}"
    _print(head, facts, _STYLES[incident.diagnosis.verdict], sections)
    if verbose:
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


def _sections(
    incident: Incident, diagnosis: Diagnosis, minimum: Severity, *, verbose: bool
) -> Iterable[Section]:
    for number, claim in enumerate(diagnosis.root_causes, 1):
        label = "Root cause" if len(diagnosis.root_causes) == 1 else f"Cause {number}"
        yield from _cause(incident, diagnosis, label, claim)
    if diagnosis.known_issues:
        yield Section(
            "Known",
            [(f"{known.id}: {known.title}", known.why) for known in diagnosis.known_issues[:3]],
        )
    if diagnosis.next_steps:
        yield Section("Next", list(_steps(diagnosis)))
    named = {claim.finding for claim in diagnosis.root_causes} | set(diagnosis.explained)
    rest = [f for f in incident.findings if f.fingerprint not in named]
    shown = [f for f in rest if verbose or at_least(f.severity, minimum)]
    if rest:
        yield Section("Also found", list(_findings(shown, len(rest) - len(shown), verbose)))
    if diagnosis.unknowns:
        yield Section("Not known", list(_unknowns(diagnosis.unknowns, verbose)))
    if verbose:
        yield Section(
            "Hypotheses",
            [(f"{h.id} {h.status}: {h.theory}", h.reason) for h in incident.hypotheses],
        )
    yield Section("Incident", [(incident.id, f"sme incidents show {incident.id}")])


def _cause(incident: Incident, diagnosis: Diagnosis, label: str, claim: Claim) -> Iterable[Section]:
    by_print = {finding.fingerprint: finding for finding in incident.findings}
    root = by_print.get(claim.finding or "")
    text = root.title if root else claim.text
    section = Section(label, [(text, root.severity if root else "")])
    for effect, cause in diagnosis.explained.items():
        if cause == claim.finding and effect in by_print:
            section.lines.append((f"└ accounts for: {by_print[effect].title}", ""))
    yield section
    quotes = [(quote.line, quote.evidence) for quote in claim.quotes[:4]]
    yield Section("Evidence", quotes or [(id, "") for id in claim.evidence[:4]])


def _steps(diagnosis: Diagnosis) -> Iterable[tuple[str, str]]:
    for number, step in enumerate(diagnosis.next_steps, 1):
        yield f"{number}. {step.text}", ""
        for line in (step.command or "").strip().splitlines():
            yield f"   $ {line}", ""


def _findings(shown: list[Finding], hidden: int, verbose: bool) -> Iterable[tuple[str, str]]:
    shown = sorted(shown, key=lambda f: SEVERITIES.index(f.severity))
    cut = shown if verbose else shown[:SHOWN_FINDINGS]
    for finding in cut:
        yield f"{finding.title}", f"{finding.severity} {finding.check}"
    hidden += len(shown) - len(cut)
    if hidden:
        yield f"{hidden} minor" if not cut else f"and {hidden} more", "-v shows them"


def _unknowns(unknowns: list[str], verbose: bool) -> Iterable[tuple[str, str]]:
    cut = unknowns if verbose else unknowns[:2]
    for text in cut:
        yield text, ""
    if len(unknowns) > len(cut):
        yield f"and {len(unknowns) - len(cut)} more", "-v shows them"


def _print(head: str, facts: str, style: str, sections: list[Section]) -> None:
    if not sys.stdout.isatty():
        sys.stdout.write(_plain(f"{head}  [{facts}]\n"))
        for section in sections:
            for number, (text, note) in enumerate(section.lines):
                label = f"{section.label}:" if number == 0 else ""
                tail = f"  [{one_line(note)}]" if note else ""
                sys.stdout.write(_plain(f"{label:<{LABEL_WIDTH}} {visible(text)}{tail}\n"))
        return
    from rich.padding import Padding
    from rich.table import Table
    from rich.text import Text

    screen = console()
    screen.print(Text(_plain(one_line(head)), style=style))
    screen.print(Padding(Text(_plain(facts), style="dim"), (0, 0, 1, 2)))
    grid = Table.grid(padding=(0, 2))
    grid.add_column(style="bold", no_wrap=True, width=LABEL_WIDTH)
    grid.add_column(overflow="fold")
    for section in sections:
        for number, (text, note) in enumerate(section.lines):
            line = Text(_plain(visible(text)))
            if note:
                line.append(f"  {_plain(one_line(note))}", style="dim")
            grid.add_row(section.label if number == 0 else "", line)
    screen.print(grid)


def _print_evidence(incident: Incident, store: IncidentStore) -> None:
    for id in store.evidence_ids(incident.id):
        item = store.evidence(incident.id, id)
        how = item.outcome if item.exit_code is None else f"exit {item.exit_code}"
        sys.stdout.write(_plain(f"\n── {item.id} ({how}, {item.duration_s:.2f} s)\n"))
        for stream in (item.stdout, item.stderr):
            if stream.strip():
                sys.stdout.write(visible(stream).rstrip("\n") + "\n")


def _plain(text: str) -> str:
    """The text as the output's encoding can show it."""
    encoding = sys.stdout.encoding or "ascii"
    try:
        text.encode(encoding)
    except UnicodeEncodeError:
        for fancy, ascii_ in _ASCII.items():
            text = text.replace(fancy, ascii_)
        return text.encode(encoding, "replace").decode(encoding)
    return text
