"""The lines of a text that stand out, each with how much and why; in time linear in the text.

Lines that differ in figures alone are judged once. Three things make a line stand out: what it
says (`line_signs`), a value off the others of its column (`off_values`), and, where most of the
text repeats itself, being said once, late or in one burst.
"""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from sme_tools.analysis.line_signs import is_hinted, sign_of
from sme_tools.analysis.log_lines import read_line
from sme_tools.analysis.log_templates import log_templates
from sme_tools.analysis.log_times import Clock
from sme_tools.analysis.off_values import off_values

MOST_JUDGED = 2_000
"""Kinds of lines that are judged with care; of more, the first and the last."""
MOST_KINDS = 1_000
"""More kinds of lines than that are no text that repeats itself."""
REPEATING_SHARE = 0.6
OFTEN = 20
ENOUGH_LINES = 200
"""In a shorter text being rare says nothing."""

_OFF_VALUE, _RARE, _LATE, _BURST = 58, 30, 26, 24
_UNJUDGED = 40
_FIGURES = re.compile(r"\d+")
_WORD = re.compile(r"[^\W\d_]{3}")
_SHAPE_CHARS = 300


@dataclass(slots=True)
class Shape:
    """Lines that differ in figures alone."""

    first: int
    last: int
    count: int


@dataclass(frozen=True, slots=True)
class Standing:
    """A line that stands out."""

    index: int
    weight: int
    why: str
    """A kind of trouble, a level, the word that told, `off: VALUE`, `rare`, `late` or `burst`."""


@dataclass(frozen=True)
class Shapes:
    """The lines of a text by what they are without their figures."""

    members: list[Shape]
    """In order of the first line of each."""
    of_line: list[int]
    """For each line, its shape's place in `members`."""


def shapes_of(lines: Sequence[str]) -> Shapes:
    """The lines with each number taken for the same; of long ones, their beginnings."""
    places: dict[str, int] = {}
    known: dict[str, int] = {}
    members: list[Shape] = []
    of_line: list[int] = []
    for index, line in enumerate(lines):
        place = known.get(line)
        if place is None:
            place = places.setdefault(_FIGURES.sub("0", line[:_SHAPE_CHARS]), len(members))
            known[line] = place
            if place == len(members):
                members.append(Shape(index, index, 0))
        members[place].last = index
        members[place].count += 1
        of_line.append(place)
    return Shapes(members, of_line)


def standing_out(lines: Sequence[str], shapes: Shapes) -> list[Standing]:
    """The first, and where there are several the last, of each kind that stands out."""
    found: dict[int, Standing] = {}
    for standing in (*_said(lines, shapes), *_off(lines), *_rare(lines, shapes)):
        former = found.get(standing.index)
        if former is None or former.weight < standing.weight:
            found[standing.index] = standing
    return sorted(found.values(), key=lambda standing: standing.index)


def _said(lines: Sequence[str], shapes: Shapes) -> Iterable[Standing]:
    hinted = [shape for shape in shapes.members if is_hinted(lines[shape.first])]
    half = MOST_JUDGED // 2
    judged = hinted if len(hinted) <= MOST_JUDGED else [*hinted[:half], *hinted[-half:]]
    for shape in judged:
        if sign := sign_of(lines[shape.first]):
            yield Standing(shape.first, sign.weight, sign.word)
            if shape.count > 1:
                yield Standing(shape.last, sign.weight, sign.word)
    for shape in hinted[half : len(hinted) - half] if len(hinted) > MOST_JUDGED else ():
        yield Standing(shape.first, _UNJUDGED, "unjudged")


def _off(lines: Sequence[str]) -> Iterable[Standing]:
    for index, value in off_values(lines).items():
        yield Standing(index, _OFF_VALUE, f"off: {value}")


def _rare(lines: Sequence[str], shapes: Shapes) -> Iterable[Standing]:
    """What is said once, late or in one burst, where most lines are of a few kinds."""
    if len(lines) < ENOUGH_LINES or len(shapes.members) > MOST_KINDS:
        return
    kinds = _kinds(lines, shapes)
    repeated = sum(kind.count for kind in kinds if kind.count >= OFTEN)
    if repeated < REPEATING_SHARE * len(lines):
        return
    for kind in kinds:
        if not _WORD.search(lines[kind.first]):
            continue
        if kind.count == 1:
            yield Standing(kind.first, _RARE, "rare")
        elif kind.first > 0.75 * len(lines):
            yield Standing(kind.first, _LATE, "late")
        elif kind.count >= OFTEN // 2 and kind.last - kind.first < 0.05 * len(lines):
            yield Standing(kind.first, _BURST, "burst")


def _kinds(lines: Sequence[str], shapes: Shapes) -> list[Shape]:
    """Shapes that differ in single words taken together."""
    members = shapes.members
    read = [read_line(lines[shape.first], Clock()) for shape in members]
    kinds = []
    for template in log_templates(read):
        same = [members[index] for index in template.lines]
        kinds.append(
            Shape(
                min(shape.first for shape in same),
                max(shape.last for shape in same),
                sum(shape.count for shape in same),
            )
        )
    return kinds


def by_worth(standings: Sequence[Standing]) -> list[Standing]:
    """The most telling first; what says the same as others before it falls behind them."""
    same: dict[str, list[Standing]] = defaultdict(list)
    for standing in sorted(standings, key=lambda s: (-s.weight, s.index)):
        same[standing.why.partition(":")[0]].append(standing)
    worth: dict[int, int] = {}
    for alike in same.values():
        for place, standing in enumerate(alike):
            worth[standing.index] = max(standing.weight - 6 * place, standing.weight // 4)
    return sorted(standings, key=lambda s: (-worth[s.index], s.index))
