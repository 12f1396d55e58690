"""Streamed Markdown: whatever the pieces, the same blocks come out, each of them once."""

import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st
from rich.console import Console
from rich.theme import Theme

from sme_cli.chat.blocks import Block, Blocks, harmless
from sme_cli.chat.markup import STYLES, render

ANSWER = """\
# Title
The **disk** is full. 日本語の文章です。
Second line.

1. First
2. Second
   - nested
3. Third:
   ```sh
   - not an item
   ```
4. Fourth

After it:
- a
- b

- loose

```python
def f():

    return 1
```
after code
> quote

| a | b |
|---|---|
| 1 | 2 |

end"""


def blocks_of(pieces):
    blocks = Blocks()
    done = [block for piece in pieces for block in blocks.feed(piece)]
    return done + blocks.end()


def cut(text, places):
    ends = sorted({min(place, len(text)) for place in places} | {len(text)})
    return [text[begin:end] for begin, end in zip([0, *ends], ends, strict=False)]


def shown(blocks, width=60):
    screen = Console(width=width, theme=Theme(STYLES), color_system=None)
    return [line.plain for block in blocks for line in render(block, screen)]


@given(st.lists(st.integers(0, len(ANSWER)), max_size=40))
def test_the_pieces_make_no_difference(places):
    assert blocks_of(cut(ANSWER, places)) == blocks_of([ANSWER])


@given(st.text(alphabet="ab #-*1.|>\n\t[]()_\\", max_size=200), st.lists(st.integers(0, 200)))
def test_whatever_a_model_writes_nothing_is_lost_or_doubled(text, places):
    blocks = blocks_of(cut(text, places))
    said = "".join("".join(block.text.split()) for block in blocks)
    assert said == "".join(text.split())


@given(st.text(alphabet="a`~ -\n", max_size=120), st.lists(st.integers(0, 120)))
def test_code_that_begins_and_ends_anywhere_is_cut_alike(text, places):
    assert blocks_of(cut(text, places)) == blocks_of([text])


@given(st.text(max_size=300), st.integers(20, 120))
def test_any_text_can_be_shown_and_controls_nothing(text, width):
    for line in shown(blocks_of([text]), width):
        assert not [char for char in line if unicodedata.category(char) in ("Cc", "Zl", "Zp")]


@pytest.mark.parametrize("cut_at", range(1, 12))
def test_an_escape_sequence_does_nothing_wherever_it_is_cut(cut_at):
    text = "red: \x1b[31mX\x1b]0;title\x07 end"
    whole = "\n".join(shown(blocks_of([text[:cut_at], text[cut_at:]])))
    assert "\x1b" not in whole
    assert whole.startswith("red: ")
    assert whole.endswith("end"), "what follows is not swallowed"


def test_what_is_complete_is_given_at_once():
    blocks = Blocks()
    assert blocks.feed("One paragraph.\n") == []
    assert blocks.open == Block("One paragraph.")
    assert blocks.feed("\n") == [Block("One paragraph.")]
    assert blocks.open is None
    assert blocks.feed("```\nfirst\nsec") == [Block("first", is_code=True, gap=True)]
    assert blocks.open == Block("sec", is_code=True)
    assert blocks.feed("ond\n```\n") == [Block("second", is_code=True)]
    assert blocks.feed("- a\n- b") == []
    assert blocks.feed("\n") == [Block("- a", gap=True)]
    assert blocks.end() == [Block("- b")]


def test_lists_keep_their_numbers_and_code_its_lines():
    lines = shown(blocks_of([ANSWER]))
    assert " 4 Fourth" in lines
    assert "   - not an item" in lines, "what looks like an item within code is none"
    code = lines.index("    def f():")
    assert lines[code : code + 3] == ["    def f():", "", "        return 1"]


def test_a_long_line_of_code_is_not_broken():
    line = "x" * 300
    assert f"    {line}" in shown(blocks_of([f"```\n{line}\n```\n"]), 40)


def test_wide_characters_are_counted_as_they_are_shown():
    from rich.cells import cell_len

    assert all(cell_len(line) < 40 for line in shown(blocks_of(["日本語" * 40 + "\n\n"]), 40))


def test_where_a_link_leads_is_said():
    (line,) = shown(blocks_of(["[the manual](https://example.invalid/x)"]))
    assert "https://example.invalid/x" in line


def test_harmless_text_stays_as_it_is():
    assert harmless("grüße\n\tä 日本 ✓") == "grüße\n\tä 日本 ✓"
