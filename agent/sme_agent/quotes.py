"""The lines of evidence that a finding rests on, as a person would point at them."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable
from typing import Any

from sme_tools.checks.finding import Finding
from sme_tools.hosts.evidence import Evidence

MAX_LINE = 160


def quote(finding: Finding, evidence: Evidence, *, most: int = 2) -> list[str]:
    """The lines of the output that name what the finding is about, best first; often one.

    Each is an exact piece of the output, cut to `MAX_LINE` characters. Empty if no line names it:
    then the output as a whole is what the finding rests on.
    """
    telling = _telling(finding)
    scored = []
    for number, line in enumerate(_lines(evidence.stdout)):
        score = sum(weight for text, weight in telling if text in line)
        if score:
            scored.append((-score, number, line))
    scored.sort()
    best = [line for score, _, line in scored if scored and score == scored[0][0]]
    return [_cut(line, telling) for line in best[:most]]


def _telling(finding: Finding) -> list[tuple[str, int]]:
    """Texts that single out the finding's subject, with how much each tells."""
    weights: dict[str, int] = {}
    for part in finding.subject.replace("/", " /").split():
        if len(part) > 1:
            weights[part] = 3
    if finding.subject != "host":
        weights[finding.subject] = 6
    for figure in re.findall(r"(\d+)(?:\.\d+)? %", finding.title):
        weights[f"{figure}%"] = 5
    for word in finding.title.split():
        if len(word) > 3:
            weights.setdefault(word.strip(".,:;()"), 1)
    for value in _leaves(finding.facts):
        text = _as_printed(value)
        if text:
            weights.setdefault(text, 2 if isinstance(value, str) else 1)
    return list(weights.items())


def _leaves(value: Any) -> Iterable[Any]:  # noqa: ANN401 - any JSON value
    if isinstance(value, dict):
        for inner in value.values():
            yield from _leaves(inner)
    elif isinstance(value, list):
        for inner in value[:20]:
            yield from _leaves(inner)
    else:
        yield value


def _as_printed(value: object) -> str | None:
    if isinstance(value, bool) or value in (0, 1, ""):
        return None
    if isinstance(value, float):
        return f"{value:.0f}%" if value > 1 else None
    text = str(value)
    return text if len(text) > 1 else None


def _lines(output: str) -> list[str]:
    """The output's lines; JSON on one long line is laid out first."""
    stripped = output.strip()
    if stripped.startswith(("{", "[")) and len(stripped) > MAX_LINE and "\n" not in stripped:
        try:
            return json.dumps(json.loads(stripped), indent=1, ensure_ascii=False).splitlines()
        except ValueError:
            pass  # not one JSON document: its lines are quoted as they are
    return output.splitlines()


def _cut(line: str, telling: list[tuple[str, int]]) -> str:
    line = line.strip()
    if len(line) <= MAX_LINE:
        return line
    if any(text in line[:MAX_LINE] for text, _ in telling):
        at = 0
    else:
        at = max(min(line.find(text) for text, _ in telling if text in line) - 20, 0)
    piece = line[at : at + MAX_LINE]
    return ("…" if at else "") + piece + ("…" if at + MAX_LINE < len(line) else "")
