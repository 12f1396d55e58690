"""A log by the kinds of its messages: the grave, the rare and the new before the health checks."""

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sme_tools.analysis.templates_view import templates_view

NINE = datetime(2026, 11, 20, 9, tzinfo=UTC)


def line(second: int, message: str) -> str:
    return f"{NINE + timedelta(seconds=second):%Y-%m-%dT%H:%M:%SZ} web app[7]: {message}"


def health(first: int, last: int) -> list[str]:
    return [line(second, f"GET /up took {second} ms") for second in range(first, last)]


def test_one_grave_line_comes_before_thousands_of_health_checks():
    log = health(0, 3000)
    log[1000] = line(1000, "ERROR cannot write /srv/a: No space left on device")
    view = templates_view("\n".join(log))
    grave, often = view.rows
    assert (grave.level, grave.kind, grave.count) == ("error", "no-space", 1)
    assert (grave.example_line, grave.example) == (1001, log[1000])
    assert (often.count, often.level, often.example_line) == (2999, "info", 3000)
    assert (view.first, view.last) == (NINE, NINE + timedelta(seconds=2999))
    assert view.render().startswith("3000 lines, 2 kinds, 2026-11-20 09:00:00+0000–09:49:59+0000\n")
    assert f"1001│ {log[1000]}" in view.render()


@pytest.mark.parametrize(
    ("seconds", "change"),
    [
        (range(2900, 2930), "new"),
        (range(1500, 1540), "burst"),
        ([*range(0, 2400, 400), *range(2400, 3000, 10)], "more"),
        (range(0, 1800, 20), "stopped"),
        (range(0, 3000, 50), None),
        ([5, 900], None),
    ],
    ids=["new", "burst", "more", "stopped", "even", "few"],
)
def test_what_has_changed_of_late_is_told(seconds, change):
    log = health(0, 3000) + [line(second, f"job {second} was queued") for second in seconds]
    view = templates_view("\n".join(sorted(log)))
    (row,) = [row for row in view.rows if "queued" in row.template]
    assert row.change == change
    assert row.count == len(seconds)
    assert row.first == NINE + timedelta(seconds=seconds[0])


def test_without_times_the_order_of_the_lines_tells_what_is_new():
    log = [f"served request {n}" for n in range(300)] + [f"queue {n} is long" for n in range(12)]
    rows = {row.template: row for row in templates_view("\n".join(log)).rows}
    assert rows["queue <NUM> is long"].change == "new"
    assert rows["queue <NUM> is long"].first_line == 301
    assert rows["served request <NUM>"].first is None


def test_numbers_are_those_of_the_text_whatever_reading_leaves_out():
    log = [
        "clock 2026-11-20T10:05:00+0000 1331.25",
        "==> /var/log/a.log <==",
        "",
        "\x1b[31mERROR\x1b[0m it broke",
        "Traceback (most recent call last):",
        '  File "a.py", line 3, in f',
        "KeyError: 'x'",
        "a\u2028b is one line",
        "done and gone",
    ]
    rows = templates_view("\n".join(log)).rows
    assert sorted(row.example_line for row in rows) == [4, 7, 8, 9]
    assert all(row.example == log[row.example_line - 1] for row in rows)


def test_what_is_from_before_is_left_out():
    view = templates_view("\n".join(health(0, 100)), since=NINE + timedelta(seconds=90))
    assert (view.total_lines, view.rows[0].first_line) == (10, 91)


def test_kinds_that_are_not_shown_are_counted():
    words = ["alder", "birch", "cedar", "dogwood", "elm", "fir"]
    log = [f"{a} {b} {c} {a}{b}" for a in words for b in words for c in words]
    view = templates_view("\n".join(log), most=3)
    assert len(view.rows) == 3
    assert view.other_lines == len(log) - sum(row.count for row in view.rows)
    assert view.render().splitlines()[-1].startswith(f"⋮ {view.other_kinds} kind")


def test_an_empty_log_has_no_kinds():
    view = templates_view("\n\n")
    assert (view.rows, view.total_lines, view.render()) == ((), 0, "0 lines, 0 kinds")


@given(st.text(alphabet=st.sampled_from('a0 \n\r\t{}":\x0b\x1bT\u2028Error=m['), max_size=400))
def test_every_example_is_the_line_its_number_says(text):
    view = templates_view(text)
    lines = [line.rstrip() for line in text.split("\n")]
    for row in view.rows:
        assert 1 <= row.first_line <= row.last_line <= len(lines)
        assert lines[row.example_line - 1].startswith(row.example)
