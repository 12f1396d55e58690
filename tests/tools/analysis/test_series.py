"""Series of numbers: what is true of synthetic ones is said of them, and nothing else."""

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sme_tools.analysis.series import SeriesData, analyse, numbers_in
from sme_tools.analysis.series_data import number_of
from sme_tools.analysis.series_fit import line_of, lines_through
from sme_tools.errors import PatternInvalid, UsageError

START = 1_795_000_000.0
GIB = 1024.0**3


def series(values, *, every=60.0, unit=""):
    times = tuple(START + every * place for place in range(len(values)))
    return SeriesData(tuple(map(float, values)), times, unit)


def noise(seed, n, scale=1.0):
    return np.random.default_rng(seed).normal(0, scale, n)


class TestTrend:
    def test_a_disk_that_fills_reaches_its_limit_when_arithmetic_says(self):
        used = 40 * GIB + noise(3, 600, 0.1 * GIB)
        used[300:] += np.arange(300) * 1.2 * GIB / 60
        report = analyse(series(used, unit="B"), limit="64 GiB")
        assert report.trend.is_clear
        assert report.trend.slope * 3600 == pytest.approx(1.2 * GIB, rel=0.03)
        (bend,) = report.changes
        assert bend.kind == "bend" and abs(bend.at.index - 300) <= 15
        left = (64 * GIB - used[-1]) / (1.2 * GIB) * 3600
        assert report.forecast.after == pytest.approx(left, rel=0.05)
        assert report.forecast.soonest <= report.forecast.after <= report.forecast.latest
        assert "GiB/h since" in report.summary() and "Reaches 64 GiB in about" in report.summary()

    def test_the_slope_is_that_of_theil_and_sen(self):
        # Sen (1968), table 1: the median of the 21 slopes is 4, the 93 % interval 26/7 … 32/7.
        x = np.array([1.0, 2, 3, 4, 10, 12, 18])
        y = np.array([9.0, 15, 19, 20, 45, 55, 78])
        line = line_of(x, y, 0, 6)
        assert line.slope == pytest.approx(4.0)
        assert line.slope_low <= 26 / 7 and line.slope_high >= 32 / 7

    def test_a_quarter_of_wild_values_does_not_turn_it(self):
        y = 0.5 * np.arange(200) + noise(1, 200)
        y[::4] += 10_000
        assert line_of(np.arange(200.0), y, 0, 199).slope == pytest.approx(0.5, rel=0.1)

    @pytest.mark.parametrize("n", [30, 200, 5000])
    def test_noise_has_no_trend(self, n):
        clear = sum(analyse(noise(seed, n)).trend.is_clear for seed in range(100))
        assert clear <= 5

    def test_no_forecast_without_a_trend_that_leads_there(self):
        flat, falling = noise(1, 200), -np.arange(200.0)
        assert analyse(series(flat), limit=90).forecast.after is None
        assert analyse(series(falling), limit=90).forecast.after is None
        assert analyse(series(falling), limit=-300, limit_is_lower=True).forecast.after > 0

    def test_what_is_beyond_foresight_is_not_foretold(self):
        assert analyse(series(np.arange(100.0)), limit=1e6).forecast.after is None

    def test_a_limit_that_is_passed_is_said_to_be(self):
        report = analyse(series(np.arange(100.0)), limit=50)
        assert report.forecast.after == 0
        assert "already" in report.summary()


class TestChanges:
    @pytest.mark.parametrize("n", [16, 30, 60, 200, 1000, 20_000])
    def test_noise_has_none_in_95_of_100(self, n):
        assert sum(len(analyse(noise(seed, n)).changes) > 0 for seed in range(100)) <= 5

    @pytest.mark.parametrize("n", [100, 1000, 20_000])
    def test_a_step_is_found_where_it_is(self, n):
        near = 0
        for seed in range(40):
            y = noise(seed, n)
            y[int(0.6 * n) :] += 4
            changes = analyse(y).changes
            near += len(changes) == 1 and abs(changes[0].at.index - int(0.6 * n)) <= 2
        assert near >= 38

    def test_the_levels_at_both_sides_are_told(self):
        y = np.where(np.arange(300) < 120, 20.0, 100.0) + noise(5, 300, 2)
        (step,) = analyse(y).changes
        assert step.kind == "step"
        assert (step.before, step.after) == (pytest.approx(20, abs=1), pytest.approx(100, abs=1))

    def test_several_steps_are_found_each(self):
        y = np.repeat([10.0, 30, 5, 60], 100) + noise(2, 400)
        assert [c.at.index for c in analyse(y).changes] == pytest.approx([100, 200, 300], abs=2)

    def test_single_spikes_are_outliers_and_no_steps(self):
        y = noise(4, 300)
        y[[50, 200]] += 60
        report = analyse(y)
        assert report.changes == ()
        assert {outlier.index for outlier in report.outliers} == {50, 200}

    def test_a_step_without_any_noise(self):
        (step,) = analyse([0.0] * 50 + [5.0] * 50).changes
        assert (step.at.index, step.before, step.after) == (50, 0.0, 5.0)

    @settings(max_examples=30, deadline=None)
    @given(st.floats(0.001, 1e6), st.floats(-1e6, 1e6), st.integers(0, 50))
    def test_scale_and_shift_change_nothing_but_scale_and_shift(self, scale, shift, seed):
        y = noise(seed, 150)
        y[90:] += 8
        x = np.arange(150.0)
        one = lines_through(x, y)
        other = lines_through(x, y * scale + shift * scale)
        assert [line.first for line in one] == [line.first for line in other]
        for a, b in zip(one, other, strict=True):
            assert b.slope == pytest.approx(a.slope * scale, rel=1e-3, abs=1e-5 * scale)


