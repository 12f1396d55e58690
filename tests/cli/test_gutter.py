"""Hostile text behind our marks: no row of it begins at the edge, and none of a command is lost."""

import io
import re

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from rich.cells import cell_len
from rich.console import Console

from sme_cli.render.gutter import GOES_ON, put_command, put_words
from sme_tools.safety.control import written_out

PARTS = st.sampled_from(
    ["\x1b[2J", "\n", "\r", "\t", "\x9b1A", "Run it?  > y", "[bold]", "[/]", ":boom:", "\u202e",
     "世界", " " * 50, "x" * 90, "\u200b", "\U000e0041", "\\", "é", "\x00", "\udc9b"]
)  # fmt: skip
TEXT = st.one_of(st.text(max_size=120), st.lists(PARTS, max_size=12).map("".join))


def printed(put, text, width):
    stream = io.StringIO()
    put(Console(file=stream, width=width, highlight=False, color_system=None), text)
    return stream.getvalue().removesuffix("\n").split("\n")


@settings(deadline=None)
@given(text=TEXT, width=st.integers(30, 120))
def test_a_command_is_shown_to_the_letter_behind_its_mark(text, width):
    rows = printed(lambda at, what: put_command(at, "+", what, indent=4), text, width)
    marks = [row[:6] for row in rows]
    assert set(marks) <= {"    + ", f"    {GOES_ON} "}
    assert all(cell_len(row) <= width for row in rows)
    shown = "".join(
        ("\n" if mark == "    + " else "") + row[6:] for mark, row in zip(marks, rows, strict=True)
    )
    expected = written_out(text).encode("utf-8", "replace").decode()
    assert shown[1:] == expected


@settings(deadline=None)
@given(text=TEXT, width=st.integers(30, 120), lead=st.sampled_from(["? ", "Plan for web1: "]))
def test_a_sentence_stays_behind_its_lead(text, width, lead):
    rows = printed(lambda at, what: put_words(at, lead, what, indent=2), text, width)
    assert rows[0].startswith(f"  {lead.rstrip()}")
    assert all(row.startswith("    ") for row in rows[1:])
    assert not re.search(r"[\x00-\x1f\x7f-\x9f\u202e]", "".join(rows))


@pytest.mark.parametrize("char", ["\x1b", "\t", "\u202e", "\u00a0", "\u2028", "\U000e0041"])
def test_what_can_not_be_seen_is_written_out(char):
    assert written_out(f"a{char}b\n") == f"a<U+{ord(char):04X}>b\n"
