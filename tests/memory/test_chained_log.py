"""The chained log: many writers, kill -9, a full disk, and every way to falsify it."""

import fcntl
import hashlib
import json
import os
import random
import resource
import signal
import stat
import subprocess
import sys
import textwrap
import threading
from datetime import UTC, datetime
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import sme_memory.locked_file
from sme_memory.chained_log import GENESIS, ChainedLog
from sme_memory.evolution_log import EvolutionLog
from sme_tools.errors import LogBroken, StateError


@pytest.fixture
def log(tmp_path: Path) -> ChainedLog:
    return ChainedLog(tmp_path / "evolution.jsonl")


def filled(log: ChainedLog, entries: int = 5) -> ChainedLog:
    for n in range(entries):
        log.append("issue.recognised", actor="rules", subject=f"issue-{n}", data={"n": n})
    return log


def lines(log: ChainedLog) -> list[bytes]:
    return log.path.read_bytes().splitlines(keepends=True)


def head(log: ChainedLog) -> Path:
    return log.path.with_name(log.path.name + ".head")


def torn(log: ChainedLog) -> Path:
    return log.path.with_name(log.path.name + ".torn")


def test_entries_are_numbered_and_chained(log):
    first = log.append("incident.diagnosed", actor="rules", subject="i1", data={"verdict": "ü"})
    second = log.append("issue.recognised", actor="rules", subject="full-disk")
    assert (first.seq, first.prev) == (1, GENESIS)
    assert (second.seq, second.prev) == (2, first.hash)
    assert log.read() == [first, second]
    verified = log.verify()
    assert (verified.entries, verified.head, verified.torn_bytes) == (2, second.hash, 0)


def test_entries_are_read_by_kind_and_time(log):
    before = datetime.now(UTC)
    filled(log, 2)
    between = datetime.now(UTC)
    late = log.append("incident.diagnosed", actor="rules", subject="i1")
    assert log.read(kind="incident.diagnosed") == [late]
    assert log.read(since=between) == [late]
    assert len(log.read(since=before)) == 3


def test_log_that_does_not_exist_yet_is_empty_and_whole(log):
    assert log.read() == []
    assert log.verify().entries == 0
    assert not log.path.exists()


def test_files_are_for_their_owner_alone(log):
    filled(log)
    assert {stat.S_IMODE(path.stat().st_mode) for path in log.path.parent.glob("evo*")} == {0o600}


def test_evolution_log_is_such_a_log(tmp_path):
    evolution = EvolutionLog(tmp_path / "evolution.jsonl")
    entry = evolution.append("issue.recognised", actor="rules", subject="full-disk")
    assert evolution.read(kind="issue.recognised") == [entry]
    assert evolution.verify().entries == 1


# Falsification


def broken(log: ChainedLog, content: list[bytes]) -> str:
    log.path.write_bytes(b"".join(content))
    with pytest.raises(LogBroken) as error:
        log.verify()
    return error.value.message.removeprefix(f"{log.path}: ")


def test_each_falsification_names_the_line_and_what_is_wrong(log):
    one, two, three, four, five = lines(filled(log))
    altered = three.replace(b'"n":2', b'"n":7')
    assert broken(log, [one, two, altered, four, five]).startswith("line 3 was altered")
    assert "line 3 has number 4; 3 should follow" in broken(log, [one, two, four, five])
    assert "line 2 has number 1; 2 should follow" in broken(log, [one, one, two])
    assert "line 1 has number 2; 1 should follow" in broken(log, [two, three])
    assert "line 2 is no entry" in broken(log, [one, b"hello\n", two])
    assert "line 2 is no entry" in broken(log, [one, b"\n", two])
    infinite = two.replace(b'"n":1', b'"n":1e999')
    assert "line 2 was altered" in broken(log, [one, infinite, three, four, five])
    spaced = two.replace(b'","', b'", "', 1)
    assert "line 2 was altered" in broken(log, [one, spaced, three, four, five])
    assert "line 4 is the last one, but the head knows 5 lines" in broken(
        log, [one, two, three, four]
    )
    assert "the head knows 5 lines" in broken(log, [])


