"""Searching a text by patterns that a model wrote."""

import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sme_tools.analysis.patterns import GuardedPattern
from sme_tools.analysis.search import search
from sme_tools.errors import PatternInvalid

TEXT = "\n".join(f"line {n}" + (" failed: Disk" if n in (3, 5, 50) else "") for n in range(1, 61))


def test_hits_come_with_their_numbers_and_what_is_around_them():
    found = search(TEXT, r"fail\w+: disk$", around=1)
    assert found.render().split("\n") == [
        "   2│ line 2",
        ">  3│ line 3 failed: Disk",
        "   4│ line 4",
        ">  5│ line 5 failed: Disk",
        "   6│ line 6",
        "   ⋮",
        "  49│ line 49",
        "> 50│ line 50 failed: Disk",
        "  51│ line 51",
    ]
    assert (found.total_hits, found.hits, found.next_line) == (3, (3, 5, 50), None)


def test_what_is_not_shown_is_counted_and_can_be_searched_on():
    found = search(TEXT, "failed", most=2)
    assert (found.hits, found.total_hits, found.next_line) == ((3, 5), 3, 50)
    assert search(TEXT, "failed", most=2, first_line=50).hits == (50,)


def test_hits_that_do_not_fit_are_left_for_the_next_search():
    found = search(TEXT, "line", most=60, around=0, most_chars=200)
    assert 1 <= len(found.hits) < 20
    assert len(found.render()) <= 200
    assert found.next_line == found.hits[-1] + 1


def test_plain_text_is_no_pattern():
    assert search("a.c\nabc", "a.c", is_regex=False).hits == (1,)
    assert search("a.c\nabc", "a.c").hits == (1, 2)
    assert search("(a+)+$", "(a+)+$", is_regex=False).hits == (1,)


def test_of_a_long_line_the_stretch_around_the_match_is_shown():
    line = "x" * 5000 + "NEEDLE" + "y" * 5000
    (piece,) = search(line, "needle").pieces
    assert "NEEDLE" in piece.text
    assert line[piece.column - 1 :].startswith(piece.text)
    assert len(piece.text) < 500


def test_nothing_found_says_so():
    found = search(TEXT, "absent")
    assert (found.render(), found.total_hits, found.total_lines) == ("", 0, 60)


@pytest.mark.parametrize("pattern", ["(", "a**", "[z", "(?P<n", "", "x" * 501, "(" * 250 + "a"])
def test_what_is_no_pattern_is_refused_with_a_remedy(pattern):
    with pytest.raises(PatternInvalid) as refused:
        search(TEXT, pattern)
    assert refused.value.remedy


@pytest.mark.parametrize(
    "pattern",
    [
        "(a+)+$",
        "(a|a)*b",
        "(.*)*(.*)*(.*)*x",
        "((a{1,1000}){1,1000}){1,1000}b",
        "(?:a?){400}a{400}b",
        "(?<=(a+)+)b",
        "(?e)(?:aaaab){e<=3}c",
        "^(([a-z])+.)+[A-Z]([a-z])+$",
        r"(\w+\s?)+\d{3}$",
        r"(a*)*\1b",
    ],
)
def test_no_pattern_hangs(pattern):
    began = time.perf_counter()
    try:
        GuardedPattern(pattern, most_seconds=0.5).search("a" * 4000 + "!")
    except PatternInvalid as refused:
        assert "too long" in str(refused)
    assert time.perf_counter() - began < 20


def test_the_time_is_for_all_lines_together():
    guarded = GuardedPattern("((a{1,1000}){1,1000}){1,1000}b", most_seconds=0.2)
    began = time.perf_counter()
    for _ in range(1000):
        try:
            guarded.search("a" * 3000)
        except PatternInvalid:
            break
    else:
        pytest.fail("it was never stopped")
    assert time.perf_counter() - began < 20


@given(st.text(max_size=60), st.text(max_size=300))
def test_any_pattern_on_any_text_ends_in_lines_or_a_refusal(pattern, text):
    try:
        found = search(text, pattern)
    except PatternInvalid:
        return
    assert set(found.hits) <= {piece.number for piece in found.pieces}
