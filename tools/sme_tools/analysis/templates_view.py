"""A log by the kinds of messages in it: how many, since when, and what has changed of late.

    templates_view(evidence.stdout).render()

The grave and the new come first, and the fifty thousand health checks last. Each kind is shown by
one of its lines, verbatim and with its number, so that it can be quoted and paged to.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Literal

from sme_tools.analysis.log_lines import LEVELS, Level, LogLine, read_lines, unwrapped
from sme_tools.analysis.log_signatures import kind_of, level_of
from sme_tools.analysis.log_templates import LogTemplate, log_templates
from sme_tools.analysis.numbered import lines_of

Change = Literal["new", "burst", "more", "stopped"]
"""new: only in the last part of the log; burst: half of it at once; more: thrice as often in the
last part as before; stopped: often before, and not in the last part."""

MOST_LINES = 200_000
"""The last of a longer log are read."""
MOST_EXAMPLE = 240
_LAST_PART = 0.2
_MOMENT = 0.05
"""Of the span: what happens within it happens at once."""
_OFTEN = 10
"""Fewer are no rate."""
_FEWEST_LINES = 100
"""In a shorter log nothing is new or has stopped."""


@dataclass(frozen=True)
class TemplateRow:
    """One kind of message."""

    template: str
    """Masked parts are <NUM>, <IP>, …; varying words are <*>."""
    count: int
    level: Level
    """The gravest among its lines: what they say of themselves, else what their words say."""
    kind: str | None
    """A known kind of trouble, such as `no-space`."""
    first: datetime | None
    last: datetime | None
    """None where lines have no time that is certain."""
    first_line: int
    last_line: int
    example: str
    """The last of its gravest lines, verbatim but for its length."""
    example_line: int
    change: Change | None


@dataclass(frozen=True)
class TemplateView:
    """The kinds of messages of a log."""

    rows: tuple[TemplateRow, ...]
    """The grave first, then what is new, then the rare."""
    total_lines: int
    """That were read, blank ones and headers not counted."""
    first: datetime | None
    last: datetime | None
    other_kinds: int
    """How many kinds are not among the rows, and how many lines those have."""
    other_lines: int
    other_level: Level | None
    """The gravest of those."""

    def render(self) -> str:
        """A block a kind: count, level, times and change, then its line with the number."""
        digits = len(str(max((row.example_line for row in self.rows), default=1)))
        blocks = [_head(self)]
        for row in self.rows:
            blocks.append(f"{_facts(row)}\n{row.example_line:>{digits}}│ {row.example}")
        if self.other_kinds:
            kinds = _kinds(self.other_kinds)
            blocks.append(f"⋮ {kinds}, ×{self.other_lines}, {self.other_level} at most")
        return "\n".join(blocks)


def templates_view(text: str, *, since: datetime | None = None, most: int = 20) -> TemplateView:
    """The kinds of messages in a log, at most `most` of them, the most telling first.

    Lines known to be from before `since` are left out. Of more than `MOST_LINES` lines the last
    are read; numbers are those of the whole text.
    """
    whole = lines_of(text)
    offset = max(len(whole) - MOST_LINES, 0)
    lines, numbers = _read(whole[offset:], offset)
    kept = [i for i, line in enumerate(lines) if not _is_before(line, since)]
    lines, numbers = [lines[i] for i in kept], [numbers[i] for i in kept]
    places = _places(lines)
    rows = [_row(template, lines, numbers, places, whole) for template in log_templates(lines)]
    rows.sort(key=_worth)
    shown, others = rows[: max(most, 1)], rows[max(most, 1) :]
    times = [line.at for line in lines if line.at is not None]
    return TemplateView(
        rows=tuple(shown),
        total_lines=len(lines),
        first=min(times, default=None),
        last=max(times, default=None),
        other_kinds=len(others),
        other_lines=sum(row.count for row in others),
        other_level=max((row.level for row in others), key=LEVELS.index, default=None),
    )


def _is_before(line: LogLine, since: datetime | None) -> bool:
    return since is not None and line.at is not None and line.at < since


def _read(whole: Sequence[str], offset: int) -> tuple[list[LogLine], list[int]]:
    """The log's lines, each with its number in the text.

    Reading leaves out headers and joins tracebacks, so that lines are found again by their text.
    """
    # Other characters that Python takes for line ends are none here: numbers count newlines.
    lines = read_lines("\n".join(" ".join(line.splitlines()) for line in whole))
    numbers: list[int] = []
    at = 0
    for line in lines:
        while at < len(whole) - 1 and not _is_of(line, whole[at]):
            at += 1
        numbers.append(offset + at + 1)
        at += 1
    return lines, numbers


def _is_of(line: LogLine, raw: str) -> bool:
    raw = " ".join(raw.splitlines())
    return line.raw == raw or line.raw == next(unwrapped(raw), None)


def _places(lines: Sequence[LogLine]) -> list[float]:
    """Where each line stands between the first and the last, 0 to 1: in time if times are known."""
    times = [line.at for line in lines]
    known = [at for at in times if at is not None]
    if len(known) == len(lines) > 1 and max(known) - min(known) > timedelta(0):
        first, span = min(known), max(known) - min(known)
        return [(at - first) / span for at in known]
    return [index / max(len(lines) - 1, 1) for index in range(len(lines))]


def _row(
    template: LogTemplate,
    lines: Sequence[LogLine],
    numbers: Sequence[int],
    places: Sequence[float],
    whole: Sequence[str],
) -> TemplateRow:
    members = [lines[index] for index in template.lines]
    level = max((level_of(line) for line in members), key=LEVELS.index)
    shown = [index for index in template.lines if level_of(lines[index]) == level][-1]
    return TemplateRow(
        template=template.template,
        count=template.count,
        level=level,
        kind=kind_of(lines[shown]),
        first=template.first,
        last=template.last,
        first_line=numbers[template.lines[0]],
        last_line=numbers[template.lines[-1]],
        example=whole[numbers[shown] - 1][:MOST_EXAMPLE],
        example_line=numbers[shown],
        change=_change(sorted(places[index] for index in template.lines), len(lines)),
    )


def _change(places: Sequence[float], total: int) -> Change | None:
    """What is different about when these lines were written."""
    if total < _FEWEST_LINES:
        return None
    count, border = len(places), 1 - _LAST_PART
    if places[0] >= border:
        return "new"
    if count < _OFTEN:
        return None
    if places[-1] < border and places[-1] - places[0] > _MOMENT:
        is_steady = count / max(places[-1], _MOMENT) * _LAST_PART >= _OFTEN / 2
        return "stopped" if is_steady else None
    half = count // 2
    if min(places[i + half] - places[i] for i in range(count - half)) < _MOMENT:
        return "burst"
    late = sum(place >= border for place in places)
    return "more" if late / _LAST_PART >= 3 * (count - late) / border else None


def _worth(row: TemplateRow) -> tuple[int, bool, bool, int, int]:
    return (
        -max(LEVELS.index(row.level), LEVELS.index("info")),
        row.kind is None,
        row.change is None,
        row.count,
        row.first_line,
    )


def _head(view: TemplateView) -> str:
    span = _span(view.first, view.last)
    kinds = _kinds(len(view.rows) + view.other_kinds)
    return f"{view.total_lines} lines, {kinds}{f', {span}' if span else ''}"


def _kinds(number: int) -> str:
    return f"{number} kind{'' if number == 1 else 's'}"


def _facts(row: TemplateRow) -> str:
    span = _span(row.first, row.last) or (
        f"lines {row.first_line}–{row.last_line}" if row.count > 1 else ""
    )
    parts: Iterable[str | None] = (f"×{row.count} {row.level}", row.kind, span, row.change)
    return " · ".join(part for part in parts if part)


def _span(first: datetime | None, last: datetime | None) -> str:
    if first is None or last is None:
        return ""
    begin, end = f"{first:%Y-%m-%d %H:%M:%S%z}", f"{last:%Y-%m-%d %H:%M:%S%z}"
    if begin == end:
        return begin
    return f"{begin}–{end[11:] if first.date() == last.date() else end}"
