"""Reading the text that Unix tools print: sections, sizes, durations, shares.

A probe whose command runs several tools puts a line `@name` before each tool's output.
"""

from __future__ import annotations

import re
from collections.abc import Iterable

_SECTION = re.compile(r"@([a-z_]+)\Z")
_SIZE = re.compile(r"([+-]?\d+(?:[.,]\d+)?)\s*([kKMGTPE]?)(i?)([bB]?)\Z")
_EXPONENT = {"": 0, "k": 1, "m": 2, "g": 3, "t": 4, "p": 5, "e": 6}
_SPAN = re.compile(r"(\d+(?:\.\d+)?)\s*([a-zA-Zµ]+)")
_SECONDS = {
    "ns": 1e-9,
    "us": 1e-6,
    "µs": 1e-6,
    "ms": 1e-3,
    "s": 1,
    "sec": 1,
    "second": 1,
    "m": 60,
    "min": 60,
    "minute": 60,
    "h": 3600,
    "hr": 3600,
    "hour": 3600,
    "d": 86400,
    "day": 86400,
    "w": 604800,
    "week": 604800,
    "month": 2629800,
    "y": 31557600,
    "year": 31557600,
}


def sections(output: str) -> dict[str, list[str]]:
    """Lines by section; what comes before the first `@name` is the section `""`."""
    found: dict[str, list[str]] = {"": []}
    current = found[""]
    for line in output.splitlines():
        if name := _SECTION.match(line):
            current = found.setdefault(name[1], [])
        else:
            current.append(line)
    return found


def key_values(lines: Iterable[str], separator: str = "=") -> dict[str, str]:
    """`key=value` lines; lines without the separator are left out, quotes are taken off."""
    found = {}
    for line in lines:
        key, found_separator, value = line.partition(separator)
        if found_separator:
            found[key.strip()] = value.strip().strip("\"'")
    return found


def size_bytes(text: str, unit: int = 1) -> int:
    """`2G`, `1.9Gi`, `512K`, `0B`, `976` in bytes; a bare number counts in `unit` bytes.

    Tools that print these sizes mean powers of 1024.

    Raises:
        ValueError: it is no size.
    """
    match = _SIZE.match(text.strip())
    if not match:
        raise ValueError(f"not a size: {text!r}")
    number = float(match[1].replace(",", "."))
    if not match[2] and not match[4]:
        return round(number * unit)
    return round(number * (1 << 10 * _EXPONENT[match[2].lower()]))


def span_s(text: str) -> float:
    """`1 day, 3 min`, `8min 32s`, `3 weeks 2 days` in seconds.

    Raises:
        ValueError: no part of it is a duration.
    """
    parts = _SPAN.findall(text)
    if not parts:
        raise ValueError(f"not a duration: {text!r}")
    total = 0.0
    for number, unit in parts:
        name = unit if unit in _SECONDS else unit.rstrip("s")
        if name not in _SECONDS:
            raise ValueError(f"not a unit of time: {unit!r}")
        total += float(number) * _SECONDS[name]
    return total


def clock_s(text: str) -> float:
    """`[days-][hours:]minutes:seconds[.hundredths]`, as ps(1) and top(1) print it, in seconds."""
    days, _, rest = text.rpartition("-")
    total = 0.0
    for part in rest.split(":"):
        total = total * 60 + float(part)
    return total + int(days or 0) * 86400


def percent(part: float, whole: float) -> float:
    """What share `part` is of `whole`, 0–100 with one decimal; 0 of nothing is 0."""
    return round(100 * part / whole, 1) if whole else 0.0
