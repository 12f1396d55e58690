"""However a stream is torn, it says the same."""

import json
import random
import string

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from models import ask, heard, scripted
from sme_agent.llm.scripted.delivery import scattered
from sme_agent.llm.scripted.reply import split

TEXT = 'größer — ½ 🙂 <｜DSML｜invoke name="look">\n\n日本語 e\u0301\u2028 ' * 5
APIS = ("openai", "anthropic", "ollama")
SEEDS = range(8)


@pytest.mark.parametrize("api", APIS)
@pytest.mark.parametrize("chunks", [1, "tokens", "words", "awkward"])
def test_every_split_says_the_same(api, chunks):
    exchange = {"says": TEXT, "thinks": TEXT, "chunks": chunks}
    exchange["calls"] = [{"name": "look", "arguments": {"text": TEXT}}, {"name": "read"}]
    for seed in SEEDS:
        with scripted([exchange], seed=seed) as server:
            said = heard(api, ask(server, api, stream=True).raw)
        assert (said.text, said.reasoning) == (TEXT, TEXT)
        assert [(n, json.loads(a)) for n, a in said.calls] == [
            ("look", {"text": TEXT}),
            ("read", {}),
        ]


@pytest.mark.parametrize("api", APIS)
def test_an_answer_in_one_piece_is_torn_too(api):
    with scripted([{"raw": TEXT, "chunks": "awkward"}]) as server:
        assert TEXT in json.dumps(ask(server, api).json, ensure_ascii=False).replace(
            json.dumps(TEXT, ensure_ascii=False)[1:-1], TEXT
        )


def test_pieces_stay_what_they_are_without_a_split():
    with scripted([{"says": ["a b", "c d"]}]) as server:
        raw = ask(server, stream=True).raw
    assert b'{"content": "a b"}' in raw
    assert b'{"content": "c d"}' in raw


def parts(seed, filler=": keep-alive\n\n"):
    events = [
        f"data: {json.dumps({'text': TEXT, 'n': n}, ensure_ascii=False)}\n\n" for n in range(9)
    ]
    return events, scattered(events, filler, random.Random(seed))


@pytest.mark.parametrize("seed", SEEDS)
def test_torn_within_utf8_and_across_events(seed):
    _, cut = parts(seed)
    assert any(part[0] & 0xC0 == 0x80 for part in cut)
    assert any(b"}" in part and b"\ndata" in part for part in cut)
    assert any(b"\n" not in part for part in cut)


def test_all_that_may_stand_between_events_stands_there():
    joined = [b"".join(parts(seed)[1]) for seed in SEEDS]
    assert any(b": keep-alive" in stream for stream in joined)
    assert any(b"\r\n\r\n" in stream for stream in joined)
    assert any(b"\r\n\r\n" not in stream for stream in joined)


def test_where_nothing_may_stand_between_events_nothing_does():
    for seed in SEEDS:
        events, cut = parts(seed, filler="")
        assert b"".join(cut).decode() == "".join(events)


@given(st.text(), st.sampled_from(["tokens", "words", "awkward"]), st.integers())
def test_pieces_joined_are_the_text(text, how, seed):
    assert "".join(split((text,), how, random.Random(seed))) == text


@given(st.lists(st.text(string.printable + "äß🙂")), st.integers())
def test_torn_bytes_joined_are_the_events(events, seed):
    cut = scattered(events, "", random.Random(seed))
    assert b"".join(cut) == "".join(events).encode()
    assert all(cut)


@settings(
    max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(st.text(min_size=1), st.integers(0, 1000), st.sampled_from(APIS))
def test_any_text_comes_through(text, seed, api):
    exchange = {"raw": text, "thinks": text.replace("{{", ""), "chunks": "awkward"}
    with scripted([exchange], seed=seed) as server:
        said = heard(api, ask(server, api, stream=True).raw)
    assert said.text == text
    assert said.reasoning == text.replace("{{", "")