def rewritten(line: bytes, **changes) -> bytes:
    """A line with other content and a hash that fits."""
    body = json.loads(line) | changes
    del body["hash"]
    plain = json.dumps(body, sort_keys=True, separators=(",", ":"))
    body["hash"] = hashlib.sha256(plain.encode()).hexdigest()
    return json.dumps(body, sort_keys=True, separators=(",", ":")).encode() + b"\n"


def test_line_with_a_hash_of_its_own_breaks_the_chain_after_it(log):
    one, two, three, four, five = lines(filled(log))
    forged = rewritten(three, subject="another")
    assert "line 4 does not continue" in broken(log, [one, two, forged, four, five])
    forged = rewritten(five, subject="another")
    assert "line 5 is not the line that the head knows" in broken(
        log, [one, two, three, four, forged]
    )


def test_cut_log_without_its_head_is_noticed(log):
    content = lines(filled(log))
    head(log).unlink()
    log.path.write_bytes(b"".join(content[:3]))
    with pytest.raises(LogBroken, match=r"head is missing"):
        log.verify()


def test_gap_of_a_cut_log_is_not_closed_by_the_next_entry(log):
    content = lines(filled(log))
    log.path.write_bytes(b"".join(content[:3]))
    assert log.append("incident.diagnosed", actor="rules", subject="i").seq == 6
    with pytest.raises(LogBroken, match="line 4 has number 6; 4 should follow"):
        log.verify()


def test_damaged_last_line_does_not_stop_the_log_and_stays_visible(log):
    content = lines(filled(log))
    log.path.write_bytes(b"".join(content[:4]) + b"garbage\n")
    assert log.append("incident.diagnosed", actor="rules", subject="i").seq == 6
    with pytest.raises(LogBroken, match="line 5 is no entry"):
        log.verify()


def test_damaged_head_is_said(log):
    filled(log)
    head(log).write_bytes(b"\0\0\0")
    with pytest.raises(LogBroken, match="head: is damaged"):
        log.verify()


# A writer that is killed in the middle of a line


def test_torn_line_is_set_aside_and_said_and_writing_goes_on(log):
    filled(log, 3)
    with log.path.open("ab") as file:
        file.write(b'{"actor":"rules","at":"2026-')
    assert log.verify().torn_bytes == 28
    assert len(log.read()) == 3
    entry = log.append("incident.diagnosed", actor="rules", subject="i")
    repaired = log.read()[3]
    assert (repaired.kind, repaired.data) == (
        "log.repaired",
        {"kept_in": "evolution.jsonl.torn", "torn_bytes": 28},
    )
    assert entry.seq == 5
    assert torn(log).read_bytes() == b'{"actor":"rules","at":"2026-\n'
    verified = log.verify()
    assert (verified.entries, verified.torn_bytes) == (5, 0)


def test_first_line_can_be_torn_too(log):
    log.path.write_bytes(b'{"ac')
    assert log.verify() == log.verify().model_copy(update={"entries": 0, "torn_bytes": 4})
    log.append("incident.diagnosed", actor="rules", subject="i")
    assert [entry.kind for entry in log.read()] == ["log.repaired", "incident.diagnosed"]
    log.verify()


def test_entry_longer_than_a_block_is_found_again(log):
    log.append("incident.diagnosed", actor="rules", subject="i", data={"text": "x" * 200_000})
    log.append("incident.diagnosed", actor="rules", subject="i", data={"text": "y" * 70_000})
    assert log.append("incident.diagnosed", actor="rules", subject="i").seq == 3
    log.verify()


def test_lock_that_is_never_given_back_is_said(log, monkeypatch):
    filled(log, 1)
    monkeypatch.setattr(sme_memory.locked_file, "LOCK_TIMEOUT_S", 0.1)
    with log.path.open("rb") as other:
        fcntl.flock(other, fcntl.LOCK_EX)
        with pytest.raises(StateError, match="another process holds its lock"):
            log.append("incident.diagnosed", actor="rules", subject="i")
    assert log.append("incident.diagnosed", actor="rules", subject="i").seq == 2


