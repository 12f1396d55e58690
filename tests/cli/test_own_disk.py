"""When our own disk fails, the diagnosis is still told, and what was kept before stays."""

import os
import re
import subprocess
import sys
import tempfile
import textwrap
import time
from pathlib import Path

import pytest

from typed_commands import Answer, eventually


@pytest.fixture
def state(own_folders):
    """The state folder."""
    return own_folders / ".local/state/sme"


def in_namespace(unshare, script):
    """Run a shell script with mounts of its own; in it, `sme` is the command and $STATE its state.

    The last command is what is answered for.
    """
    with tempfile.TemporaryDirectory() as state:
        ran = subprocess.run(
            [*unshare, "sh", "-c", textwrap.dedent(script)],
            env=os.environ
            | {
                "PYTHONPATH": os.pathsep.join(sys.path),
                "PYTHON": sys.executable,
                "STATE": state,
                "SME_STATE_DIR": state,
            },
            capture_output=True,
            text=True,
            check=False,
        )
    return Answer(ran.returncode, ran.stdout, ran.stderr)


MOUNT = 'sme() { "$PYTHON" -m sme_cli "$@"; }; mount -t tmpfs -o mode=700,size=%s none "$STATE";'


def assert_told_but_not_kept(answer, complaint):
    assert answer.code == 4
    assert answer.out.startswith("✗ web1: / is 100 % full")
    assert "Next:        1. Free space" in answer.out
    assert "Incident:    not kept" in answer.out
    assert complaint in answer.err
    assert answer.err.endswith("sme: looking without a memory: this diagnosis is not kept\n")
    assert "Traceback" not in answer.err


@pytest.mark.parametrize("size", ["16k", "120k", "220k"])
def test_a_full_disk_does_not_hide_the_diagnosis(unshare, full_host, size):
    """From the first byte, at the first step, or in the middle of the investigation."""
    script = MOUNT % size + f'sme diagnose "{full_host}"'
    answer = in_namespace(unshare, script)
    assert_told_but_not_kept(answer, ".db: ")
    assert "Free space on the disk of" in answer.err


def test_after_space_was_made_the_investigation_can_be_resumed(unshare, full_host):
    script = (
        MOUNT % "220k"
        + f"""
        sme diagnose "{full_host}" >/dev/null 2>&1
        sme incidents list --json | grep -c '"diagnosis": null'
        mount -o remount,size=8m "$STATE"
        sme diagnose --resume last
        """
    )
    answer = in_namespace(unshare, script)
    assert answer.out.startswith("1\n✗ web1: / is 100 % full")
    assert (answer.code, answer.err) == (1, "")


def test_a_read_only_disk_takes_nothing_and_gives_what_it_has(unshare, full_host):
    script = (
        MOUNT % "8m"
        + f"""
        sme diagnose "{full_host}" >/dev/null
        mount -o remount,ro "$STATE"
        sme incidents list && sme incidents show last | head -n 1 && sme log verify || exit 9
        sme diagnose "{full_host}" --json | head -c 1
        sme doctor | grep ^broken
        sme diagnose "{full_host}"
        """
    )
    answer = in_namespace(unshare, script)
    listed, _, rest = answer.out.partition("\n# Incident ")
    assert "web1: / is 100 % full" in listed
    assert "\n{broken\tstate folder" in rest
    assert "chmod u+wx" in answer.err
    assert "1 entries, each chained to the one before" in answer.out
    assert answer.code == 4


def test_a_read_only_home(unshare, full_host, own_folders):
    script = f"""
        sme() {{ "$PYTHON" -m sme_cli "$@"; }}; unset SME_STATE_DIR
        mount --bind {own_folders} {own_folders} && mount -o remount,ro,bind {own_folders}
        sme hosts add web1 10.0.0.5; echo "added: $?"
        sme facts localhost --level 1 --json >/dev/null; echo "facts: $?"
        sme issues search disk full >/dev/null; echo "search: $?"
        sme diagnose {full_host}
    """
    answer = in_namespace(unshare, script)
    assert "added: 4\nfacts: 0\nsearch: 0\n✗ web1: / is 100 % full" in answer.out
    assert answer.code == 4
    assert "hosts.yaml can't be written: Read-only file system" in answer.err
    assert "can't be made: Read-only file system" in answer.err
    assert "SME_STATE_DIR" in answer.err


def run_remedy(answer):
    """Type the command that the first complaint's remedy ends with."""
    command = re.search(r"(?:mkdir|rm) -.*", answer.err)
    assert command, answer.err
    subprocess.run(command[0], shell=True, check=True)


