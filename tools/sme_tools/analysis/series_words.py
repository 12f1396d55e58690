"""What a series does, in plain words: one short paragraph."""

from __future__ import annotations

import math
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from sme_tools.analysis.series_report import Forecast, SeriesReport, Trend

_MINUTE, _HOUR, _DAY = 60.0, 3600.0, 86400.0
_EPOCH = 1e8
"""Times above are seconds since 1970."""


def summary(report: SeriesReport) -> str:
    """The paragraph: how much data, its range, what it does now, what happened, what is odd."""
    return " ".join(_sentences(report))


def _sentences(report: SeriesReport) -> Iterator[str]:
    span = f" over {duration(report.span)}" if report.is_timed and report.span > 0 else ""
    kind = (
        f"{_count(report.n, 'rate')} of a counter" if report.is_rate else _count(report.n, "value")
    )
    if report.is_constant:
        yield f"{kind}{span}, all {_value(report, report.last)}."
    else:
        yield (
            f"{kind}{span}: from {_value(report, report.minimum)} to"
            f" {_value(report, report.maximum)}, median {_value(report, report.median)},"
            f" 95 % at or below {_value(report, report.p95)}, last {_value(report, report.last)}."
        )
        yield _now(report)
    yield from _changes(report)
    if report.period is not None:
        yield f"It recurs every {_length(report, report.period)}."
    yield from _odd(report)


def _now(report: SeriesReport) -> str:
    trend, until = report.trend, report.forecast
    if trend is None:
        return "Too few values for a trend." + _meets(report, until)
    since = f" since {_when(report, trend.since.at)}" if report.changes else ""
    if not trend.is_clear:
        return f"No clear trend{since}." + _meets(report, until)
    word = "Rises" if trend.slope > 0 else "Falls"
    return f"{word} by {_slope(report, trend)}{since}." + _meets(report, until)


def _meets(report: SeriesReport, until: Forecast | None) -> str:
    if until is None:
        return ""
    limit = _value(report, until.limit)
    if until.after is None:
        return f" It is not seen to reach {limit}."
    if until.after == 0:
        return f" It is beyond {limit} already, or about to be."
    soonest = _length(report, until.soonest if until.soonest is not None else until.after)
    latest = "never" if until.latest is None else _length(report, until.latest)
    between = "" if soonest == latest else f" ({soonest} to {latest})"
    return f" Reaches {limit} in about {_length(report, until.after)}{between}."


def _changes(report: SeriesReport) -> Iterator[str]:
    for change in report.changes:
        if change.kind == "step":
            yield (
                f"At {_when(report, change.at.at)} it stepped from {_value(report, change.before)}"
                f" to {_value(report, change.after)}."
            )
    bends = [
        f"{_when(report, change.at.at)} (from {_value(report, change.after)} on)"
        for change in report.changes
        if change.kind == "bend"
    ]
    if bends:
        yield f"Its slope changed at {', '.join(bends)}."


def _odd(report: SeriesReport) -> Iterator[str]:
    if report.outlier_count:
        worst = report.outliers[0]
        yield (
            f"{_count(report.outlier_count, 'value')} far off the others, the furthest"
            f" {_value(report, worst.value)} at {_when(report, worst.at)}."
        )
    if report.resets:
        times = ", ".join(_when(report, reset.at) for reset in report.resets[:3])
        yield f"The counter was reset {_count(len(report.resets), 'time')}: {times}."
    if report.gaps:
        longest = max(report.gaps, key=lambda gap: gap.end - gap.begin)
        yield (
            f"{_count(len(report.gaps), 'gap')}, the longest of"
            f" {duration(longest.end - longest.begin)} from {_when(report, longest.begin)}."
        )
    if report.not_finite:
        first = (report.first_not_finite or 0) + 1
        yield f"{_count(report.not_finite, 'value')} not a number or infinite, first value {first}."


def duration(seconds: float) -> str:
    """`45 s`, `12 min`, `9.5 h`, `3.2 days`."""
    for size, name in ((_DAY, "days"), (_HOUR, "h"), (_MINUTE, "min")):
        if seconds >= 2 * size or (seconds >= size and size == _MINUTE):
            return f"{_short(seconds / size)} {name}"
    return f"{_short(seconds)} s"


def amount(value: float, unit: str) -> str:
    """A value with its unit; bytes in KiB to PiB, seconds of less than one in ms."""
    if unit == "B" and math.isfinite(value) and abs(value) >= 1024:
        power = min(int(math.log(abs(value), 1024)), 5)
        return f"{_short(value / 1024**power)} {'KMGTP'[power - 1]}iB"
    if unit == "s" and 0 < abs(value) < 1:
        return f"{_short(value * 1000)} ms"
    return f"{_short(value)}{'' if unit in ('', '%') else ' '}{unit}"


def _value(report: SeriesReport, value: float) -> str:
    rate = ("/s" if report.is_timed else " a value") if report.is_rate else ""
    return amount(value, report.unit) + rate


def _slope(report: SeriesReport, trend: Trend) -> str:
    """The slope by a unit of time that suits the stretch."""
    rate = "/s" if report.is_rate and report.is_timed else ""
    if not report.is_timed:
        return f"{amount(abs(trend.slope), report.unit)} a value"
    stretch = report.last_at - trend.since.at
    units = ((_DAY, "day"), (_HOUR, "h"), (_MINUTE, "min"), (1.0, "s"))
    size, name = next((unit for unit in units if stretch >= 2 * unit[0]), units[-1])
    return f"{amount(abs(trend.slope) * size, report.unit)}{rate}/{name}"


def _length(report: SeriesReport, length: float) -> str:
    return duration(length) if report.is_timed else _count(math.ceil(length), "value")


def _when(report: SeriesReport, at: float) -> str:
    """A time, as short as the span of the series allows, in UTC; else the value's number."""
    if not report.is_timed:
        return f"value {int(at) + 1}"
    if report.first_at < _EPOCH:
        return f"{duration(at - report.first_at)} after the first"
    form = (
        "%H:%M:%S" if report.span < _HOUR else "%H:%M" if report.span < _DAY else "%Y-%m-%d %H:%M"
    )
    return datetime.fromtimestamp(at, UTC).strftime(form) + " UTC"


def _short(value: float) -> str:
    """Three digits, or the whole number."""
    if not math.isfinite(value) or value == 0:
        return f"{value:g}"
    if abs(value) >= 100:
        return f"{value:.0f}" if abs(value) < 1e15 else f"{value:.3g}"
    return f"{value:.3g}"


def _count(number: int, noun: str) -> str:
    return f"{number} {noun}{'' if number == 1 else 's'}"
