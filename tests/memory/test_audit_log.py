"""The audit log: what it keeps, how it is read, and that nothing goes missing unnoticed."""

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

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sme_memory.audit_log import AuditLog
from sme_tools.errors import LogBroken, StateError
from sme_tools.safety.audit import AuditEntry


@pytest.fixture
def log(tmp_path):
    return AuditLog(tmp_path / "state/audit.jsonl")


def entry(host="web1", actor="rules", verdict="read-only", **data):
    return AuditEntry("command.ended", actor, host, {"verdict": verdict, **data})


def lines(log):
    return log.path.read_bytes().splitlines(keepends=True)


def test_entries_of_one_script_follow_one_another(log):
    log.record([entry(command="df"), entry(command="uptime"), entry(command="free")])
    log.record([entry(command="date")])
    assert [e.data["command"] for e in log.read()] == ["df", "uptime", "free", "date"]
    assert [e.seq for e in log.read()] == [1, 2, 3, 4]
    assert log.verify().entries == 4


def test_nothing_to_keep_keeps_nothing(log):
    log.record([])
    assert log.read() == []


def test_the_log_and_its_folder_are_for_their_owner_alone(log):
    log.record([entry()])
    modes = {stat.S_IMODE(path.stat().st_mode) for path in log.path.parent.iterdir()}
    assert modes == {0o600}
    assert stat.S_IMODE(log.path.parent.stat().st_mode) == 0o700


def test_it_is_read_by_host_time_actor_and_verdict(log):
    log.record([entry("web1", "rules"), entry("web2", "user ann", "change")])
    between = datetime.now(UTC)
    log.record([entry("web1", "user bob"), entry("web1", "username", "change")])

    def numbers(**wanted):
        return [e.seq for e in log.read(**wanted)]

    assert numbers(host="web1") == [1, 3, 4]
    assert numbers(since=between) == [3, 4]
    assert numbers(verdict="change") == [2, 4]
    assert numbers(actor="user ann") == [2]
    assert numbers(actor="user") == [2, 3], "username is nobody's kind"
    assert numbers(host="web1", verdict="change", since=between) == [4]
    assert numbers(host="web") == []


def test_bytes_that_are_no_text_are_kept_as_well_as_can_be(log):
    broken = b"ls caf\xe9".decode("utf-8", "surrogateescape")
    log.record([entry(host=broken, actor=broken, command=broken, unanswered=[broken])])
    (kept,) = log.read()
    assert (kept.subject, kept.data["unanswered"]) == ("ls caf?", ["ls caf?"])
    log.verify()


@pytest.mark.parametrize(
    ("damage", "complaint"),
    [
        (lambda kept: kept[:3], "line 3 is the last one, but the head knows 5 lines"),
        (lambda kept: kept[:2] + kept[3:], "line 3 has number 4; 3 should follow"),
        (
            lambda kept: [*kept[:1], kept[1].replace(b'"n":1', b'"n":9'), *kept[2:]],
            "line 2 was altered",
        ),
        (lambda kept: [*kept[:2], kept[0], *kept[2:]], "line 3 has number 1; 3 should follow"),
    ],
)
def test_what_was_cut_off_or_altered_is_named(log, damage, complaint):
    log.record([entry(n=n) for n in range(5)])
    log.path.write_bytes(b"".join(damage(lines(log))))
    with pytest.raises(LogBroken, match=complaint):
        log.verify()


def test_a_folder_that_can_not_be_made_is_said(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(StateError, match="can't be made: Not a directory") as error:
        AuditLog(tmp_path / "file/state/audit.jsonl").record([entry()])
    assert "SME_STATE_DIR" in error.value.remedy


WRITER = """
    import sys
    from pathlib import Path
    from sme_memory.audit_log import AuditLog
    from sme_tools.safety.audit import AuditEntry

    log, name, scripts = AuditLog(Path(sys.argv[1])), sys.argv[2], int(sys.argv[3])
    for script in range(scripts):
        log.record(
            [
                AuditEntry("command.ended", name, "web1", {"script": script, "n": n, "x": "x" * 99})
                for n in range(8)
            ]
        )
        print(script, flush=True)
"""


def writer(log, name, scripts, **options):
    return subprocess.Popen(
        [sys.executable, "-c", textwrap.dedent(WRITER), str(log.path), name, str(scripts)],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env={**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, sys.path))},
        **options,
    )


def test_scripts_of_many_processes_do_not_mix(log):
    processes = [writer(log, f"w{n}", 12) for n in range(5)]
    for process in processes:
        assert process.communicate(timeout=60)[1] == ""
    kept = log.read()
    assert log.verify().entries == len(kept) == 5 * 12 * 8
    for start in range(0, len(kept), 8):
        script = kept[start : start + 8]
        assert len({(e.actor, e.data["script"]) for e in script}) == 1
        assert [e.data["n"] for e in script] == list(range(8))


def test_writers_killed_at_any_moment_lose_nothing_acknowledged(log):
    chance = random.Random(20261120)
    for round in range(6):
        process = writer(log, f"r{round}", 100_000)
        process.stdout.readline()
        threading.Event().wait(chance.random() * 0.05)
        process.send_signal(signal.SIGKILL)
        said = process.communicate()[0].splitlines(keepends=True)
        acknowledged = max([0, *(int(line) for line in said if line.endswith("\n"))])
        log.record([entry(n=round)])
        log.verify()
        mine = [e for e in log.read(actor=f"r{round}") if e.data["script"] <= acknowledged]
        assert len(mine) == 8 * (acknowledged + 1)


def test_a_full_disk_takes_all_of_a_script_or_nothing(log):
    log.record([entry()])
    size = log.path.stat().st_size

    def small_files():
        signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
        resource.setrlimit(resource.RLIMIT_FSIZE, (size + 10_000, size + 10_000))

    process = writer(log, "w", 100, preexec_fn=small_files)
    output, error = process.communicate(timeout=60)
    assert "StateError" in error and "File too large" in error
    verified = log.verify()
    assert (verified.entries, verified.torn_bytes) == (1 + 8 * len(output.split()), 0)
    log.record([entry()])
    assert log.verify().entries == verified.entries + 1


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(st.characters(), max_size=20),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner),
    max_leaves=8,
)


@settings(max_examples=100, deadline=None)
@given(
    host=st.text(st.characters(), max_size=20),
    data=st.dictionaries(st.text(max_size=8), json_values, max_size=4),
)
def test_whatever_a_host_is_called_or_says_can_be_kept_and_read(tmp_path_factory, host, data):
    log = AuditLog(tmp_path_factory.mktemp("log") / "audit.jsonl")
    log.record([AuditEntry("command.ended", "rules", host, data)])
    (kept,) = log.read()
    assert log.verify().entries == 1
    assert kept.subject == host.encode("utf-8", "replace").decode()
    assert kept.data == json.loads(json.dumps(data, ensure_ascii=False).encode("utf-8", "replace"))
