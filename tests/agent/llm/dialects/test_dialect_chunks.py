"""How a text is cut into chunks makes no difference, and little of it is held back."""

import time
from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sme_agent.llm.dialects import DialectReader, Fault, Piece, Said, Thought
from sme_agent.llm.dialects.pieces import merged

TOOLS = {
    "look": {
        "type": "object",
        "properties": {"path": {"type": "string"}, "lines": {"type": "integer"}},
    },
    "ping": {"type": "object", "properties": {}},
}
FRAGMENTS = (
    *(
        "<｜DSML｜tool_calls>",
        "</｜DSML｜tool_calls>",
        "<|DSML|function_calls>",
        "<｜/DSML｜tool_calls>",
    ),
    *(
        '<｜DSML｜invoke name="look">',
        '<｜DSML｜invoke name="other">',
        "</｜DSML｜invoke>",
        "<｜DSML｜/invoke>",
    ),
    *(
        '<｜DSML｜parameter name="path" string="true">',
        "</｜DSML｜parameter>",
        '<｜DSML｜param name="lines"/>',
    ),
    *(
        '<invoke name="look">',
        "</invoke>",
        '<parameter name="path">',
        "</parameter>",
        "<DSML| toolcalls >",
    ),
    *("<｜tool▁calls▁begin｜>", "<｜tool▁call▁begin｜>", "look<｜tool▁sep｜>", '{"path": "/x"}'),
    *("<｜tool▁call▁end｜>", "<｜tool▁calls▁end｜>", "function", "<｜end▁of▁sentence｜>", "{}"),
    *(
        "<tool_call>",
        "</tool_call>",
        '{"name": "look", "arguments": {"path": "/x"}}',
        '{"name":"no"}',
    ),
    *(
        "<function=look>",
        "</function>",
        "<parameter=path>",
        "[TOOL_CALLS]",
        "[ARGS]",
        "<|python_tag|>",
    ),
    *(
        "<think>",
        "</think>",
        "`",
        "```",
        "```tool_call\n",
        "~~~",
        "\n",
        "\n\n",
        " ",
        "text",
        "a < b",
        "[",
        "{",
    ),
    *(
        '"',
        "\\",
        ";",
        ">",
        "<",
        "｜",
        "x" * 30,
        "the same again " * 9,
        "0123 " * 1_800,
        '="',
        "'",
        "é",
        "}",
        "]",
        "/",
        "= \t",
    ),
)
texts = st.lists(st.sampled_from(FRAGMENTS) | st.text(max_size=5), max_size=40).map("".join)
options = st.fixed_dictionaries({"think_tags": st.booleans(), "json_calls": st.booleans()})
toolsets = st.sampled_from([TOOLS, {}])


def read(chunks, tools, **settings) -> list[Piece]:
    reader = DialectReader(tools, **settings)
    pieces = [piece for chunk in chunks for piece in reader.feed(chunk)]
    return merged(pieces + reader.end())


def cut(text: str, at: list[int]) -> list[str]:
    places = sorted({place % (len(text) + 1) for place in at} | {0, len(text)})
    return [text[a:b] for a, b in pairwise(places)]


@settings(max_examples=400, deadline=None)
@given(texts, st.lists(st.integers(0, 2000), max_size=12), options, toolsets)
def test_chunks_make_no_difference(text, at, options, tools):
    whole = read([text], tools, **options)
    assert read(list(text), tools, **options) == whole
    assert read(cut(text, at), tools, **options) == whole


@settings(max_examples=200, deadline=None)
@given(st.text(alphabet="abc .,\n-_*#>()'\"", max_size=400))
def test_plain_text_is_passed_on_at_once_but_for_the_space_at_its_end(text):
    reader = DialectReader(TOOLS, json_calls=True)
    seen = ""
    for count, char in enumerate(text, 1):
        seen += "".join(piece.text for piece in reader.feed(char) if isinstance(piece, Said))
        assert seen == text[:count].rstrip()


@settings(max_examples=300, deadline=None)
@given(texts)
def test_without_tools_of_its_own_and_any_marker_nothing_is_lost(text):
    """All that was given comes back as text, as a call or as a fault."""
    pieces = read([text], {}, think_tags=False)
    said = "".join(p.text for p in pieces if isinstance(p, Said | Thought))
    if not any(not isinstance(p, Said) for p in pieces) and "end▁of" not in text:
        assert said == text


HOSTILE = {
    "openers": "<" * 1_000_000,
    "opened tags": "<｜DSML｜" * 120_000,
    "long attributes": '<｜DSML｜invoke name="' + "a" * 1_000_000,
    "many unfinished tags": ("<｜DSML｜invoke " + "a" * 2000) * 500,
    "parameters": '<｜DSML｜tool_calls><｜DSML｜invoke name="look">'
    + '<｜DSML｜parameter name="path" string="true">' * 25_000,
    "invokes": '<｜DSML｜invoke name="look">' * 40_000,
    "hermes": "<tool_call>" * 90_000,
    "json": "{" * 1_000_000,
    "json in a call": "<tool_call>" + '{"a":' * 200_000,
    "brackets": "[T" * 500_000,
    "backticks": "`" * 1_000_000,
    "spaces": " " * 1_000_000 + "x",
    "line breaks in a value": '<｜DSML｜tool_calls><｜DSML｜invoke name="look">'
    '<｜DSML｜parameter name="path">' + "\n" * 500_000 + "x</｜DSML｜invoke>",
    "old calls": "<｜tool▁calls▁begin｜>" * 60_000,
    "old head": "<｜tool▁calls▁begin｜>" + "x " * 500_000,
    "old tail": "<｜tool▁calls▁begin｜>x<｜tool▁sep｜>" + "` \n" * 300_000,
    "thoughts": "<think></think>" * 60_000,
    "almost the same": ("ab" * 130 + "c") * 4_000,
    "quotes": '<tool_call>{"name": "look", "arguments": "' + '" ' * 300_000 + "</tool_call>",
}


@pytest.mark.parametrize("name", HOSTILE)
def test_the_time_grows_with_the_text_and_no_faster(name):
    """Read at two lengths: eight times the text takes nowhere near 64 times the time."""
    text = HOSTILE[name]
    took = []
    for size in (len(text) // 8, len(text)):
        chunks = [text[at : at + 40] for at in range(0, size, 40)]
        began = time.process_time()
        read(chunks, TOOLS)
        took.append(time.process_time() - began)
    assert took[1] < 32 * took[0] + 0.5
    assert took[1] < 30


def test_after_a_fault_nothing_is_read():
    reader = DialectReader(TOOLS)
    pieces = reader.feed('<｜DSML｜invoke name="look">' * 5)
    assert isinstance(pieces[-1], Fault)
    assert reader.feed("more") == []
    assert reader.end() == []
