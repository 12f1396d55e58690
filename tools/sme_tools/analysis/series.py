r"""What a series of numbers does: level, trend, steps, outliers, period, and when it meets a limit.

    report = analyse(numbers_in(evidence.stdout, r"(\d+) MiB"), limit=24 * 1024**3)
    report.summary()

Nothing is assumed about the noise but that it has no memory to speak of; a verdict that the data
don't bear is left out, never guessed. A counter that was reset is turned into rates.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise
from typing import TYPE_CHECKING

from sme_tools.analysis.series_data import SeriesData, numbers_in
from sme_tools.analysis.series_fit import Line, lines_through, noise_of
from sme_tools.analysis.series_report import (
    ChangePoint,
    Forecast,
    Moment,
    SeriesReport,
    TimeGap,
    Trend,
)
from sme_tools.errors import UsageError

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    Floats = NDArray[np.float64]

__all__ = ["SeriesData", "SeriesReport", "analyse", "numbers_in"]

FEWEST = 6
"""Fewer values have no trend."""
FAR = 6.0
"""An outlier's distance from its line, in units of the noise."""
MOST_OUTLIERS = 5
MOST_GAPS = 5
_INFINITE = 1e60
"""No measure is larger; squares of larger ones overflow."""
_FORESIGHT = 20.0
"""How many times the stretch that a trend rests on a forecast may reach into the future."""


def analyse(
    data: SeriesData | Sequence[float],
    *,
    limit: float | str | None = None,
    limit_is_lower: bool = False,
    is_counter: bool | None = None,
    unit: str = "",
) -> SeriesReport:
    """Everything there is to say of the numbers.

    `limit` is a number in the text's own unit or has one (`64 GiB`); `limit_is_lower` where meeting
    it means falling.
    `is_counter` says whether the numbers only count up; None: they do if they were reset.

    Raises:
        UsageError: there is no finite number, or the limit is none.
    """
    import numpy as np

    if not isinstance(data, SeriesData):
        data = SeriesData(tuple(data), unit=unit)
    met = None if limit is None else data.limit_of(limit)
    x, y, bad = _arrays(data)
    resets = _resets(y)
    is_rate = len(y) > 2 and (len(resets) > 0 if is_counter is None else is_counter)
    marks = tuple(Moment(int(i), float(x[i]), float(y[i])) for i in resets) if is_rate else ()
    gaps = _gaps(x) if data.times is not None else ()
    if is_rate:
        x, y = _rates(x, y)
    lines, period = _lines(x, y)
    noise = noise_of(y)
    off = _outliers(x, y, lines, noise) if period is None else np.empty(0, dtype=np.intp)
    trend = _trend(x, y, lines, noise)
    return SeriesReport(
        n=len(y),
        unit=unit or data.unit,
        is_timed=data.times is not None,
        is_rate=is_rate,
        first_at=float(x[0]),
        last_at=float(x[-1]),
        minimum=float(y.min()),
        maximum=float(y.max()),
        median=float(np.median(y)),
        p95=float(np.percentile(y, 95)),
        last=float(y[-1]),
        noise=noise,
        trend=trend,
        changes=_changes(x, y, lines, noise),
        outliers=tuple(Moment(int(i), float(x[i]), float(y[i])) for i in off[:MOST_OUTLIERS]),
        outlier_count=len(off),
        period=period,
        gaps=gaps,
        not_finite=len(bad),
        first_not_finite=int(bad[0]) if len(bad) else None,
        resets=marks,
        forecast=_forecast(x, y, lines[-1], trend, met, limit_is_lower),
    )


def _arrays(data: SeriesData) -> tuple[Floats, Floats, NDArray[np.intp]]:
    """Times and values that are finite, by time, and the places of those that are not."""
    import numpy as np

    values = np.asarray(data.values, dtype=np.float64)
    times = np.arange(len(values), dtype=np.float64)
    if data.times is not None:
        times = np.asarray(data.times, dtype=np.float64)
    good = np.isfinite(times) & (np.abs(values) < _INFINITE)
    values = np.where(np.abs(values) > 1 / _INFINITE, values, 0.0)
    if not good.any():
        raise UsageError("there is no finite number", remedy="Look at the text the numbers are of.")
    order = np.argsort(times[good], kind="stable")
    return times[good][order], values[good][order], np.nonzero(~good)[0]


