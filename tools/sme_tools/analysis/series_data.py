"""Numbers out of a text, by a pattern; one line each, JSON laid out.

Units are read where they stand behind the number, and brought to one: sizes to bytes, durations to
seconds.
"""

from __future__ import annotations

import math
import re
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import NamedTuple

from sme_tools.analysis.log_times import Clock, find_time
from sme_tools.analysis.numbered import lines_of
from sme_tools.analysis.patterns import GuardedPattern
from sme_tools.errors import PatternInvalid, UsageError

_SIZES = {"k": 1024.0, "m": 1024.0**2, "g": 1024.0**3, "t": 1024.0**4, "p": 1024.0**5}
_DURATIONS = {"ns": 1e-9, "us": 1e-6, "µs": 1e-6, "ms": 1e-3, "s": 1.0, "min": 60.0, "h": 3600.0}
_NUMBER = re.compile(
    r"\s*([-+]?(?:\d[\d,_]*\.?\d*(?:[eE][-+]?\d+)?|\.\d+|nan|inf(?:inity)?))\s*(\S*)", re.I
)
_SIZE_UNIT = re.compile(r"([kmgtp])(?:i?b|ib?)?|b|bytes?", re.I)


@dataclass(frozen=True)
class SeriesData:
    """Numbers in the order of the text."""

    values: tuple[float, ...]
    """NaN and infinity included, as they stand there."""
    times: tuple[float, ...] | None = None
    """Seconds since 1970, as many as values; None where not every value has a time."""
    unit: str = ""
    """`B`, `s`, or what stands behind most numbers."""
    unit_size: float = 1.0
    """What a number in the text's own usual unit is multiplied by: 0.001 for ms, brought to s."""

    def limit_of(self, limit: float | str) -> float:
        """A limit in the unit of the values: `64 GiB`, or a number in the text's own usual unit.

        Raises:
            UsageError: it is no number.
        """
        found = number_of(str(limit))
        if found is None:
            raise UsageError(f"{limit!r} is no number", remedy="Give a limit such as 90 or 64GiB.")
        return found.value if found.unit else found.value * self.unit_size


def numbers_in(text: str, pattern: str, *, now: datetime | None = None) -> SeriesData:
    """The values that a pattern's group `value`, or its first group, captures, one a line.

    A group `time` captures the time; else the time that a line begins with is taken. `now` is when
    the text was read: it tells the year and zone of times that lack them.

    Raises:
        PatternInvalid: no pattern, without a group, or too slow.
        UsageError: it matches no number.
    """
    guarded = GuardedPattern(pattern)
    if not guarded.groups:
        raise PatternInvalid(
            f"{pattern!r} has no group", remedy="Put what is the value in parentheses."
        )
    group = "value" if "value" in guarded.names else _first_group(guarded)
    clock = Clock(now or datetime.now(UTC))
    rows: list[tuple[str, float | None]] = []
    for line in lines_of(text):
        clock = Clock.read(line) or clock
        if (match := guarded.search(line)) and match[group] is not None:
            said = match["time"] if "time" in guarded.names else None
            rows.append((match[group], _moment(line if said is None else said, clock)))
    return _data(rows, f"the pattern {pattern!r}")


class Number(NamedTuple):
    """A number as a text has it."""

    value: float
    """In bytes or seconds if its unit is one of size or time."""
    unit: str
    size: float
    """How many bytes or seconds its unit is."""


def number_of(text: str) -> Number | None:
    """The number that a text begins with and the unit behind it; None if there is none."""
    match = _NUMBER.match(text)
    if not match:
        return None
    value = float(match[1].replace(",", "").replace("_", ""))
    unit = match[2].strip("()[]\"',;:").removesuffix("/s")
    if size := _DURATIONS.get(unit.lower()):
        return Number(value * size, "s", size)
    if unit and (found := _SIZE_UNIT.fullmatch(unit)):
        size = _SIZES.get((found[1] or "").lower(), 1.0)
        return Number(value * size, "B", size)
    return Number(value, unit if len(unit) <= 4 else "", 1.0)


def _data(rows: Iterable[tuple[str, float | None]], source: str) -> SeriesData:
    read = [(found, at) for text, at in rows if (found := number_of(text))]
    if not read:
        raise UsageError(
            f"{source} gives no number", remedy="Look at the text first, then name what is there."
        )
    times = [at for _, at in read]
    unit, size = Counter((number.unit, number.size) for number, _ in read).most_common(1)[0][0]
    return SeriesData(
        tuple(number.value for number, _ in read),
        tuple(at for at in times if at is not None) if None not in times else None,
        unit,
        size,
    )


def _first_group(guarded: GuardedPattern) -> int:
    return 2 if "time" in guarded.names and guarded.number_of("time") == 1 else 1


def _moment(text: str, clock: Clock) -> float | None:
    """The time that a text is or begins with, in seconds since 1970."""
    found = find_time(text)
    at = clock.place(found.text if found else text)
    if at is None and (number := _finite(text)) is not None:
        return number
    return at.timestamp() if at else None


def _finite(value: object) -> float | None:
    try:
        number = float(value)  # type: ignore[arg-type]
    except (TypeError, ValueError):
        return None
    return number if math.isfinite(number) else None
