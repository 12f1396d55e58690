"""A snapshot records a host; replayed, it answers like the host did, and damage is noticed."""

import gzip
import hashlib
import os
import stat
import tracemalloc
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sme_tools.errors import SnapshotInvalid, StateError
from sme_tools.hosts.evidence import Evidence
from sme_tools.hosts.host import Host
from sme_tools.hosts.local import LocalTransport
from sme_tools.hosts.open import open_transport
from sme_tools.hosts.replay import ReplayTransport
from sme_tools.hosts.script import Script, Step
from sme_tools.hosts.snapshot import SUFFIX, Snapshot, read_snapshot, write_snapshot
from sme_tools.observe import observe
from sme_tools.probes.registry import find_probe

BEGAN = datetime(2026, 11, 20, 9, 0, tzinfo=UTC)


def evidence(step: str, stdout: str = "", **fields) -> Evidence:
    made = {
        "id": f"web1/{step}#1",
        "host": "web1",
        "step": step,
        "command": f"run {step}",
        "stdout": stdout,
        "stderr": "",
        "exit_code": 0,
        "outcome": "completed",
        "privilege": "root",
        "started_at": BEGAN + timedelta(seconds=1),
        "duration_s": 0.25,
    }
    return Evidence(**(made | fields))


@pytest.fixture
def recorded(tmp_path: Path) -> Path:
    """web1, recorded: a load of 0.5, a docker that hung, a password in an environment."""
    path = tmp_path / f"web1{SUFFIX}"
    write_snapshot(
        path,
        "web1",
        [
            evidence("system.load", "0.50 0.40 0.30 1/200 4711\n", started_at=BEGAN),
            evidence("containers.docker", exit_code=None, outcome="timed-out", duration_s=10),
            evidence("environment", "DB_PASSWORD=hunter22\n"),
        ],
    )
    return path


def replay(path: Path) -> ReplayTransport:
    return ReplayTransport(Host(name="web1", transport="replay", snapshot=path))


def test_snapshot_is_read_back_as_it_was_written(recorded):
    snapshot = read_snapshot(recorded)
    assert snapshot.host == "web1"
    assert snapshot.recorded_at == BEGAN
    assert [item.step for item in snapshot.evidence] == [
        "system.load",
        "containers.docker",
        "environment",
    ]
    assert snapshot.evidence[0].stdout == "0.50 0.40 0.30 1/200 4711\n"


def test_secrets_are_redacted_before_they_are_written(recorded):
    assert read_snapshot(recorded).evidence[2].stdout == "DB_PASSWORD=<secret:password:1>\n"


def test_file_is_for_its_owner_alone_and_leaves_nothing_beside_it(recorded):
    assert stat.S_IMODE(recorded.stat().st_mode) == 0o600
    assert [path.name for path in recorded.parent.glob("*web1*")] == [recorded.name]


def test_existing_file_stays_whole_if_writing_fails(recorded, tmp_path):
    before = recorded.read_bytes()
    with pytest.raises(StateError, match="can't be written") as failed:
        write_snapshot(tmp_path / "absent" / "x.smesnap", "web1", [])
    assert "sme snapshot HOST -o FILE" in failed.value.remedy
    assert recorded.read_bytes() == before


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="needs Linux's /dev/full")
def test_full_disk_is_said_and_leaves_nothing(tmp_path, monkeypatch):
    full = tmp_path / "full"
    full.mkdir()
    real = os.fdopen

    def onto_a_full_disk(descriptor, mode):
        os.dup2(os.open("/dev/full", os.O_WRONLY), descriptor)
        return real(descriptor, mode)

    monkeypatch.setattr(os, "fdopen", onto_a_full_disk)
    with pytest.raises(StateError, match="No space left on device"):
        write_snapshot(full / "x.smesnap", "web1", [evidence("a", "b" * 9000)])
    assert list(full.iterdir()) == []


def test_replay_answers_by_step_in_the_order_asked(recorded):
    script = Script([Step("environment", "env"), Step("system.load", "cat /proc/loadavg")], round=2)
    answers = list(replay(recorded).run(script, timeout_s=5))
    assert [item.id for item in answers] == ["web1/environment#2", "web1/system.load#2"]
    assert answers[1].started_at == BEGAN
    assert answers[1].command == "run system.load"  # what was run then, not what is asked now


def test_replay_answers_a_command_that_is_no_probe(recorded):
    script = Script([Step("command-3", "run environment")])
    (answer,) = replay(recorded).run(script, timeout_s=5)
    assert (answer.step, answer.outcome) == ("command-3", "completed")


def test_replay_renames_the_host_to_what_it_is_called_here(recorded):
    host = Host(name="a-colleagues-web1", transport="replay", snapshot=recorded)
    with open_transport(host) as transport:
        (answer,) = transport.run(Script([Step("system.load", "x")]), timeout_s=5)
    assert (answer.host, answer.id) == ("a-colleagues-web1", "a-colleagues-web1/system.load#1")


