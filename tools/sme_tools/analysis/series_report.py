"""What can be said of a series of numbers, as data."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal


@dataclass(frozen=True)
class Moment:
    """One place of the series."""

    index: int
    """Among the finite values, in the order of time."""
    at: float
    """Seconds since 1970 or as the times were given; the index where there are no times."""
    value: float


@dataclass(frozen=True)
class Trend:
    """A straight line through the last stretch; slopes are per second, or per value."""

    since: Moment
    slope: float
    low: float
    high: float
    """The 95 % confidence interval."""
    is_clear: bool
    """Whether it is certainly not level, and more than the noise over its stretch."""


@dataclass(frozen=True)
class ChangePoint:
    """Where the series leaves its line."""

    at: Moment
    kind: Literal["step", "bend"]
    """step: another level at once; bend: from there on it rises or falls otherwise."""
    before: float
    after: float
    """The levels at both sides."""


@dataclass(frozen=True)
class Forecast:
    """When the trend meets a limit, from the last value on, in seconds or in values."""

    limit: float
    after: float | None
    """None: the trend does not lead there within what can be foreseen; 0: it is beyond already."""
    soonest: float | None = None
    latest: float | None = None
    """By the confidence interval of the slope; None: perhaps never."""


@dataclass(frozen=True)
class TimeGap:
    """A time without values."""

    begin: float
    end: float


@dataclass(frozen=True)
class SeriesReport:
    """What there is to say of a series."""

    n: int
    """Finite values, or rates."""
    unit: str
    is_timed: bool
    is_rate: bool
    """Whether a counter was turned into what it grows by, a second or a value."""
    first_at: float
    last_at: float
    minimum: float
    maximum: float
    median: float
    p95: float
    last: float
    noise: float
    """The standard deviation from one value to the next."""
    trend: Trend | None
    """Of the last stretch; None for too few values."""
    changes: tuple[ChangePoint, ...]
    outliers: tuple[Moment, ...]
    """The furthest off."""
    outlier_count: int
    period: float | None
    """Seconds, or values; None if nothing recurs clearly."""
    gaps: tuple[TimeGap, ...]
    """The longest, in the order of time."""
    not_finite: int
    """How many values were NaN or infinite; they count nowhere else."""
    first_not_finite: int | None
    """Its place in the data, from 0."""
    resets: tuple[Moment, ...]
    forecast: Forecast | None

    @property
    def span(self) -> float:
        """From the first to the last, in seconds or in values."""
        return self.last_at - self.first_at

    @property
    def is_constant(self) -> bool:
        """Whether all values are the same."""
        return self.minimum == self.maximum

    def summary(self) -> str:
        """One short paragraph in plain words."""
        from sme_tools.analysis.series_words import summary

        return summary(self)
