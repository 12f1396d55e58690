"""An answer that was cut at its length, joined with its continuation."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sme_agent.llm.events import Answered, CallBegun, Reasoning, Text, Withdrawn
from sme_agent.llm.joining import continued, overlap
from sme_agent.llm.messages import AssistantMessage, Usage


def answer(text, *, ended="stop", **more):
    usage = Usage(input_tokens=10, output_tokens=5, cost_usd=0.01)
    return Answered(AssistantMessage(text=text, **more), usage, "m", 0.5, 2.0, ended)


@pytest.mark.parametrize(
    ("said", "more", "whole"),
    [
        ("The disk is full bec", "ause of logs.", "The disk is full because of logs."),
        ("The disk is full", " because of logs.", "The disk is full because of logs."),
        ("The disk is full", "is full because", "The disk is full because"),
        ("The disk is full", "The disk is full because", "The disk is full because"),
        ("We must resta", "restart it", "We must restart it"),
        ("the", " else", "the else"),
        ("see the", "se logs", "see these logs"),
        ("it holds 1", "10 of them", "it holds 110 of them"),
        ("", "anew", "anew"),
        ("all is said", "", "all is said"),
        ("a long line of words", "ong line of words, and more", "a long line of words, and more"),
    ],
)
@pytest.mark.parametrize("size", [1, 3, 100])
def test_nothing_is_doubled_and_nothing_lost(said, more, whole, size):
    pieces = [Text(more[at : at + size]) for at in range(0, len(more), size)]
    events = list(continued(answer(said, ended="length"), iter([*pieces, answer(more)])))
    assert events[-1].message.text == whole
    assert said + "".join(e.text for e in events if isinstance(e, Text)) == whole


@given(st.text("ab <\n", max_size=60), st.text("ab <\n", max_size=60), st.integers(1, 7))
def test_what_is_shown_is_what_is_kept(said, more, size):
    pieces = [Text(more[at : at + size]) for at in range(0, len(more), size)]
    events = list(continued(answer(said, ended="length"), iter([*pieces, answer(more)])))
    shown = said + "".join(e.text for e in events if isinstance(e, Text))
    assert shown == events[-1].message.text == said + more[overlap(said, more) :]


def test_a_long_answer_flows_on_without_waiting_for_its_end():
    first = answer("It began so.", ended="length")
    events = continued(first, iter([Text(" And went"), Text(" on"), answer(" And went on")]))
    assert next(events) == Text(" And went")


def test_both_parts_count():
    first = answer("One ", ended="length", reasoning="first", opaque=({"a": 1},))
    events = [Reasoning("then"), Text("two"), CallBegun("look")]
    second = answer("two", ended="calls", reasoning="then", opaque=({"b": 2},))
    *shown, whole = continued(first, iter([*events, second]))
    assert shown == events
    assert whole.message.reasoning == "first\n\nthen"
    assert whole.message.opaque == ({"a": 1}, {"b": 2})
    assert whole.usage == first.usage + second.usage
    assert (whole.first_token_s, whole.duration_s, whole.ended) == (0.5, 4.0, "calls")


def test_a_part_that_is_withdrawn_leaves_the_first():
    first = answer("The first part of it", ended="length")
    events = [Text(" goes wr"), Withdrawn("m", "cut"), Text(" goes on"), answer(" goes on")]
    assert list(continued(first, iter(events)))[:4] == [
        Text(" goes wr"), Withdrawn("m", "cut"), Text("The first part of it"), Text(" goes on"),
    ]  # fmt: skip
