"""`sme audit` and `sme policy`: what was run, and what may be, as the user reads it."""

import fcntl
import json
import os
import pty
import re
import stat
import struct
import subprocess
import sys
import termios
import textwrap
from datetime import UTC, datetime, timedelta

import pytest

from sme_cli import session
from sme_cli.moment import moment
from sme_memory.approval import Bound
from sme_tools.errors import UsageError
from sme_tools.hosts.host import localhost
from sme_tools.hosts.purpose import Purpose, this_user
from sme_tools.hosts.script import Script, Step
from sme_tools.probes.registry import probes
from sme_tools.safety.control import visible
from sshd import Client, Sshd

CHANGE = Purpose("user ann", "nginx hangs", "change", "restarts", approval="ap-1")


@pytest.fixture
def state(own_folders):
    """The state folder."""
    return own_folders / ".local/state/sme"


@pytest.fixture
def changed():
    """A change was made on this machine."""
    with session.open_transport(localhost(), session.guard()) as transport:
        list(transport.run(Script([Step("x", "echo changed")], purpose=CHANGE), timeout_s=20))


def entries(sme, *arguments):
    return sme("audit", "log", "--json", "-n", "1000", *arguments).json


# Every path to a host


def test_each_look_at_this_machine_is_audited(sme, state):
    level_1 = {id for id, probe in probes().items() if probe.level == 1}
    assert sme("facts", "localhost", "--level", "1").code == 0
    looked = entries(sme)
    assert {entry["data"]["step"] for entry in looked} == level_1
    assert {entry["actor"] for entry in looked} == {this_user()}
    assert {entry["data"]["why"] for entry in looked} == {"facts"}
    assert {entry["data"]["verdict"] for entry in looked} == {"read-only"}
    assert all(re.fullmatch("[0-9a-f]{64}", entry["data"]["output_sha256"]) for entry in looked)
    assert stat.S_IMODE((state / "audit.jsonl").stat().st_mode) == 0o600
    assert sme("audit", "verify").out.startswith(f"{len(level_1)} entries, each chained")


def test_a_snapshot_and_a_diagnosis_are_audited(sme, tmp_path):
    assert sme("snapshot", "localhost", "-o", tmp_path / "x.smesnap").code == 0
    assert {entry["data"]["why"] for entry in entries(sme)} == {"snapshot"}
    recorded = len(entries(sme))
    assert sme("diagnose", "localhost", "no space left on device").code in (0, 1)
    looked = entries(sme)[recorded:]
    incident = sme("incidents", "list", "--json").json[0]["id"]
    assert {entry["data"]["incident"] for entry in looked} == {incident}
    first = [entry for entry in looked if entry["actor"] == this_user()]
    assert {entry["data"]["why"] for entry in first} == {"diagnose: no space left on device"}
    assert {e["actor"] for e in looked} <= {this_user(), "rules"}
    evidence = sme("incidents", "show", "last", "--json", "--evidence", "localhost/system.os#1")
    assert any(entry["data"]["evidence"] == evidence.json["id"] for entry in looked)


def test_a_host_over_ssh_is_audited(sme, own_folders):
    with Sshd(login_shell="dash") as server:
        Client(own_folders).log_in_to(server, "web1")
        assert sme("hosts", "test", "web1").code == 0
        ran = entries(sme, "--host", "web1")
        assert [entry["data"]["command"] for entry in ran] == ["uname -srm", "id -un", "id -u"]
        assert {entry["data"]["user"] for entry in ran} == {server.user}
        assert {entry["data"]["why"] for entry in ran} == {"hosts test"}
        server.kill()
        assert sme("facts", "web1").code == 3
        server.start()
    (failed,) = entries(sme, "--host", "web1")[3:]
    assert failed["kind"] == "script.failed"
    assert "refused" in failed["data"]["error"]


def test_a_snapshot_that_is_replayed_runs_nothing(sme, full_host, state):
    assert sme("diagnose", full_host).code == 1
    assert sme("facts", full_host).code == 0
    assert entries(sme) == []
    assert not (state / "audit.jsonl").exists()


# Reading it


def test_entries_are_chosen_by_host_time_actor_and_verdict(sme, changed):
    sme("facts", "localhost", "--level", "1")
    assert len(entries(sme, "--verdict", "change")) == 2
    assert len(entries(sme, "--actor", "user ann")) == 2
    assert len(entries(sme, "--actor", "user")) > 2
    assert entries(sme, "--actor", "model") == []
    assert len(entries(sme, "--since", "1h", "--verdict", "change")) == 2
    assert len(entries(sme, "--since", "2026-01-01", "--verdict", "change")) == 2
    assert entries(sme, "--since", "2999-01-01") == []
    assert entries(sme, "--host", "web1") == []
    assert len(sme("audit", "log", "-n", "3", "--json").json) == 3