def _resets(y: Floats) -> NDArray[np.intp]:
    """Where a series of whole numbers that else only grows falls to near zero."""
    import numpy as np

    steps = np.diff(y)
    falls = np.nonzero(steps < 0)[0] + 1
    is_counting = (
        0 < len(falls) <= max(1, len(y) // 20)
        and bool(np.all(y == np.round(y)))
        and float(y.min()) >= 0
        and bool(np.all(y[falls] <= 0.1 * y[falls - 1]))
        and np.count_nonzero(steps > 0) >= max(FEWEST, len(y) // 4)
    )
    return falls if is_counting else falls[:0]


def _rates(x: Floats, y: Floats) -> tuple[Floats, Floats]:
    """What it grows by; after a reset it began at zero."""
    import numpy as np

    steps, runs = np.diff(y), np.diff(x)
    steps = np.where(steps < 0, y[1:], steps)
    known = runs > 0
    return (x[1:][known], steps[known] / runs[known]) if known.any() else (x[1:], steps)


def _gaps(x: Floats) -> tuple[TimeGap, ...]:
    """The longest times between two values that are more than thrice as long as usual."""
    import numpy as np

    runs = np.diff(x)
    if len(runs) < FEWEST:
        return ()
    usual = float(np.median(runs))
    long = np.nonzero(runs > max(3 * usual, 1e-9))[0]
    if len(long) > 0.1 * len(runs):
        return ()
    longest = sorted(sorted(long, key=lambda i: -runs[i])[:MOST_GAPS])
    return tuple(TimeGap(float(x[i]), float(x[i + 1])) for i in longest)


def _lines(x: Floats, y: Floats) -> tuple[list[Line], float | None]:
    """The straight lines, what recurs being taken out before, and its period in units of x."""
    from sme_tools.analysis.series_period import period_of, without_period

    lag = period_of(x, y)
    if lag is None:
        return lines_through(x, y), None
    step = float(x[-1] - x[0]) / (len(x) - 1)
    return lines_through(x, without_period(y, lag)), lag * step


def _outliers(x: Floats, y: Floats, lines: Sequence[Line], noise: float) -> NDArray[np.intp]:
    """Values far from their line, the furthest first."""
    import numpy as np

    rests = np.concatenate(
        [
            y[line.first : line.last + 1]
            - line.level_last
            - line.slope * (x[line.first : line.last + 1] - x[line.last])
            for line in lines
        ]
    )
    distances = np.abs(rests)
    spread = max(noise, 1.4826 * float(np.median(distances)))
    if len(y) < FEWEST or spread == 0:
        return np.empty(0, dtype=np.intp)
    far = np.nonzero(distances > FAR * spread)[0]
    return far[np.argsort(-distances[far], kind="stable")]


def _trend(x: Floats, y: Floats, lines: Sequence[Line], noise: float) -> Trend | None:
    line = lines[-1]
    if line.last - line.first + 1 < min(FEWEST, len(y)) or len(y) < FEWEST:
        return None
    is_certain = line.slope_low > 0 or line.slope_high < 0
    rise = abs(line.level_last - line.level_first)
    since = Moment(line.first, float(x[line.first]), line.level_first)
    is_clear = is_certain and rise > max(noise, 1e-9 * abs(line.level_last))
    return Trend(since, line.slope, line.slope_low, line.slope_high, is_clear)


def _changes(x: Floats, y: Floats, lines: Sequence[Line], noise: float) -> tuple[ChangePoint, ...]:
    found = []
    for left, right in pairwise(lines):
        at = float(x[right.first])
        before = left.level_last + left.slope * (at - float(x[left.last]))
        is_step = abs(right.level_first - before) > 2 * noise
        moment = Moment(right.first, at, float(y[right.first]))
        found.append(ChangePoint(moment, "step" if is_step else "bend", before, right.level_first))
    return tuple(found)


def _forecast(
    x: Floats, y: Floats, line: Line, trend: Trend | None, limit: float | None, is_lower: bool
) -> Forecast | None:
    """How long after the last value the line of the last stretch meets the limit."""
    if limit is None:
        return None
    sign = -1.0 if is_lower else 1.0
    if sign * (float(y[-1]) - limit) >= 0:
        return Forecast(limit, 0.0)
    left = sign * (limit - line.level_last)
    if trend is None or not trend.is_clear or sign * trend.slope <= 0:
        return Forecast(limit, None)
    after = max(left, 0.0) / (sign * trend.slope)
    if after > _FORESIGHT * float(x[line.last] - x[line.first]):
        return Forecast(limit, None)
    fast, slow = sorted((sign * trend.low, sign * trend.high), reverse=True)
    return Forecast(
        limit, after, max(left, 0.0) / fast, max(left, 0.0) / slow if slow > 0 else None
    )
