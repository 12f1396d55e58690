"""Values that are off the others of their column, in tables, `key: value` lines and laid-out JSON.

A column is what stands at the same place of lines alike: the third field of the rows of one table,
or the values of one key. A number is off when it is far from the column's median by the column's
own spread, a word when nearly all others are the same.
"""

from __future__ import annotations

import re
from collections import Counter, defaultdict
from collections.abc import Iterator, Sequence
from statistics import median

MOST_LINES = 50_000
"""Lines that are compared; a table of more is no table that somebody reads."""
FEWEST = 5
"""Values without which nothing is usual."""
FAR = 8.0
"""Medians of the absolute deviation from the median."""
MOST_OFF_SHARE = 0.1
"""If more than this share differs, differing is usual."""
MOST_A_COLUMN = 3

MOST_LINE_CHARS = 400
MOST_FIELDS = 30
MOST_KEYS = 500
"""Different keys that are followed."""

_LINE_PAIR = re.compile(r"^[\s\-*|]*([A-Za-z][\w ./()-]{0,40}?)\s?[:=]\s{0,40}(\S+)$")
_PAIR = re.compile(
    r"\"([\w.-]{1,40})\"\s?:\s?\"?([^\s\",{\[\]}]+)|\b([A-Za-z_]\w{0,30})=\"?([^\s\",;]+)"
)
_NUMBER = re.compile(r"^[-+]?(\d+(?:\.\d+)?)([a-zA-Z%]{0,3})$")

Column = list[tuple[int, str]]
"""Line index and value."""


def off_values(lines: Sequence[str]) -> dict[int, str]:
    """The lines that hold a value off its column, with that value."""
    found: dict[int, str] = {}
    for column in _columns(lines[:MOST_LINES]):
        if len(column) >= FEWEST:
            for index, value in [*_off_numbers(column), *_off_words(column)][:MOST_A_COLUMN]:
                found.setdefault(index, value)
    return found


def _columns(lines: Sequence[str]) -> Iterator[Column]:
    keys: dict[str, Column] = defaultdict(list)
    rows: list[tuple[int, list[str]]] = []
    for index, whole in enumerate(lines):
        line = whole[:MOST_LINE_CHARS]
        if pairs := _pairs(line):
            for key, value in pairs:
                if key in keys or len(keys) < MOST_KEYS:
                    keys[key].append((index, value))
        elif line:
            rows.append((index, line.split(None, MOST_FIELDS)))
            continue
        if rows:
            yield from _table(rows)
            rows = []
    yield from _table(rows)
    yield from keys.values()


def _pairs(line: str) -> list[tuple[str, str]]:
    """Every `"key": value` and `key=value`, or the one `key: value` that is the line."""
    if "=" in line or '":' in line:
        found = [(a or c, b or d) for a, b, c, d in _PAIR.findall(line)]
        if found:
            return found
    pair = _LINE_PAIR.match(line) if ":" in line or "=" in line else None
    return [(pair[1], pair[2])] if pair else []


def _table(rows: list[tuple[int, list[str]]]) -> Iterator[Column]:
    """The columns of rows that follow each other, most of which have as many fields."""
    if len(rows) < FEWEST:
        return
    width, count = Counter(len(fields) for _, fields in rows).most_common(1)[0]
    if width < 2 or count < 0.6 * len(rows):
        return
    alike = [(index, fields) for index, fields in rows if len(fields) == width]
    for place in range(width):
        yield [(index, fields[place]) for index, fields in alike]


def _off_numbers(column: Column) -> list[tuple[int, str]]:
    """The numbers furthest off, those of one unit being compared with each other."""
    by_unit: dict[str, list[tuple[int, float, str]]] = defaultdict(list)
    for index, text in column:
        if number := _NUMBER.match(text):
            by_unit[number[2]].append((index, float(number[1]), text))
    off: list[tuple[float, int, str]] = []
    for members in by_unit.values():
        if len(members) < max(FEWEST, len(column) // 2):
            continue
        centre = median(value for _, value, _ in members)
        spread = median(abs(value - centre) for _, value, _ in members)
        far = [
            (abs(value - centre), index, text)
            for index, value, text in members
            if abs(value - centre) > FAR * spread
        ]
        if len(far) <= max(MOST_OFF_SHARE * len(members), 1):
            off += far
    return [(index, text) for _, index, text in sorted(off, reverse=True)]


def _off_words(column: Column) -> list[tuple[int, str]]:
    """The words that differ where nearly all are the same; the heading does not count."""
    words = [(index, text) for index, text in column[1:] if not _NUMBER.match(text)]
    if len(words) < FEWEST:
        return []
    usual, count = Counter(text for _, text in words).most_common(1)[0]
    if len(words) - count > max(MOST_OFF_SHARE * len(words), 1):
        return []
    return [(index, text) for index, text in words if text != usual]