def test_folder_that_is_not_there_is_said(tmp_path):
    with pytest.raises(StateError, match="No such file") as error:
        ChainedLog(tmp_path / "absent/log").append("x.y", actor="a", subject="s")
    assert "SME_STATE_DIR" in error.value.remedy


def test_threads_of_one_process_write_at_once(log):
    threads = [threading.Thread(target=filled, args=(log, 20)) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert log.verify().entries == 80


# Real processes

WRITER = """
    import sys
    from pathlib import Path
    from sme_memory.chained_log import ChainedLog

    log, name, entries = ChainedLog(Path(sys.argv[1])), sys.argv[2], int(sys.argv[3])
    for n in range(entries):
        data = {"n": n, "text": "x" * (n * 37 % 3000)}
        print(log.append("test.written", actor=name, subject=str(n), data=data).seq, flush=True)
"""


def writer(log: ChainedLog, name: str, entries: int, **options) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-c", textwrap.dedent(WRITER), str(log.path), name, str(entries)],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env={**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, sys.path))},
        **options,
    )


def test_many_processes_write_at_once(log):
    processes = [writer(log, f"w{n}", 25) for n in range(6)]
    for process in processes:
        assert process.communicate(timeout=60)[1] == ""
    assert log.verify().entries == 150
    for n in range(6):
        mine = [entry.data["n"] for entry in log.read() if entry.actor == f"w{n}"]
        assert mine == list(range(25))


def test_writers_killed_at_any_moment_lose_nothing_acknowledged(log):
    chance = random.Random(20261120)
    for round in range(8):
        processes = [writer(log, f"r{round}w{n}", 100_000) for n in range(2)]
        for process in processes:
            process.stdout.readline()
        threading.Event().wait(chance.random() * 0.05)
        for process in processes:
            process.send_signal(signal.SIGKILL)
        acknowledged = max(
            int(line)
            for process in processes
            for line in process.communicate()[0].splitlines(keepends=True)
            if line.endswith("\n")
        )
        log.append("test.checked", actor="test", subject=str(round))
        assert log.verify().entries > acknowledged
        kinds = [entry.kind for entry in log.read()]
        assert kinds.count("test.checked") == round + 1


def test_full_disk_leaves_the_log_whole(log):
    filled(log, 3)
    size = log.path.stat().st_size

    def small_files():
        signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
        resource.setrlimit(resource.RLIMIT_FSIZE, (size + 2000, size + 2000))

    process = writer(log, "w", 100, preexec_fn=small_files)
    output, error = process.communicate(timeout=60)
    assert process.returncode == 1
    assert "StateError" in error and "File too large" in error
    verified = log.verify()
    assert (verified.entries, verified.torn_bytes) == (3 + len(output.split()), 0)
    log.append("incident.diagnosed", actor="rules", subject="i")
    assert log.verify().entries == verified.entries + 1


# Any damage


@settings(max_examples=200, deadline=None)
@given(st.data())
def test_any_damage_is_noticed_or_changed_nothing(tmp_path_factory, data):
    log = ChainedLog(tmp_path_factory.mktemp("log") / "log.jsonl")
    whole = b"".join(lines(filled(log, 3)))
    at = data.draw(st.integers(0, len(whole)))
    length = data.draw(st.integers(0, 6))
    content = whole[:at] + data.draw(st.binary(max_size=6)) + whole[at + length :]
    log.path.write_bytes(content)
    try:
        verified = log.verify()
    except LogBroken:
        return
    assert verified.entries == 3
    assert content[: len(whole)] == whole  # at most a torn line behind it
    assert verified.torn_bytes == len(content) - len(whole)


@settings(max_examples=100, deadline=None)
@given(st.lists(st.sampled_from([b"{}\n", b"[]\n", b"null\n", b"\xff\n", b"1e999\n", b"x"])))
def test_any_content_gives_an_error_of_ours(tmp_path_factory, content):
    log = ChainedLog(tmp_path_factory.mktemp("log") / "log.jsonl")
    log.path.write_bytes(b"".join(content))
    for ask in (log.read, log.verify):
        try:
            ask()
        except LogBroken:
            continue