def test_the_table_tells_what_ran_and_how_it_ended(sme, changed):
    answer = sme("audit", "log")
    header, announced, ended = answer.out.splitlines()
    assert header.split("\t") == [
        "SEQ", "AT", "HOST", "BY", "VERDICT", "APPROVAL", "RESULT", "COMMAND",
    ]  # fmt: skip
    told = announced.split("\t")
    assert told[2:] == ["localhost", "user ann", "change", "ap-1", "announced", "echo changed"]
    assert re.fullmatch(r"exit 0, [\d.]+ s", ended.split("\t")[6])


@pytest.mark.parametrize("width", [70, 110])
def test_in_a_terminal_an_entry_is_one_line_if_there_is_room(width, own_folders):
    with session.open_transport(localhost(), session.guard()) as transport:
        step = Step("x", f"echo {'wide ' * 60}")
        list(transport.run(Script([step], purpose=CHANGE), timeout_s=20))
    ours, its = pty.openpty()
    fcntl.ioctl(its, termios.TIOCSWINSZ, struct.pack("HHHH", 40, width, 0, 0))
    environment = os.environ | {"PYTHONPATH": os.pathsep.join(sys.path), "TERM": "xterm"}
    command = [sys.executable, "-m", "sme_cli", "audit", "log"]
    subprocess.run(command, env=environment, stdout=its, stdin=its, check=True)
    shown = visible(os.read(ours, 100_000).decode()).splitlines()
    os.close(ours)
    os.close(its)
    assert all(len(line) <= width for line in shown)
    assert sum("wide" in line for line in shown) >= 2
    assert "…" in "".join(shown)
    if width > 100:
        assert len(shown) == 3, "headers and two entries"


def test_an_empty_log_is_said(sme):
    answer = sme("audit", "log")
    assert (answer.code, answer.out) == (0, "")
    assert answer.err == "no such entries in the audit log\n"
    assert sme("audit", "verify").code == 0


def test_a_log_that_was_tampered_with_is_said(sme, changed, state):
    log = state / "audit.jsonl"
    sound = log.read_bytes()
    log.write_bytes(sound.replace(b"echo changed", b"echo nothing", 1))
    answer = sme("audit", "verify")
    assert answer.code == 4
    assert "audit.jsonl: line 1 was altered" in answer.err
    assert ("audit log", "broken") in {
        (result["subject"], result["state"]) for result in sme("doctor", "--json").json
    }
    log.write_bytes(sound.splitlines(keepends=True)[0])
    answer = sme("audit", "verify", "--json")
    assert (answer.code, answer.out) == (4, "")
    assert "line 1 is the last one, but the head knows 2 lines" in answer.err
    log.write_bytes(sound)
    whole = sme("audit", "verify", "--json").json
    assert whole == {"entries": 2, "valid": True, "head": entries(sme)[-1]["hash"]}


def test_what_a_host_printed_can_not_repaint_the_screen(sme):
    purpose = Purpose("model \x1b[2Jx", "why", "read-only", "reads")
    with session.open_transport(localhost(), session.guard()) as transport:
        step = Step("x", "echo '\x1b]0;title\x07\x1b[31m'")
        list(transport.run(Script([step], purpose=purpose), timeout_s=20))
    out = sme("audit", "log").out
    assert "\x1b" not in out
    assert "\x07" not in out
    assert sme("audit", "log", "--json").json[0]["actor"] == "model \x1b[2Jx"


@pytest.mark.parametrize("typed", ["", "yesterday", "2h ago", "-2h", "2026-13-01", "9" * 30 + "w"])
def test_what_is_no_moment_is_told(sme, typed):
    answer = sme("audit", "log", f"--since={typed}")
    assert (answer.code, answer.out) == (2, "")
    assert "is no moment" in answer.err
    assert "2h" in answer.err


def test_moments_are_so_long_ago_or_dates():
    now = datetime(2026, 11, 20, 12, tzinfo=UTC)
    for typed, ago in [
        ("45s", timedelta(seconds=45)),
        ("30m", timedelta(minutes=30)),
        ("2h", timedelta(hours=2)),
        ("7 d", timedelta(days=7)),
        ("2w", timedelta(days=14)),
    ]:
        assert moment(typed, now=now) == now - ago
    assert moment("2026-11-20T09:30+01:00") == datetime(2026, 11, 20, 8, 30, tzinfo=UTC)
    assert moment("2026-11-20") == datetime(2026, 11, 20).astimezone()
    with pytest.raises(UsageError):
        moment("٣h")


# Our own disk


