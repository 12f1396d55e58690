"""The bytes of an answer as events, however they are cut."""

from __future__ import annotations

import contextlib
import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sme_agent.llm.chunks import Done, NoAnswer, events

VALUES = [{"a": "ü\u2028é [DONE]"}, {"b": [1, {"c": "data: x"}]}, {"d": '"}{\\'}]


def read(*chunks: bytes) -> list[object]:
    return ["done" if isinstance(event, Done) else event for event in events(chunks)]


def cut(data: bytes, places: list[int]) -> list[bytes]:
    ends = sorted({min(place, len(data)) for place in places} | {len(data)})
    return [data[start:end] for start, end in zip([0, *ends], ends, strict=False)]


def as_sse(end: str) -> bytes:
    lines = [": comment", "event: message", ""]
    for value in VALUES:
        lines += [f"data: {json.dumps(value, ensure_ascii=False)}", ""]
    return end.join([*lines, "data:[DONE]", "", ""]).encode()


FORMS = {
    "LF": (as_sse("\n"), True),
    "CRLF": (as_sse("\r\n"), True),
    "CR": (as_sse("\r"), True),
    "lines": ("\n".join(json.dumps(v, ensure_ascii=False) for v in VALUES).encode(), False),
    "list": (json.dumps(VALUES, indent=2).encode(), False),
    "documents": ("".join(json.dumps(v, indent=1) for v in VALUES).encode(), False),
}


@pytest.mark.parametrize("form", FORMS)
@given(places=st.lists(st.integers(0, 400), max_size=12))
def test_events_do_not_depend_on_how_they_are_cut(form, places):
    data, marked = FORMS[form]
    assert read(*cut(data, places)) == [*VALUES, *(["done"] if marked else [])]


def test_an_event_of_several_lines_is_one():
    assert read(b'data: {"a":\ndata: 1}\n\n') == [{"a": 1}]


def test_events_without_a_blank_line_between_them_are_two():
    assert read(b'data: {"a": 1}\ndata: {"b": 2}\ndata: [DONE]\n') == [{"a": 1}, {"b": 2}, "done"]


def test_an_event_of_the_kind_error_is_an_error_whatever_is_in_it():
    assert read(b'event: error\ndata: {"message": "no"}\n\n') == [{"error": {"message": "no"}}]
    assert read(b"event: error\ndata: out of memory\n\n") == [
        {"error": {"message": "out of memory"}}
    ]
    assert read(b'event: error\ndata: {"error": {"code": 1}}\n\n') == [{"error": {"code": 1}}]


@pytest.mark.parametrize("page", [b"<!doctype html><title>Login</title>", b"data: oh\n\n", b"[1]"])
def test_what_is_no_answer_is_shown(page):
    with pytest.raises(NoAnswer, match=r"Login|oh|1"):
        read(page)


def test_a_document_that_breaks_off_is_no_answer():
    with pytest.raises(NoAnswer):
        read(b'{"choices": [{"mess')


def test_nothing_is_no_event():
    assert read() == read(b"", b"\n \n") == []


@given(st.binary(max_size=200))
def test_any_bytes_are_events_or_no_answer(data):
    with contextlib.suppress(NoAnswer):
        read(data)
