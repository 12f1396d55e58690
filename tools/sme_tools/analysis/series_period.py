"""What recurs in a series, by its autocorrelation."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sme_tools.analysis.series_fit import line_of

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    Floats = NDArray[np.float64]

FEWEST_POINTS = 36
FEWEST_PERIODS = 3
_STRONG = 0.5
"""Correlation of the series with itself, one period later."""
_STILL = 0.35
"""And two periods later."""
_MOST_UNEVEN = 0.3
"""Times whose distances vary more are not even enough to count values instead."""


def period_of(x: Floats, y: Floats) -> int | None:
    """The number of values after which the series recurs, or None."""
    import numpy as np

    n = len(y)
    if n < FEWEST_POINTS or not _is_even(x):
        return None
    line = line_of(x, y, 0, n - 1)
    rests = y - line.level_first - line.slope * (x - x[0])
    low, high = np.percentile(rests, (1, 99))
    levels = np.diff(np.unique(y))
    if not len(levels) or high - low <= 1.5 * levels.min():
        return None  # the steps of a rounded slope recur too
    rests = np.clip(rests, low, high) - np.clip(rests, low, high).mean()
    power = np.abs(np.fft.rfft(rests, 2 * n)) ** 2
    alike = np.fft.irfft(power)[: n // 2 + 1]
    if alike[0] <= 0:
        return None
    alike = alike / alike[0] * n / (n - np.arange(len(alike)))
    below = np.nonzero(alike < 0)[0]
    if not len(below):
        return None
    first = int(below[0])
    last = n // FEWEST_PERIODS
    if first >= last:
        return None
    lag = first + int(np.argmax(alike[first : last + 1]))
    lag = _shortest(alike, lag, first)
    is_strong = alike[lag] > _STRONG and 2 * lag < len(alike) and alike[2 * lag] > _STILL
    return lag if is_strong and lag >= 3 and lag < last else None


def without_period(y: Floats, lag: int) -> Floats:
    """The series with what recurs taken out; level and trend stay."""
    import numpy as np

    whole = len(y) // lag * lag
    turns = y[:whole].reshape(-1, lag)
    profile = np.median(turns - np.median(turns, axis=1, keepdims=True), axis=0)
    return y - np.resize(profile, len(y))


def _shortest(alike: Floats, lag: int, first: int) -> int:
    """The period itself where the strongest lag is a multiple of it."""
    import numpy as np

    for parts in range(lag // max(first, 2), 1, -1):
        near = round(lag / parts)
        low, high = max(near - 1, first), near + 2
        if high <= len(alike) and low < high:
            best = low + int(np.argmax(alike[low:high]))
            if alike[best] > 0.9 * alike[lag]:
                return best
    return lag


def _is_even(x: Floats) -> bool:
    import numpy as np

    runs = np.diff(x)
    usual = float(np.median(runs))
    return usual > 0 and float(np.mean(np.abs(runs - usual) > _MOST_UNEVEN * usual)) < 0.05
