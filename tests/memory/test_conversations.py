"""Conversations on disk: what was said stays in its order, whatever happens to the process."""

import json
import os
import signal
import sqlite3
import stat
import subprocess
import sys
import textwrap
import threading
import zlib
from contextlib import closing
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sme_memory.conversations import FIRST_WORDS, ConversationStore
from sme_tools.errors import StateError


def asked(text: str) -> dict:
    return {"role": "user", "text": text, "origin": "person"}


def nudged(text: str) -> dict:
    return {"role": "user", "text": text, "origin": "program"}


def answered(text: str) -> dict:
    return {"role": "assistant", "text": text, "calls": [{"id": "c1", "name": "look"}]}


def brought(text: str) -> dict:
    return {"role": "tool", "call": "c1", "name": "look", "text": text, "evidence": ["web1/x#1"]}


@pytest.fixture
def store(tmp_path: Path) -> ConversationStore:
    return ConversationStore(tmp_path / "conversations.db")


def test_a_conversation_is_read_as_it_was_said(store):
    first = [nudged("the case"), asked("why is web1 slow?"), answered("let me see")]
    second = [brought("load 40"), answered("too much load")]
    assert store.append("i1", first) == 0
    store.append("i2", [asked("something else")])
    assert store.append("i1", second) == len(first)
    assert store.read("i1") == first + second
    assert store.read("i2") == [asked("something else")]
    assert store.read("i3") == []


def test_the_last_turn_can_be_taken_back_and_the_one_before_it_too(store):
    store.append("i1", [asked("one"), answered("1")])
    store.append("i1", [asked("two"), answered("2"), brought("x"), nudged("on"), answered("3")])
    assert store.last_turn("i1") == 2
    assert store.retract("i1", 2) == 5
    assert store.read("i1") == [asked("one"), answered("1")]
    assert store.append("i1", [asked("other")]) == 7, "a number is given once"
    assert store.read("i1") == [asked("one"), answered("1"), asked("other")]
    assert store.retract("i1", store.last_turn("i1")) == 1
    assert store.retract("i1", store.last_turn("i1")) == 2
    assert (store.read("i1"), store.last_turn("i1")) == ([], None)
    assert store.retract("i1", 0) == 0


def test_what_was_taken_back_stays_on_record(store):
    store.append("i1", [asked("one"), answered("1")])
    store.retract("i1", 0)
    with closing(sqlite3.connect(store.path)) as database:
        rows = database.execute("SELECT document FROM message ORDER BY number").fetchall()
    assert [json.loads(zlib.decompress(row[0])) for row in rows] == [asked("one"), answered("1")]


def test_taking_back_leaves_other_conversations_alone(store):
    store.append("i1", [asked("one")])
    store.append("i2", [asked("two")])
    store.retract("i1", 0)
    assert store.read("i2") == [asked("two")]


def test_conversations_are_listed_the_latest_first_with_what_the_person_said_first(store):
    assert (store.latest(), store.last()) == ([], None)
    store.append("a", [nudged("the case"), asked("why\n  is it\tslow?"), asked("and now?")])
    store.append("b", [{"role": "user", "text": "w" * 500}])
    store.append("c", [asked("never mind")])
    store.append("a", [answered("because")])
    store.retract("c", 0)
    assert [s.incident for s in store.latest()] == ["a", "c", "b"]
    assert [s.first_words for s in store.latest()][:2] == ["why is it slow?", ""]
    assert len(store.latest()[2].first_words) == FIRST_WORDS
    assert [s.incident for s in store.latest(1)] == ["a"]
    assert store.latest()[0].last_at > store.latest()[1].last_at
    assert store.last() == "a"


def test_nothing_said_is_no_conversation(store):
    assert store.append("i1", []) == 0
    assert store.last() is None


@pytest.mark.parametrize("bad", [{}, {"role": None}, {"role": "user", "x": {1}}])
def test_what_is_no_message_is_refused_with_all_that_came_with_it(store, bad):
    with pytest.raises((ValueError, TypeError)):
        store.append("i1", [asked("one"), bad])
    assert store.read("i1") == []


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(st.characters(codec=None)),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=8,
)  # fmt: skip