def test_a_full_disk_does_not_keep_from_looking(unshare, own_folders):
    """One complaint, however many hosts and looks."""
    script = """
        sme() { "$PYTHON" -m sme_cli "$@"; }
        mkdir -p "$SME_STATE_DIR"; mount -t tmpfs -o size=64k none "$SME_STATE_DIR"
        head -c 1m /dev/zero >"$SME_STATE_DIR/filler" 2>/dev/null
        sme facts localhost --level 1 --json >"$HOME/facts.json"; echo "facts: $?"
        sme diagnose localhost >"$HOME/diagnosis"; echo "diagnosis: $?"
        sme hosts test localhost >/dev/null; echo "test: $?"
        sme audit log; sme audit verify
    """
    ran = subprocess.run(
        [*unshare, "sh", "-c", textwrap.dedent(script)],
        env=os.environ
        | {
            "PYTHONPATH": os.pathsep.join(sys.path),
            "PYTHON": sys.executable,
            "SME_STATE_DIR": str(own_folders / "state"),
        },
        capture_output=True,
        text=True,
        check=False,
    )
    assert "facts: 0\n" in ran.stdout
    assert "diagnosis: 4\n" in ran.stdout
    assert "test: 0\n" in ran.stdout
    assert ran.stderr.count("sme: not in the audit log: ") == 3, "one for each command"
    assert "No space left on device" in ran.stderr
    assert "Traceback" not in ran.stderr
    assert json.loads((own_folders / "facts.json").read_text())["host"] == "localhost"
    assert "not kept" in (own_folders / "diagnosis").read_text()


# Approvals


@pytest.fixture
def approvals(own_folders):
    return session.approvals()


RESTART = Bound(host="web1", user="admin", cwd="/", command="systemctl restart nginx")


def test_approvals_are_listed_with_what_waits(sme, approvals):
    always = approvals.allow_always("web1", ["nginx", "-s", "re load"], by="user ann")
    once = approvals.grant(RESTART, by="user ann")
    asked = approvals.ask(RESTART, by="rules", reason="it restarts a service")
    used = approvals.grant(RESTART, by="user ann")
    approvals.use(used.id, by="rules")
    answer = sme("policy", "approvals")
    rows = [line.split("\t") for line in answer.out.splitlines()[1:]]
    assert [row[:7] for row in rows] == [
        [always.id, "always", "web1", "", "", "nginx -s 're load' …", "user ann"],
        [once.id, "once", "web1", "admin", "/", "systemctl restart nginx", "user ann"],
        [asked.id, "waits", "web1", "admin", "/", "systemctl restart nginx", "rules"],
    ]
    assert rows[0][7] == "revoked"
    listed = sme("policy", "approvals", "--json").json
    assert [one["id"] for one in listed["standing"]] == [always.id]
    assert [one["id"] for one in listed["once"]] == [once.id]
    assert listed["pending"][0]["reason"] == "it restarts a service"


def test_no_approvals(sme):
    answer = sme("policy", "approvals")
    assert (answer.code, answer.out) == (0, "")
    assert "nothing waits" in answer.err
    assert sme("policy", "approvals", "--json").json == {"standing": [], "once": [], "pending": []}


def test_a_revoked_approval_is_gone_and_in_the_log(sme, approvals, state):
    always = approvals.allow_always("web1", ["nginx"], by="user ann")
    answer = sme("policy", "revoke", always.id)
    assert (answer.code, answer.err) == (0, f"{always.id} on web1 is revoked\n")
    assert sme("policy", "approvals", "--json").json["standing"] == []
    assert [entry["kind"] for entry in entries(sme)] == ["approval.granted", "approval.revoked"]
    table = sme("audit", "log").out
    assert f"\t{always.id}\trevoked\tnginx …" in table
    again = sme("policy", "revoke", always.id)
    assert again.code == 2
    assert "sme policy approvals" in again.err
    assert stat.S_IMODE((state / "approvals.db").stat().st_mode) == 0o600


def test_what_waits_is_answered_from_another_process(sme, approvals):
    yes = approvals.ask(RESTART, by="rules", reason="it restarts a service", incident="i1")
    no = approvals.ask(RESTART, by="rules", reason="it restarts a service", incident="i2")
    answer = sme("policy", "approve", yes.id)
    granted = approvals.find(RESTART, "i1")
    assert answer.err == (
        f"admin may run this once on web1 ({granted.id}):\nsystemctl restart nginx\n"
    )
    assert sme("policy", "deny", no.id).err == f"{no.id} on web1 is denied\n"
    assert approvals.request(yes.id).answered_by == this_user()
    assert approvals.request(no.id).answer == "denied"
    assert approvals.pending() == []
    for command in ("approve", "deny"):
        late = sme("policy", command, yes.id)
        assert late.code == 2
        assert "no question" in late.err


def test_a_second_line_of_a_command_does_not_hide_behind_a_space(sme, approvals):
    approvals.ask(
        RESTART.model_copy(update={"command": "echo harmless\nreboot\x1b[8m"}), by="x", reason="y"
    )
    assert "\techo harmless ⏎ reboot\t" in sme("policy", "approvals").out
