"""Sentences with facts in them: `{f.mount} is {f.used_percent:percent} full`."""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import datetime
from typing import Any

_FIELD = re.compile(r"\{([a-z][\w.]*)(?::([a-z]+))?\}")


def fill(template: str, variables: Mapping[str, Any]) -> str:
    """The template with each `{path}` or `{path:format}` replaced.

    Formats: percent, bytes, duration (of seconds), date. A path that leads nowhere becomes "?".
    """

    def value(match: re.Match[str]) -> str:
        found: Any = variables
        for name in match[1].split("."):
            found = found.get(name) if isinstance(found, Mapping) else None
        return "?" if found is None else _FORMATS[match[2] or "plain"](found)

    return _FIELD.sub(value, template)


def problems(template: str) -> list[str]:
    """What is wrong with a template: formats that do not exist."""
    return [
        f"there is no format {name!r}; formats: {', '.join(sorted(_FORMATS))}"
        for name in (match[2] for match in _FIELD.finditer(template))
        if name and name not in _FORMATS
    ]


def fields(template: str) -> list[str]:
    """The paths that a template names."""
    return [match[1] for match in _FIELD.finditer(template)]


def human_bytes(count: float) -> str:
    """1536 becomes "1.5 KiB"."""
    for unit in ("B", "KiB", "MiB", "GiB", "TiB"):
        if abs(count) < 1024:
            return f"{count:.0f} {unit}" if unit == "B" else f"{count:.1f} {unit}"
        count /= 1024
    return f"{count:.1f} PiB"


def human_duration(seconds: float) -> str:
    """The two largest units: 93784 becomes "1 d 2 h"."""
    sign, seconds = ("-", -seconds) if seconds < 0 else ("", seconds)
    if seconds < 10:
        return f"{sign}{seconds:.3g} s"
    parts = []
    rest = round(seconds)
    for unit, size in (("d", 86400), ("h", 3600), ("min", 60), ("s", 1)):
        count, rest = divmod(rest, size)
        if count:
            parts.append(f"{count} {unit}")
    return sign + " ".join(parts[:2])


def _plain(value: Any) -> str:  # noqa: ANN401 - any JSON value
    if isinstance(value, float):
        return f"{value:.1f}".removesuffix(".0")
    if isinstance(value, list):
        return ", ".join(_plain(item) for item in value)
    return str(value)


def _percent(value: Any) -> str:  # noqa: ANN401 - a number
    return f"{_plain(float(value))} %"


def _date(value: Any) -> str:  # noqa: ANN401 - ISO text or a datetime
    moment = value if isinstance(value, datetime) else datetime.fromisoformat(str(value))
    return moment.strftime("%Y-%m-%d %H:%M")


_FORMATS = {
    "plain": _plain,
    "percent": _percent,
    "bytes": human_bytes,
    "duration": human_duration,
    "date": _date,
}
