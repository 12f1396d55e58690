"""Robust straight lines and the points where a series stops following one; numpy alone.

Lines are those of Theil and Sen: the median of the slopes of all pairs, with the confidence
interval of Sen (1968), widened where neighbouring values resemble each other. Change points come
from exact segmentation into straight lines (Auger & Lawrence 1989) of the values without spikes,
with a penalty in units of the noise, so that a step, a ramp and a bend are all one thing: a line
that ends. A long series is first brought to medians of equal stretches.

`x` and `y` are float arrays of one length, `x` ascending, all finite.
"""

from __future__ import annotations

import itertools
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    Floats = NDArray[np.float64]

MOST_POINTS = 400
"""A longer series is brought to that many medians."""
MOST_CHANGES = 5
FEWEST_POINTS = 16
"""In fewer no change points are looked for."""
FEWEST_OF_LINE = 5
"""Points that make a line of its own."""
_PENALTY = 4.2
"""Times the logarithm of the number of points, in units of the noise, for each change point."""
_FEW = 12
"""Of so few points the penalty is doubled: their noise is hardly known."""
_POINTS_A_CHANGE = 15
"""A series of n points has at most n / 15 change points."""
_MAD_TO_SIGMA = 1.4826
_Z95 = 1.96


@dataclass(frozen=True)
class Line:
    """A line through a stretch of a series; the slope is per unit of x."""

    first: int
    last: int
    """Indexes of the stretch, both inclusive."""
    slope: float
    slope_low: float
    slope_high: float
    """The 95 % confidence interval."""
    level_first: float
    level_last: float
    """Of the line at the ends of the stretch."""


def noise_of(y: Floats) -> float:
    """The standard deviation of what varies from one value to the next, robustly.

    At least what rounding to the values' own steps makes.
    """
    import numpy as np

    if len(y) < 3:
        return 0.0
    steps = np.diff(y)
    sigma = _MAD_TO_SIGMA * float(np.median(np.abs(steps - np.median(steps)))) / np.sqrt(2)
    levels = np.diff(np.unique(y))
    return max(float(sigma), 0.29 * float(levels.min()) if len(levels) else 0.0)


