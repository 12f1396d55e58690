"""Tool calls put together from the parts that servers send."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sme_agent.llm.calls import Calls
from sme_agent.llm.shapes.piece import CallPiece


def finished(*pieces: CallPiece, taken: tuple[str, ...] = ()) -> list[tuple[str, str, object]]:
    calls = Calls()
    for piece in pieces:
        calls.add(piece)
    return [(call.id, call.name, call.arguments) for call, _ in calls.finished(taken)]


A = CallPiece(index=0, id="a", name="look", arguments='{"where":')
A2 = CallPiece(index=0, arguments='"/"}')
B = CallPiece(index=1, id="b", name="run", arguments="{}")
LOOKED = ("a", "look", {"where": "/"})

CASES = {
    "by index": ([A, A2, B], [LOOKED, ("b", "run", {})]),
    "interleaved": ([A, B, A2], [LOOKED, ("b", "run", {})]),
    "without index": (
        [CallPiece(id="a", name="look", arguments='{"where":'), CallPiece(arguments='"/"}')],
        [LOOKED],
    ),
    "the id in each part": ([A, CallPiece(index=0, id="a", arguments='"/"}')], [LOOKED]),
    "another id in each part": ([A, CallPiece(index=0, id="x", arguments='"/"}')], [LOOKED]),
    "the name in each part": (
        [A, CallPiece(index=0, id="a", name="look", arguments='"/"}')],
        [LOOKED],
    ),
    "the name in pieces": (
        [CallPiece(index=0, id="a", name="lo"), CallPiece(index=0, name="ok"), A2],
        None,
    ),
    "all with the same index": (
        [A, A2, CallPiece(index=0, id="b", name="run", arguments="{}")],
        [LOOKED, ("b", "run", {})],
    ),
    "the same index and no id": (
        [CallPiece(index=0, name="run", arguments='{"n":1}'),
         CallPiece(index=0, name="run", arguments='{"n":2}')],
        [("*", "run", {"n": 1}), ("*", "run", {"n": 2})],
    ),
    "the arguments once more at the end": (
        [A, A2, CallPiece(index=0, id="a", arguments='{"where":"/"}')],
        [LOOKED],
    ),
    "whole calls with one index": (
        [CallPiece(index=0, name="run", arguments='{"n":1}', whole=True),
         CallPiece(index=0, name="run", arguments='{"n":1}', whole=True)],
        [("*", "run", {"n": 1}), ("*", "run", {"n": 1})],
    ),
    "no arguments": ([CallPiece(index=0, id="a", name="look")], [("a", "look", {})]),
    "an empty part": ([CallPiece(index=0)], []),
}  # fmt: skip


@pytest.mark.parametrize("case", CASES)
def test_parts_become_the_calls_that_were_meant(case):
    pieces, expected = CASES[case]
    if expected is None:
        calls = Calls()
        for piece in pieces:
            calls.add(piece)
        assert [call.name for call, _ in calls.finished(())] == ["look"]
        return
    got = finished(*pieces)
    assert [call[1:] for call in got] == [call[1:] for call in expected]
    assert all(
        call[0] == wanted[0] or wanted[0] == "*" for call, wanted in zip(got, expected, strict=True)
    )


def test_ids_are_unique_within_the_conversation():
    twice = CallPiece(id="a", name="run", whole=True)
    got = finished(twice, twice, CallPiece(name="run", whole=True), taken=("a",))
    ids = [call[0] for call in got]
    assert len({*ids, "a"}) == 4
    assert all(ids)


def test_the_name_is_told_once_and_as_soon_as_it_is_known():
    calls = Calls()
    assert [calls.add(piece) for piece in (A, A2, B)] == ["look", "", "run"]


def test_arguments_are_mended_where_it_is_clear_what_was_meant():
    assert finished(CallPiece(name="run", id="a", arguments="{'n': True,}")) == [
        ("a", "run", {"n": True})
    ]


def test_arguments_that_can_not_be_read_are_kept_as_they_came():
    calls = Calls()
    calls.add(CallPiece(name="run", id="a", arguments='{"command": "df'))
    [(call, _)] = calls.finished(())
    assert call.arguments == {}
    assert call.unreadable == '{"command": "df'


def test_a_call_that_came_as_text_as_well_is_one():
    calls = Calls()
    calls.add(A)
    calls.add(A2)
    calls.add_text("look", {"where": "/"}, None)
    calls.add_text("look", {"where": "/srv"}, None)
    assert [call.arguments for call, _ in calls.finished(())] == [{"where": "/"}, {"where": "/srv"}]


@given(
    st.dictionaries(st.text(max_size=5), st.integers() | st.text(max_size=9), max_size=4),
    st.lists(st.integers(0, 60), max_size=5),
)
def test_arguments_may_be_cut_anywhere(arguments, places):
    text = json.dumps(arguments)
    ends = sorted({min(place, len(text)) for place in places} | {len(text)})
    parts = [text[start:end] for start, end in zip([0, *ends], ends, strict=False)]
    pieces = [CallPiece(index=0, id="a", name="run")]
    pieces += [CallPiece(index=0, arguments=part) for part in parts]
    assert finished(*pieces) == [("a", "run", arguments)]