def test_what_was_not_recorded_is_unknown_never_healthy(recorded):
    host = Host(name="web1", transport="replay", snapshot=recorded)
    asked = [find_probe("system.memory"), find_probe("containers.docker")]
    found = observe(host, replay(recorded), asked, timeout_s=5)
    assert [(run.id, run.status, run.reason) for run in found.facts.probes] == [
        ("system.memory", "unknown", "not in the snapshot"),
        ("containers.docker", "unknown", "timed out after 10 s"),
    ]


def test_replayed_host_has_the_facts_of_the_real_one(tmp_path):
    host = Host(name="here", transport="local")
    asked = [find_probe("system.load"), find_probe("system.memory"), find_probe("storage.mounts")]
    with LocalTransport(host) as transport:
        live = observe(host, transport, asked, timeout_s=20)
    path = tmp_path / "here.smesnap"
    write_snapshot(path, host.name, live.evidence)
    replayed = observe(host, replay(path), asked, timeout_s=20)
    assert replayed.facts.values == live.facts.values
    assert replayed.facts.observed_at == live.facts.observed_at


def damaged(path: Path, data: bytes) -> str:
    path.write_bytes(data)
    with pytest.raises(SnapshotInvalid) as invalid:
        read_snapshot(path)
    assert str(path) in invalid.value.message
    return invalid.value.message


def test_each_kind_of_damage_is_named(recorded):
    data = recorded.read_bytes()
    assert "cut short" in damaged(recorded, data[:-10])
    assert "altered" in damaged(recorded, data[:-10] + bytes(10))
    assert "altered" in damaged(recorded, data + b"more")
    assert "no snapshot" in damaged(recorded, b"PK\x03\x04 a zip file")
    assert "no snapshot" in damaged(recorded, b"")
    assert "newer sme (form 2" in damaged(recorded, data.replace(b" 1 ", b" 2 ", 1))
    assert "header" in damaged(recorded, b"sme-snapshot one two\n")


def test_absent_file_is_said(tmp_path):
    with pytest.raises(SnapshotInvalid, match="No such file"):
        read_snapshot(tmp_path / "absent.smesnap")


def packed(content: bytes) -> bytes:
    """A snapshot whose header and digest are right, whatever is in it."""
    data = gzip.compress(content)
    digest = hashlib.sha256(data).hexdigest()
    return f"sme-snapshot 1 {digest} {len(data)}\n".encode() + data


def test_content_that_is_no_evidence_is_refused(tmp_path):
    first = b'{"host":"web1","recorded_at":"2026-11-20T09:00:00Z"}\n'
    path = tmp_path / "x.smesnap"
    assert "something else" in damaged(path, packed(b"hello\n"))
    assert "something else" in damaged(path, packed(first + b'{"id": 1}\n'))
    assert "something else" in damaged(path, packed(b""))
    path.write_bytes(packed(first))
    assert read_snapshot(path).evidence == ()


def test_bomb_is_refused_without_unpacking_it(tmp_path):
    path = tmp_path / "bomb.smesnap"
    path.write_bytes(packed(bytes(400_000_000)))
    assert path.stat().st_size < 500_000
    tracemalloc.start()
    try:
        with pytest.raises(SnapshotInvalid, match="more than a snapshot can hold"):
            read_snapshot(path)
        assert tracemalloc.get_traced_memory()[1] < 80_000_000
    finally:
        tracemalloc.stop()


def test_endless_evidence_is_refused(tmp_path):
    line = evidence("x").model_dump_json().encode() + b"\n"
    first = b'{"host":"web1","recorded_at":"2026-11-20T09:00:00Z"}\n'
    path = tmp_path / "many.smesnap"
    path.write_bytes(packed(first + line * 3000))
    with pytest.raises(SnapshotInvalid, match="more than a snapshot can hold"):
        read_snapshot(path)


@settings(max_examples=150, deadline=None)
@given(st.data())
def test_any_damage_gives_a_snapshot_error_or_the_same_snapshot(tmp_path_factory, data):
    path = tmp_path_factory.getbasetemp() / "damaged.smesnap"
    whole = write_snapshot(path, "web1", [evidence("system.load", "0.50 0.40 0.30 1/200 1\n")])
    content = bytearray(path.read_bytes())
    at = data.draw(st.integers(0, len(content) - 1))
    content[at : at + data.draw(st.integers(0, 5))] = data.draw(st.binary(max_size=5))
    path.write_bytes(bytes(content))
    try:
        assert read_snapshot(path) == whole
    except SnapshotInvalid:
        return


@settings(max_examples=100, deadline=None)
@given(st.binary(max_size=400))
def test_hostile_content_gives_a_snapshot_error(tmp_path_factory, content):
    path = tmp_path_factory.getbasetemp() / "hostile.smesnap"
    path.write_bytes(packed(content))
    with pytest.raises(SnapshotInvalid):
        read_snapshot(path)


texts = st.text(st.characters(exclude_categories=["Cs"]), max_size=60)


@settings(max_examples=60, deadline=None)
@given(st.lists(st.tuples(texts, texts), max_size=4))
def test_any_output_survives(tmp_path_factory, outputs):
    path = tmp_path_factory.getbasetemp() / "any.smesnap"
    items = [evidence(f"s{n}", out, stderr=err) for n, (out, err) in enumerate(outputs)]
    written = write_snapshot(path, "web1", items)
    assert isinstance(written, Snapshot)
    assert read_snapshot(path) == written
