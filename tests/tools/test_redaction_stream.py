"""A text that comes in pieces is redacted as in one, and held back no longer than need be."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from redaction_corpus import cases, kinds
from sme_tools.safety.redaction import Redactor
from sme_tools.safety.secret_stream import HELD_CHARS, StreamRedactor

CASES = [case for kind in kinds() for case in cases(kind)]
BODY = "aB3dE5gH7jK9mN1pQ2rS4tU6vW8xY0zAaB3dE5gH7jK9mN1pQ2rS4tU6vW8xY0zA"
BEGIN, END = "-----BEGIN PRIVATE KEY-----\n", "-----END PRIVATE KEY-----\n"


def streamed(pieces: list[str]) -> str:
    stream = StreamRedactor()
    return "".join([*map(stream.feed, pieces), stream.flush()])


@pytest.mark.parametrize("case", CASES, ids=lambda case: f"{case.kind}-{case.number}")
def test_case_of_the_corpus_that_comes_line_by_line_is_redacted_as_in_one(case):
    text = f"before\n{case.text}\nafter\n"
    assert streamed(text.splitlines(keepends=True)) == Redactor().text(text)


@settings(max_examples=200, deadline=None)
@given(st.data())
def test_pieces_may_be_cut_anywhere(data):
    chosen = data.draw(st.lists(st.sampled_from(CASES), min_size=1, max_size=4))
    text = "\n".join(f"line\n\n{case.text}\nline" for case in chosen)
    cuts = sorted(data.draw(st.lists(st.integers(0, len(text)), max_size=6)))
    pieces = [text[a:b] for a, b in zip([0, *cuts], [*cuts, len(text)], strict=True)]
    assert streamed(pieces) == Redactor().text(text)


def test_line_is_given_out_as_soon_as_it_is_whole():
    stream = StreamRedactor()
    assert stream.feed("password=hunter22 and") == ""
    assert stream.feed(" more\nnext") == "password=<secret:password:1> and more\n"
    assert stream.feed("\n") == "next\n"
    assert stream.flush() == ""


def test_key_block_is_held_back_until_it_ends():
    stream = StreamRedactor()
    assert stream.feed(f"first\n{BEGIN}{BODY}\n") == "first\n"
    assert stream.feed(f"{BODY}\n") == ""
    assert stream.feed(END) == f"{BEGIN}<secret:private-key:1>\n{END}"


def test_line_that_belongs_to_no_key_ends_the_waiting():
    stream = StreamRedactor()
    stream.feed(BEGIN)
    assert stream.feed("Nov 20 10:00:00 web1 app: it goes on\n").endswith("it goes on\n")


def test_key_block_without_an_end_does_not_fill_the_memory():
    stream = StreamRedactor()
    output = stream.feed(BEGIN)
    for _ in range(3 * HELD_CHARS // len(BODY)):
        output += stream.feed(BODY + "\n")
    assert len(stream._held) <= HELD_CHARS + len(BODY) + 1
    assert output.startswith(f"{BEGIN}<secret:private-key:1>")


def test_line_without_an_end_does_not_fill_the_memory():
    stream = StreamRedactor()
    output = "".join(stream.feed("word " * 1000) for _ in range(3 * HELD_CHARS // 5000))
    assert len(stream._held) <= HELD_CHARS + 5000
    assert output + stream.flush() == "word " * 1000 * (3 * HELD_CHARS // 5000)


def test_value_on_the_line_after_its_name_is_hidden():
    assert streamed(["- name: DB_PASSWORD\n", "  value: hunter22\n"]).endswith(
        "  value: <secret:password:1>\n"
    )