def binned(x: Floats, y: Floats, most: int = MOST_POINTS) -> tuple[Floats, Floats, int]:
    """At most `most` points: the medians of stretches of equal length, and that length."""
    import numpy as np

    size = -(-len(y) // most)
    if size == 1:
        return x, y, 1
    whole = len(y) // size * size
    return (
        np.median(x[:whole].reshape(-1, size), axis=1),
        np.median(y[:whole].reshape(-1, size), axis=1),
        size,
    )


def line_of(x: Floats, y: Floats, first: int, last: int) -> Line:
    """The Theil–Sen line of the stretch from index `first` to `last`."""
    import numpy as np

    xs, ys, _ = binned(x[first : last + 1], y[first : last + 1])
    rows, columns = np.triu_indices(len(xs), 1)
    runs = xs[columns] - xs[rows]
    slopes = np.sort((ys[columns] - ys[rows])[runs > 0] / runs[runs > 0])
    if not len(slopes):
        level = float(np.median(ys))
        return Line(first, last, 0.0, 0.0, 0.0, level, level)
    slope = float(np.median(slopes))
    rests = ys - slope * xs
    intercept = float(np.median(rests))
    n = len(xs)
    likeness = _inflation((rests - intercept) / (noise_of(ys) or 1.0))
    spread = np.sqrt(n * (n - 1) * (2 * n + 5) / 18 * likeness)
    off = _Z95 * spread / 2
    low = slopes[max(int(len(slopes) / 2 - off), 0)]
    high = slopes[min(int(np.ceil(len(slopes) / 2 + off)), len(slopes) - 1)]
    ends = slope * x[first] + intercept, slope * x[last] + intercept
    return Line(first, last, slope, float(low), float(high), float(ends[0]), float(ends[1]))


def lines_through(x: Floats, y: Floats) -> list[Line]:
    """The series as straight lines, one after the other: one where nothing changes."""
    cuts = _cuts(x, y)
    sigma = noise_of(y)
    while True:
        edges = [0, *cuts, len(y)]
        lines = [line_of(x, y, first, after - 1) for first, after in itertools.pairwise(edges)]
        slight = [
            (effect, place)
            for place, (left, right) in enumerate(itertools.pairwise(lines))
            if (effect := _effect(x, left, right)) < 1.5 * sigma
        ]
        if not slight:
            return lines
        cuts.pop(min(slight)[1])


def _effect(x: Floats, left: Line, right: Line) -> float:
    """How far the right line leads from where the left one would have."""
    begin = float(x[right.first])
    end = min(float(x[right.last]), 2 * begin - float(x[left.first]))
    at_begin = left.level_last + left.slope * (begin - float(x[left.last]))
    at_end = at_begin + left.slope * (end - begin)
    reached = right.level_first + right.slope * (end - begin)
    return max(abs(right.level_first - at_begin), abs(reached - at_end))


def _cuts(x: Floats, y: Floats) -> list[int]:
    """Indexes at which a new line begins."""
    import numpy as np

    if len(y) < FEWEST_POINTS:
        return []
    xs, ys, size = binned(x, y)
    ys = _without_spikes(ys)
    sigma = noise_of(ys)
    if sigma == 0:
        return []
    scaled = (xs - xs[0]) / (xs[-1] - xs[0] or 1.0), (ys - np.median(ys)) / sigma
    paths, costs = _segment(*scaled, min(MOST_CHANGES, len(ys) // _POINTS_A_CHANGE))
    rests = _rests(*scaled, paths[-1])
    freedom = max(len(ys) - 3 * len(paths), 1)
    spread = max(1.0, float(rests @ rests) / freedom)
    penalty = _PENALTY * np.log(len(ys)) * (1 + _FEW / len(ys))
    penalty *= spread * _inflation(rests, lines=len(paths))
    best = int(np.argmin([cost + penalty * count for count, cost in enumerate(costs)]))
    return _refined(x, y, [cut * size for cut in paths[best]], size)


def _without_spikes(y: Floats) -> Floats:
    """Values far from their neighbours replaced by the neighbours' median (Hampel's filter)."""
    import numpy as np

    padded = np.pad(y, 3, mode="edge")
    around = np.median(np.lib.stride_tricks.sliding_window_view(padded, 7), axis=1)
    return np.where(np.abs(y - around) > 4 * noise_of(y), around, y)


def _segment(x: Floats, y: Floats, most: int) -> tuple[list[list[int]], list[float]]:
    """For 0, 1, 2 … `most` cuts: the best ones, and the sum of squares that is left."""
    import numpy as np

    cost = _costs(x, y)
    n = len(y)
    reached = cost[0].copy()
    origin: list[NDArray[np.intp]] = []
    paths, costs = [list[int]()], [float(reached[n])]
    for _ in range(most):
        total = reached[:, None] + cost
        origin.append(np.argmin(total, axis=0))
        reached = np.min(total, axis=0)
        if not np.isfinite(reached[n]):
            break
        costs.append(float(reached[n]))
        cuts, end = [], n
        for came in reversed(origin):
            end = int(came[end])
            cuts.append(end)
        paths.append(cuts[::-1])
    return paths, costs


def _costs(x: Floats, y: Floats) -> Floats:
    """The squared distance of values i to j-1 from their line of least squares, at [i, j]."""
    import numpy as np

    def sums(values: Floats) -> Floats:
        total = np.concatenate(([0.0], np.cumsum(values)))
        difference: Floats = total[None, :] - total[:, None]
        return difference

    n = len(y)
    count = np.arange(n + 1)[None, :] - np.arange(n + 1)[:, None]
    size = np.maximum(count, 1)
    sx, sy = sums(x), sums(y)
    xx = sums(x * x) - sx * sx / size
    xy = sums(x * y) - sx * sy / size
    yy = sums(y * y) - sy * sy / size
    cost = yy - np.where(xx > 1e-12, xy * xy / np.maximum(xx, 1e-12), 0.0)
    return np.where(count >= FEWEST_OF_LINE, np.maximum(cost, 0.0), np.inf)


def _rests(x: Floats, y: Floats, cuts: list[int]) -> Floats:
    """What lines of least squares between the cuts leave."""
    import numpy as np

    edges = [0, *cuts, len(y)]
    left = []
    for first, after in itertools.pairwise(edges):
        xs, ys = x[first:after] - x[first:after].mean(), y[first:after] - y[first:after].mean()
        left.append(ys - xs * (xs @ ys) / max(float(xs @ xs), 1e-12))
    return np.concatenate(left)


def _inflation(rests: Floats, *, lines: int = 1) -> float:
    """How much less values say that resemble their neighbours: (1 + r) / (1 - r).

    r is corrected for what fitting `lines` has taken away of it (Kendall 1954).
    """
    import numpy as np

    total = float(rests @ rests)
    if total <= 1e-12 * len(rests) or len(rests) < 4:
        return 1.0
    r = float(rests[1:] @ rests[:-1]) / total
    r = float(np.clip(r + (2 + 4 * r) * lines / len(rests), 0.0, 0.95))
    return (1 + r) / (1 - r)


def _refined(x: Floats, y: Floats, cuts: list[int], size: int) -> list[int]:
    """The cuts moved, by a stretch at most, to where the two lines part best."""
    import numpy as np

    edges = [0, *cuts, len(y)]
    refined: list[int] = []
    for before, cut, after in zip(edges[:-2], edges[1:-1], edges[2:], strict=True):
        reach = max(size, 2)
        low, high = max(cut - reach, before + 2, 1), min(cut + reach, after - 2)
        left = line_of(x, y, before, max(cut - size, before + 1))
        right = line_of(x, y, min(cut + size, after - 2), after - 1)
        xs, ys = x[low:high], y[low:high]
        from_left = np.abs(ys - left.level_first - left.slope * (xs - x[left.first]))
        from_right = np.abs(ys - right.level_last - right.slope * (xs - x[right.last]))
        loss = np.concatenate(([0.0], np.cumsum(from_left - from_right)))
        refined.append(low + int(np.argmin(loss)) if high > low else cut)
    return refined