@settings(deadline=None, max_examples=60)
@given(said=st.lists(st.dictionaries(st.text(), JSON, max_size=4), max_size=4), role=st.text())
def test_whatever_json_can_say_comes_back(tmp_path_factory, said, role):
    store = ConversationStore(tmp_path_factory.mktemp("said") / "conversations.db")
    said = [document | {"role": role} for document in said]
    store.append("i1", said)
    assert store.read("i1") == said
    store.latest()


def test_a_pasted_log_is_kept_small_on_disk(store):
    text = "Nov 20 10:00:00 web1 kernel: I/O error, dev sda\n" * 20_000
    store.append("i1", [asked(text)])
    assert store.read("i1")[0]["text"] == text
    assert sum(f.stat().st_size for f in store.path.parent.glob("conv*")) < 300_000


def test_the_database_is_for_its_owner_alone(store):
    store.append("i1", [asked("one")])
    files = store.path.parent.glob("conversations.db*")
    modes = {stat.S_IMODE(file.stat().st_mode) for file in files}
    assert modes == {0o600}


# What goes wrong


@pytest.mark.parametrize("damage", [b"x", zlib.compress(b"{"), zlib.compress(b'["role"]')])
def test_a_damaged_message_is_said_and_other_conversations_stay_readable(store, damage):
    store.append("good", [asked("one")])
    store.append("bad", [asked("two"), answered("2")])
    with closing(sqlite3.connect(store.path)) as database, database:
        database.execute("UPDATE message SET document = ? WHERE incident = 'bad'", (damage,))
    with pytest.raises(StateError, match="damaged message: 0 of incident bad") as error:
        store.read("bad")
    assert "Move it aside" in error.value.remedy
    assert store.read("good") == [asked("one")]
    store.append("bad", [asked("it goes on")])


def test_a_file_that_is_no_database_is_said(store):
    store.path.write_bytes(b"not a database at all, but long enough to look like one" * 99)
    with pytest.raises(StateError, match="not a database") as error:
        store.last()
    assert "Move" in error.value.remedy


# Real processes

WRITER = """
    import sys
    from pathlib import Path
    from sme_memory.conversations import ConversationStore

    store, name, turns = ConversationStore(Path(sys.argv[1])), sys.argv[2], int(sys.argv[3])
    for n in range(turns):
        said = [{"role": "user", "text": f"{name} {n}"}, {"role": "assistant", "text": str(n)}]
        store.append("i1", said)
        print(n, flush=True)
"""


def writer(store: ConversationStore, name: str, turns: int) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-c", textwrap.dedent(WRITER), str(store.path), name, str(turns)],
        stdout=subprocess.PIPE,
        text=True,
        env={**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, sys.path))},
    )


def test_nothing_acknowledged_is_lost_when_the_process_is_killed(store):
    process = writer(store, "a", 100_000)
    assert process.stdout is not None
    acknowledged = [int(process.stdout.readline()) for _ in range(20)][-1]
    process.send_signal(signal.SIGKILL)
    rest = process.communicate()[0].split()
    acknowledged = int(rest[-1]) if rest and rest[-1].isdigit() else acknowledged
    said = store.read("i1")
    assert len(said) >= 2 * (acknowledged + 1)
    assert len(said) % 2 == 0, "a turn is stored whole"
    assert [m["text"] for m in said[1::2]] == [str(n) for n in range(len(said) // 2)]


def test_turns_of_several_processes_do_not_mix(store):
    processes = [writer(store, name, 15) for name in "abc"]
    assert [process.wait(60) for process in processes] == [0, 0, 0]
    for process in processes:
        process.stdout.close()
    said = store.read("i1")
    assert len(said) == 90
    for question, answer in zip(said[::2], said[1::2], strict=True):
        assert question["text"].split()[1] == answer["text"]
    for name in "abc":
        mine = [m["text"] for m in said if m["text"].startswith(name)]
        assert mine == [f"{name} {n}" for n in range(15)]


def test_several_threads_talk_at_once(store):
    def work(name: str) -> None:
        for n in range(10):
            store.append(name, [asked(str(n))])

    threads = [threading.Thread(target=work, args=(f"t{n}",)) for n in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    for name in ("t0", "t1", "t2", "t3"):
        assert store.read(name) == [asked(str(n)) for n in range(10)]