class TestOddities:
    def test_nan_and_infinity_are_counted_and_placed(self):
        report = analyse([1.0, 2, math.nan, 3, math.inf, 2, 1, 2])
        assert (report.n, report.not_finite, report.first_not_finite) == (6, 2, 2)
        assert "first value 3" in report.summary()

    def test_a_counter_that_was_reset_is_told_as_rates(self):
        grown = np.cumsum(np.random.default_rng(1).poisson(300, 200)).astype(float)
        report = analyse(series([*grown, *grown], every=10.0))
        assert report.is_rate
        assert [reset.index for reset in report.resets] == [200]
        assert report.median == pytest.approx(30, rel=0.05)
        assert report.minimum > 0

    def test_a_gauge_that_falls_is_no_counter(self):
        assert not analyse(series(np.abs(noise(1, 100, 50)).round())).is_rate

    def test_what_recurs_daily_is_said_to(self):
        y = 50 + 20 * np.sin(np.arange(1000) * 2 * np.pi / 144) + noise(1, 1000, 2)
        report = analyse(series(y, every=600.0))
        assert report.period == pytest.approx(86_400, rel=0.02)
        assert report.changes == () and not report.trend.is_clear

    def test_noise_slopes_steps_and_rounding_do_not_recur(self):
        found = [analyse(noise(seed, 500)).period for seed in range(40)]
        found.append(analyse(np.floor(np.linspace(70, 81, 200))).period)
        found.append(analyse(np.repeat([1.0, 9.0], 100) + noise(1, 200)).period)
        found.append(analyse(np.cumsum(noise(1, 300))).period)
        assert found == [None] * 43

    def test_a_time_without_values_is_a_gap(self):
        times = tuple(START + 60 * i for i in range(200) if not 80 < i < 140)
        report = analyse(SeriesData(tuple(noise(1, len(times))), times))
        (gap,) = report.gaps
        assert (gap.begin, gap.end) == (START + 4800, START + 8400)

    def test_times_out_of_order_are_sorted(self):
        data = series(np.arange(50.0))
        turned = SeriesData(data.values[::-1], data.times[::-1])
        assert analyse(turned).trend.slope == pytest.approx(analyse(data).trend.slope)

    @pytest.mark.parametrize(
        ("values", "words"),
        [([5.0] * 40, "40 values, all 5."), ([1.0, 2.0], "Too few"), ([7.0], "1 value, all 7.")],
    )
    def test_what_is_constant_or_too_short(self, values, words):
        assert words in analyse(values).summary()

    def test_no_number_is_an_error(self):
        with pytest.raises(UsageError):
            analyse([math.nan])

    @settings(deadline=None)
    @given(st.lists(st.floats() | st.sampled_from([0.0, 1.0, 1e-300, 1e300]), max_size=60))
    def test_any_numbers_give_a_report_or_an_error(self, values):
        try:
            report = analyse(values, limit=10)
        except UsageError:
            assert not any(abs(value) < 1e60 for value in values)
            return
        assert report.summary()

    def test_a_million_values(self):
        assert analyse(noise(1, 1_000_000)).n == 1_000_000


class TestReading:
    def test_a_pattern_with_times_and_units(self):
        log = "\n".join(
            f"2026-11-20T09:{i // 60:02}:{i % 60:02}Z app: took {20 + 80 * (i > 400)}.5 ms"
            for i in range(900)
        )
        data = numbers_in(log, r"took (\S+ ms)")
        assert data.unit == "s" and data.times[1] - data.times[0] == 1
        (step,) = analyse(data, limit=90).changes
        assert (step.before, step.after) == (pytest.approx(0.0205), pytest.approx(0.1005))
        assert analyse(data, limit=90).forecast.limit == pytest.approx(0.09)

    def test_a_named_group_may_stand_before_or_after_the_time(self):
        for pattern in (r"(?P<time>\d+) (\d+)", r"(?P<time>\d+) (?P<value>\d+)"):
            data = numbers_in("100 7\n200 8", pattern)
            assert (data.values, data.times) == ((7.0, 8.0), (100.0, 200.0))

    def test_times_that_only_some_lines_have_are_none(self):
        assert numbers_in("2026-11-20T09:00:00Z v=1\nv=2", r"v=(\d)").times is None

    @pytest.mark.parametrize("pattern", [r"took \d", "("])
    def test_a_pattern_needs_a_group(self, pattern):
        with pytest.raises(PatternInvalid):
            numbers_in("took 5", pattern)

    def test_no_match_says_what_to_do(self):
        with pytest.raises(UsageError) as nothing:
            numbers_in("took 5", r"gave (\d)")
        assert nothing.value.remedy

    @pytest.mark.parametrize(
        ("text", "value", "unit"),
        [
            ("12", 12, ""),
            ("1,234.5", 1234.5, ""),
            ("85%", 85, "%"),
            ("1.5GiB", 1.5 * GIB, "B"),
            ("512 K", 512 * 1024, "B"),
            ("250ms", 0.25, "s"),
            ("-3e2 C", -300, "C"),
        ],
    )
    def test_numbers_with_units(self, text, value, unit):
        found = number_of(text)
        assert (found.value, found.unit) == (pytest.approx(value), unit)