@pytest.mark.parametrize(
    ("database", "damage"),
    [
        ("incidents.db", lambda text: b"no database at all " * 300),
        ("incidents.db", lambda text: text[:4096] + os.urandom(len(text) - 4096)),
        ("checkpoints.db", lambda text: b"no database at all " * 300),
    ],
)
def test_a_damaged_database_is_told_and_its_remedy_works(
    start_sme, sme, full_host, state, database, damage
):
    start_sme("diagnose", full_host).wait()
    path = state / database
    path.write_bytes(damage(path.read_bytes()))
    assert_told_but_not_kept(sme("diagnose", full_host), f"{path}: ")
    doctor = sme("doctor", "--json")
    assert doctor.code == 4
    assert database.removesuffix(".db") in {r["subject"] for r in doctor.json if r["state"] != "ok"}
    run_remedy(sme("diagnose", full_host))
    assert sme("diagnose", full_host).code == 1
    assert sme("doctor").code == 0


def test_a_damaged_log_does_not_cost_the_incident(sme, full_host, state):
    sme("diagnose", full_host)
    (state / "evolution.jsonl.head").write_text("nonsense")
    answer = sme("diagnose", full_host)
    assert answer.code == 4
    assert answer.out.startswith("✗ web1: / is 100 % full")
    assert "evolution.jsonl.head: is damaged" in answer.err
    assert "Traceback" not in answer.err
    id = re.search(r"sme incidents show (\S+)", answer.out)[1]
    assert sme("incidents", "show", id, "--json").json["status"] == "diagnosed"


@pytest.mark.parametrize("database", ["incidents.db", "checkpoints.db"])
def test_a_locked_database_is_waited_for_then_told(
    sme, full_host, state, database, monkeypatch, holder
):
    monkeypatch.setattr("sme_memory.database.BUSY_TIMEOUT_S", 0.2)
    monkeypatch.setattr("sme_agent.checkpoints.BUSY_TIMEOUT_S", 0.2)
    sme("diagnose", full_host)
    with holder(state / database):
        assert_told_but_not_kept(sme("diagnose", full_host), "database is locked")
        assert len(sme("incidents", "list", "--json").json) >= 1, "reading goes on"
    assert sme("diagnose", full_host).code == 1


@pytest.fixture
def holder():
    """Another process that holds a database locked, for the length of a block."""

    class Holder:
        def __init__(self, path: Path):
            script = (
                "import sqlite3, sys\n"
                "database = sqlite3.connect(sys.argv[1], isolation_level=None)\n"
                "database.execute('BEGIN EXCLUSIVE')\n"
                "print('held', flush=True)\n"
                "sys.stdin.read()\n"
            )
            self._command = [sys.executable, "-c", script, str(path)]

        def __enter__(self):
            self._process = subprocess.Popen(
                self._command, stdin=subprocess.PIPE, stdout=subprocess.PIPE
            )
            assert self._process.stdout.readline() == b"held\n"

        def __exit__(self, *_):
            self._process.communicate()

    return Holder


def test_several_at_once_lose_nothing(start_sme, sme, full_host):
    running = [start_sme("diagnose", full_host) for _ in range(4)]
    answers = [one.wait(60) for one in running]
    assert [(answer.code, answer.err) for answer in answers] == [(1, "")] * 4
    assert len(sme("incidents", "list", "--json").json) == 4
    diagnosed = sme("log", "--kind", "incident.diagnosed", "--json").json
    assert len({entry["subject"] for entry in diagnosed}) == 4
    assert sme("log", "verify").code == 0


def test_a_full_disk_behind_standard_output_is_no_fault_of_ours(own_folders):
    if not Path("/dev/full").exists():
        pytest.skip("there is no /dev/full here")
    result = subprocess.run(
        f"{sys.executable} -m sme_cli probes list >/dev/full",
        shell=True, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert result.returncode == 4
    assert result.stderr == "sme: the output can't be written: No space left on device\n"


def test_findings_stay_findings_when_the_reader_leaves(own_folders, full_host, start_sme):
    running = start_sme("diagnose", full_host, "-v")
    running.process.stdout.close()
    assert running.process.wait(30) == 1
    assert running.process.stderr.read() == ""


def test_a_snapshot_has_a_place_before_the_host_is_asked(sme, tmp_path, start_sme):
    answer = sme("snapshot", "localhost", "-o", tmp_path / "no/such/folder/x.smesnap")
    assert (answer.code, answer.out) == (2, "")
    assert "there is no such folder" in answer.err


def test_what_is_left_of_a_killed_writer_disturbs_nobody(start_sme, sme, full_host, state):
    for seconds in (0.3, 0.5, 0.7):
        running = start_sme("diagnose", full_host)
        eventually((state / "incidents.db").exists)
        time.sleep(seconds)
        running.process.kill()
        running.wait()
    assert sme("diagnose", full_host).code == 1
    assert sme("log", "verify").code == 0
    assert sme("doctor").code == 0
