"""Times as logs write them, and the clock that makes those without year or zone exact."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta, tzinfo
from functools import lru_cache
from typing import NamedTuple

_MONTHS = "Jan|Feb|Mar|Apr|May|Jun|Jul|Aug|Sep|Oct|Nov|Dec"
_DAYS = "Mon|Tue|Wed|Thu|Fri|Sat|Sun"
_MONTH = {name: number for number, name in enumerate(_MONTHS.split("|"), 1)}
_ZONE = r"(?:\s?(?:Z|UTC|GMT|[+-]\d\d:?\d\d)\b)?"

_FORMS = (
    rf"\d{{4}}[-/]\d\d[-/]\d\d[T ]\s?\d\d?:\d\d:\d\d(?:[.,]\d+)?{_ZONE}",
    rf"(?:{_MONTHS})\s+\d{{1,2}}(?: \d{{4}})? \d\d:\d\d:\d\d(?:\.\d+)?",
    rf"(?:{_DAYS}),? (?:{_MONTHS})\s+\d{{1,2}} \d\d:\d\d:\d\d(?:\.\d+)? \d{{4}}",
    rf"\d{{1,2}}[-/ ](?:{_MONTHS})[-/ ]\d{{4}}(?:::|[: ])\d\d:\d\d:\d\d(?:[.,]\d+)?{_ZONE}",
)
_LEADING = re.compile(rf"^\s*[*\[(]?\s*(?:\d+:[A-Z] )?(?P<time>{'|'.join(_FORMS)})")
_ISO = re.compile(
    r"^(\d{4})[-/](\d\d)[-/](\d\d)[T ]\s?(\d\d?):(\d\d):(\d\d)(?:[.,](\d+))?"
    r"\s?(Z|UTC|GMT|[+-]\d\d:?\d\d)?$"
)
_NAMED_MONTH = re.compile(
    rf"^(?:\w{{3}},? )?(?:(?P<month>{_MONTHS})\s+(?P<day>\d{{1,2}})"
    rf"|(?P<day2>\d{{1,2}})[-/ ](?P<month2>{_MONTHS}))[-/ ]?"
    r"(?P<year>\d{4})?(?:::|[: ])*(?P<h>\d\d):(?P<m>\d\d):(?P<s>\d\d)(?:[.,](?P<f>\d+))?"
    r"(?: (?P<year2>\d{4}))?\s?(?P<zone>Z|UTC|GMT|[+-]\d\d:?\d\d)?$"
)


class FoundTime(NamedTuple):
    """A time at the beginning of a line, and where the rest begins."""

    text: str
    end: int


def find_time(line: str) -> FoundTime | None:
    """The time that the line begins with."""
    match = _LEADING.match(line)
    return FoundTime(match["time"], match.end()) if match else None


@dataclass(frozen=True)
class Clock:
    """The host's own time when the lines were read; an empty one places only complete times."""

    now: datetime | None = None
    uptime_s: float | None = None

    @classmethod
    def read(cls, line: str) -> Clock | None:
        """From `clock 2026-11-20T10:05:00+0000 1331.25`; the uptime may be missing."""
        match = re.fullmatch(r"clock (\S+)(?: (\d+\.\d+))?\s*", line)
        now = Clock().place(match[1]) if match else None
        if match is None or now is None:
            return None
        return cls(now, float(match[2]) if match[2] else None)

    def place(self, value: object) -> datetime | None:
        """The moment that a log's time means, or None if that can't be known.

        Numbers are seconds or milliseconds since 1970. Without zone or year, the host's are
        meant; a date that would then lie in the future is of the year before.
        """
        if isinstance(value, dict):  # MongoDB
            value = value.get("$date")
        if isinstance(value, int | float) and not isinstance(value, bool):
            return _epoch(float(value))
        if not isinstance(value, str):
            return None
        try:
            return self._place_text(value.strip())
        except (ValueError, OverflowError):
            return None

    def klog(self, text: str) -> datetime | None:
        """From klog's `0529 10:14:26.367000`."""
        try:
            return self._local(None, int(text[:2]), int(text[2:4]), text[5:13].split(":"), None)
        except ValueError:  # the 29th of February, or a number that is no date
            return None

    def booted(self, seconds: float) -> datetime | None:
        """The moment so many seconds after the start of the kernel."""
        if self.now is None or self.uptime_s is None:
            return None
        return self.now + timedelta(seconds=round(seconds - self.uptime_s, 3))

    def _place_text(self, text: str) -> datetime | None:
        if iso := _ISO.match(text):
            year, month, day, h, m, s, fraction, zone = iso.groups()
            at = self._local(int(year), int(month), int(day), [h, m, s], fraction, zone)
        elif named := _NAMED_MONTH.match(text):
            year = named["year"] or named["year2"]
            at = self._local(
                int(year) if year else None,
                _MONTH[named["month"] or named["month2"]],
                int(named["day"] or named["day2"]),
                [named["h"], named["m"], named["s"]],
                named["f"],
                named["zone"],
            )
        else:
            return None
        return at

    def _local(
        self,
        year: int | None,
        month: int,
        day: int,
        time: list[str],
        fraction: str | None,
        zone: str | None = None,
    ) -> datetime | None:
        if self.now is None and (year is None or zone is None):
            return None
        micro = int((fraction or "0")[:6].ljust(6, "0"))
        hour, minute, second = (int(part) for part in time)
        tz = _zone(zone) if zone else self.now.tzinfo if self.now else None
        this_year = year or (self.now.year if self.now else 1970)
        at = datetime(this_year, month, day, hour, minute, min(second, 59), micro, tz)
        if year is None and self.now and at > self.now + timedelta(days=1):
            at = at.replace(year=this_year - 1)
        return at


@lru_cache(maxsize=64)
def _zone(text: str) -> tzinfo | None:
    if text in ("Z", "UTC", "GMT"):
        return UTC
    return datetime.strptime(text.replace(":", ""), "%z").tzinfo


def _epoch(value: float) -> datetime | None:
    seconds = value / 1000 if value > 1e11 else value
    if not 0 < seconds < 1e11:
        return None
    return datetime.fromtimestamp(seconds, UTC)
