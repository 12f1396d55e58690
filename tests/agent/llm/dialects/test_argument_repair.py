"""JSON as models write it."""

import json

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sme_agent.llm.dialects import repair_arguments
from sme_agent.llm.dialects.repair import lenient_json

MENDED = {
    '{"a": 1}': {"a": 1},
    "": {},
    " \n": {},
    "{}": {},
    '{"a": "x\ny\tz"}': {"a": "x\ny\tz"},
    '{"a": [1, 2,], }': {"a": [1, 2]},
    "{'a': 'it''s', 'b': \"c\"}": {"a": "it''s", "b": "c"},
    "{'a': 'it's fine'}": {"a": "it's fine"},
    '{"a": True, "b": False, "c": None}': {"a": True, "b": False, "c": None},
    '{a: "x", b-c: 1}': {"a": "x", "b-c": 1},
    '{"say": "he said "no" to it", "n": 1}': {"say": 'he said "no" to it', "n": 1},
    '{"a": {"b": "c"}': {"a": {"b": "c"}},
    '{"a": ["b", "c"': {"a": ["b", "c"]},
    '```json\n{"a": 1}\n```': {"a": 1},
    '"{\\"a\\": 1}"': {"a": 1},
    '{"re": "\\d+\\.log", "dir": "C:\\temp"}': {"re": "\\d+\\.log", "dir": "C:\temp"},
    '{"a": "\\u00e9\\ud83d\\ude00", }': {"a": "é😀"},
    '{"half": "\\ud83d"}': {"half": "?"},
    '{"todo":\n  [{"text": "one\n   two"}]}': {"todo": [{"text": "one two"}]},
}
REFUSED = [
    '{"a": "breaks o',
    '{"a": 1',
    '{"a": tru',
    '{"a":',
    '{"a"',
    "{",
    '{"a": nginx}',
    "[1, 2]",
    "text",
    '{"a": 1} and more',
    '{"a" 1}',
    '{"a": NaN}',
    "\\",
    '{"a": "\\',
    '{"a":' * 100_000,
    "[" * 100_000,
]


@pytest.mark.parametrize("text", MENDED)
def test_what_was_meant_is_understood(text):
    assert repair_arguments(text) == MENDED[text]


@pytest.mark.parametrize("text", REFUSED, ids=lambda text: text[:20])
def test_what_is_not_clear_is_refused(text):
    assert repair_arguments(text) is None


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text()
    | st.floats(allow_nan=False, allow_infinity=False),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=4),
    max_leaves=12,
)  # fmt: skip


@settings(max_examples=150, deadline=None)
@given(st.dictionaries(st.text(), json_values, max_size=4), st.booleans())
def test_good_json_is_read_as_it_is(value, ascii):
    assert repair_arguments(json.dumps(value, ensure_ascii=ascii)) == value


simple = st.dictionaries(
    st.text("abc", min_size=1), st.booleans() | st.none() | st.text("ab \n'\\é"), max_size=4
)


@settings(max_examples=150, deadline=None)
@given(simple)
def test_python_is_read_too(value):
    text = "{" + ", ".join(f"{key!r}: {_python(inner)}" for key, inner in value.items()) + ",}"
    assert repair_arguments(text if value else "{}") == value


def _python(value) -> str:
    return json.dumps(value) if isinstance(value, str) else repr(value)


@settings(max_examples=150, deadline=None)
@given(
    st.dictionaries(st.text("ab"), st.text("abc{}[]:, "), min_size=1, max_size=4),
    st.integers(1, 400),
)
def test_a_text_that_breaks_off_gives_nothing_that_was_not_there(value, cut):
    text = json.dumps(value)
    mended = repair_arguments(text[: max(1, len(text) - cut)])
    assert mended is None or mended.items() <= value.items()


@settings(max_examples=300, deadline=None)
@given(st.text("{}[]\",:'\\ntTu0 `x-1", max_size=60))
def test_no_text_breaks_it(text):
    value = lenient_json(text)
    assert value is None or json.dumps(value)
