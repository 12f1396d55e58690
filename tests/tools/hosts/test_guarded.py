"""The guarded way to a host: nothing runs unseen, and no secret comes back."""

import hashlib
import json
import os
import signal
import stat
import subprocess
import sys
import textwrap
import threading

import pytest

from sme_memory.audit_log import AuditLog
from sme_tools.errors import HostLost, HostUnreachable, StateError
from sme_tools.hosts.guarded import GuardedTransport
from sme_tools.hosts.host import Host, localhost
from sme_tools.hosts.local import LocalTransport
from sme_tools.hosts.open import open_transport
from sme_tools.hosts.purpose import Purpose, own_account, this_user
from sme_tools.hosts.script import Script, Step
from sme_tools.observe import observe
from sme_tools.probes.registry import probes
from sme_tools.safety.guard import Guard
from sme_tools.safety.redaction import Redactor
from typed_commands import eventually

KEY = "AKIA" + "QYLPMN5HNM3HXNSA"
"""Of the form of an AWS access key, and nobody's."""

LOOK = Purpose.of_probes("rules", "is the disk full?", incident="20261120-1")
ASKED = Purpose("model qwen3", "is nginx up?", "read-only", "it only reads")
CHANGE = Purpose("user ann", "nginx hangs", "change", "it restarts a service", approval="ap-1")


class CountingLog(AuditLog):
    """An audit log that knows how often it was written to."""

    def __init__(self, path):
        super().__init__(path)
        self.writes = 0

    def record(self, entries):
        super().record(entries)
        self.writes += 1


@pytest.fixture
def log(tmp_path):
    return CountingLog(tmp_path / "state/audit.jsonl")


@pytest.fixture
def complaints():
    return []


@pytest.fixture
def guard(log, complaints):
    return Guard(log, complaints.append)


@pytest.fixture
def here(guard):
    """The guarded way to this machine."""
    with GuardedTransport(localhost(), LocalTransport(localhost()), guard) as transport:
        yield transport


@pytest.fixture
def web1(client, server, guard):
    """The guarded way to a host behind a real sshd."""
    client.log_in_to(server, "web1")
    host = Host(name="web1")
    with GuardedTransport(host, open_transport(host), guard) as transport:
        yield transport


def run(transport, purpose, *commands, timeout_s=20, **step):
    steps = [Step(f"s{n}", command, **step) for n, command in enumerate(commands)]
    return list(transport.run(Script(steps, purpose=purpose), timeout_s=timeout_s))


def kinds(log):
    return [entry.kind for entry in log.read()]


# What is kept


def test_a_command_is_kept_with_all_that_is_asked_of_an_audit(web1, log, server):
    (evidence,) = run(web1, CHANGE, "echo out; echo err >&2; exit 3")
    announced, ended = log.read()
    assert (announced.kind, ended.kind) == ("command.announced", "command.ended")
    assert (ended.subject, ended.actor) == ("web1", "user ann")
    both = f"{evidence.stdout}\0{evidence.stderr}".encode()
    assert ended.data == {
        "run": announced.data["run"],
        "user": server.user,
        "why": "nginx hangs",
        "verdict": "change",
        "reason": "it restarts a service",
        "approval": "ap-1",
        "incident": None,
        "step": "s0",
        "evidence": "web1/s0#1",
        "command": "echo out; echo err >&2; exit 3",
        "privilege": "user",
        "started_at": evidence.started_at.isoformat(),
        "duration_s": evidence.duration_s,
        "exit_code": 3,
        "outcome": "completed",
        "output_sha256": hashlib.sha256(both).hexdigest(),
    }
    assert announced.data["command"] == ended.data["command"]
    assert log.verify().entries == 2


def test_the_probes_of_a_look_are_entered_at_once_and_not_announced(here, log):
    run(here, LOOK, *["true"] * 60)
    assert kinds(log) == ["command.ended"] * 60
    assert log.writes == 1
    assert {e.data["incident"] for e in log.read()} == {"20261120-1"}
    assert {e.data["user"] for e in log.read()} == {own_account()}


def test_what_is_no_probe_is_announced_before_it_runs(here, log):
    for purpose in (ASKED, CHANGE):
        (evidence,) = run(here, purpose, f"tail -n 1 {log.path}")
        seen = json.loads(evidence.stdout)
        assert (seen["kind"], seen["actor"]) == ("command.announced", purpose.actor)


def test_its_end_is_kept_before_anybody_can_act_on_it(here, log):
    script = Script([Step("a", "true"), Step("b", "true")], purpose=CHANGE)
    for number, _ in enumerate(here.run(script, timeout_s=20), 1):
        assert kinds(log).count("command.ended") == number


def test_a_script_without_a_purpose_does_not_run(here, log, tmp_path):
    with pytest.raises(ValueError, match="localhost: a script has to say its purpose"):
        here.run(Script([Step("x", f"touch {tmp_path}/ran")]), timeout_s=5)
    assert not (tmp_path / "ran").exists()
    assert kinds(log) == []


@pytest.mark.parametrize(
    "said",
    [
        {"verdict": "change"},
        {"verdict": "change", "approval": ""},
        {"verdict": "change", "approval": "ap-1", "is_probe": True},
        {"verdict": "refused", "approval": "ap-1"},
        {"is_undo": True},
        {"actor": " "},
        {"why": ""},
        {"reason": "\n"},
    ],
)
def test_a_purpose_that_leaves_something_out_is_none(said):
    whole = {"actor": "rules", "why": "x", "verdict": "read-only", "reason": "y"}
    Purpose(**whole)
    with pytest.raises(ValueError):
        Purpose(**whole | said)


def test_the_user_who_typed_is_an_actor():
    name = subprocess.run(["id", "-un"], capture_output=True, text=True, check=True).stdout.strip()
    assert this_user() == f"user {name}"


# Secrets


def test_no_secret_comes_back_or_is_kept(web1, log):
    purpose = Purpose("model x", f"try {KEY}", "read-only", f"{KEY} is an argument")
    (evidence,) = run(web1, purpose, f"echo {KEY}; echo {KEY} >&2")
    assert evidence.stdout == evidence.stderr == "<secret:aws-key:1>\n"
    assert KEY not in log.path.read_text()
    both = f"{evidence.stdout}\0{evidence.stderr}".encode()
    assert log.read()[1].data["output_sha256"] == hashlib.sha256(both).hexdigest()
    assert log.read()[1].data["why"] == "try <secret:aws-key:1>"


def test_a_secret_in_what_a_broken_host_says_is_not_kept_either(client, guard, log):
    class Talking(LocalTransport):
        def run(self, script, *, timeout_s):
            raise HostLost(f"it said: {KEY}", host="web1")

    talking = GuardedTransport(localhost(), Talking(localhost()), guard)
    with pytest.raises(HostLost):
        run(talking, LOOK, "true")
    assert log.read()[0].data["error"] == "it said: <secret:aws-key:1>"


class CountingRedactor(Redactor):
    """A redactor that knows how much evidence it was given."""

    def __init__(self):
        super().__init__()
        self.seen = []

    def evidence(self, evidence):
        self.seen.append(evidence.id)
        return super().evidence(evidence)


def test_evidence_of_a_look_is_redacted_once(log, complaints):
    guard = Guard(log, complaints.append, CountingRedactor())
    unused = CountingRedactor()
    asked = [probes()["system.os"], probes()["system.load"]]
    with GuardedTransport(localhost(), LocalTransport(localhost()), guard) as transport:
        observe(localhost(), transport, asked, timeout_s=20, purpose=LOOK, redactor=unused)
    assert guard.redactor.seen == ["localhost/system.os#1", "localhost/system.load#1"]
    assert unused.seen == []
    with LocalTransport(localhost()) as bare:
        observe(localhost(), bare, asked, timeout_s=20, redactor=unused)
    assert len(unused.seen) == 2


def test_what_was_refused_is_kept_too(guard, log):
    command = f"mkfs /dev/sda # {KEY}"
    guard.refused("web1", command, actor="model x", why="x", reason="wipes a disk", incident=None)
    (entry,) = log.read(host="web1", actor="model", verdict="refused")
    assert entry.kind == "command.refused"
    assert entry.data["command"] == "mkfs /dev/sda # <secret:aws-key:1>"
    assert entry.data["reason"] == "wipes a disk"


# Hosts that fail


def test_a_host_that_is_lost_leaves_what_ran_and_what_did_not(web1, server, log):
    steps = [Step("ok", "echo fine"), Step("cut", "echo half; sleep 30"), Step("never", "true")]
    with pytest.raises(HostLost):
        for evidence in web1.run(Script(steps, purpose=LOOK), timeout_s=20):
            if evidence.step == "ok":
                server.kill()
    server.start()
    *ended, failed = log.read()
    assert ended[0].data["outcome"] == "completed"
    assert {(e.data["step"], e.data["outcome"]) for e in ended[1:]} <= {("cut", "lost")}
    assert failed.kind == "script.failed"
    assert "the connection broke" in failed.data["error"]
    assert failed.data["unanswered"][-1] == "never"


def test_a_host_that_can_not_be_reached_is_said(client, server, guard, log):
    client.log_in_to(server, "web1")
    server.kill()
    host = Host(name="web1")
    with GuardedTransport(host, open_transport(host), guard) as transport:
        for purpose in (LOOK, CHANGE):
            with pytest.raises(HostUnreachable):
                run(transport, purpose, "true", "false")
    server.start()
    assert kinds(log) == ["script.failed", *["command.announced"] * 2, "script.failed"]
    assert all(
        e.data["unanswered"] == ["s0", "s1"] for e in log.read() if e.kind == "script.failed"
    )
    assert len({e.data["run"] for e in log.read()[1:]}) == 1, "the failure is that of the change"
    assert {e.data["user"] for e in log.read()} == {server.user}


def test_a_command_that_takes_too_long_is_said(here, log):
    script = Script([Step("slow", "sleep 60", timeout_s=1)], purpose=CHANGE)
    list(here.run(script, timeout_s=20))
    assert log.read()[-1].data["outcome"] == "timed-out"
    assert log.read()[-1].data["exit_code"] is None


def test_who_has_seen_enough_leaves_a_trace(here, log):
    script = Script([Step("first", "true"), Step("second", "sleep 60")], purpose=LOOK)
    looking = here.run(script, timeout_s=90)
    next(looking)
    looking.close()
    ended, failed = log.read()
    assert (ended.data["step"], failed.data["unanswered"]) == ("first", ["second"])
    assert failed.data["error"] == "broken off by who asked for it"


def test_who_leaves_after_the_last_answer_broke_nothing_off(here, log):
    changing = here.run(Script([Step("only", "true")], purpose=CHANGE), timeout_s=20)
    next(changing)
    changing.close()
    assert kinds(log) == ["command.announced", "command.ended"]


def test_a_look_that_hangs_when_the_connection_is_closed_is_kept(here, log):
    taken = threading.Event()

    def look():
        script = Script([Step("first", "true"), Step("hangs", "sleep 60")], purpose=LOOK)
        with pytest.raises(HostLost):
            for _ in here.run(script, timeout_s=90):
                taken.set()

    looking = threading.Thread(target=look)
    looking.start()
    assert taken.wait(20)
    here.close()
    assert kinds(log)[:1] == ["command.ended"], "before the one who looked has noticed"
    looking.join(20)
    assert kinds(log).count("script.failed") == 1
    steps = {e.data["step"] for e in log.read() if e.kind == "command.ended"}
    assert "first" in steps
    log.verify()


def test_scripts_of_several_threads_are_all_kept(here, log):
    threads = [
        threading.Thread(target=run, args=(here, CHANGE, *[f"echo {n}"] * 3)) for n in range(6)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert log.verify().entries == 6 * 3 * 2
    runs = {}
    for entry in log.read():
        runs.setdefault(entry.data["run"], []).append((entry.kind, entry.data["command"]))
    assert len(runs) == 6
    for entries in runs.values():
        assert [kind for kind, _ in entries] == ["command.announced"] * 3 + ["command.ended"] * 3
        assert len({command for _, command in entries}) == 1


# A log that can't be written


@pytest.fixture
def broken_log(log):
    """An audit log whose head says nothing that can be continued."""
    log.record([])
    log.path.parent.mkdir(exist_ok=True)
    log.path.with_name("audit.jsonl.head").write_text("nonsense")
    return log


def test_a_damaged_log_stops_changes_and_no_look(here, broken_log, complaints, tmp_path):
    with pytest.raises(StateError, match="nothing was changed, since the audit log") as error:
        run(here, CHANGE, f"touch {tmp_path}/ran")
    assert error.value.host == "localhost"
    assert not (tmp_path / "ran").exists()
    assert complaints == []
    for purpose in (LOOK, ASKED):
        assert run(here, purpose, "echo seen")[0].stdout == "seen\n"
    assert len(complaints) == 1
    assert "audit.jsonl.head: is damaged" in complaints[0].message


def test_what_was_begun_can_be_taken_back_even_so(here, broken_log, complaints, tmp_path):
    undo = Purpose("user ann", "undo", "change", "removes", approval="ap-1", is_undo=True)
    (tmp_path / "half").touch()
    run(here, undo, f"rm {tmp_path}/half")
    assert not (tmp_path / "half").exists()
    assert len(complaints) == 1


def test_one_complaint_for_all_hosts(guard, broken_log, complaints):
    for name in ("a", "b", "c"):
        host = Host(name=name, transport="local")
        with GuardedTransport(host, LocalTransport(host), guard) as transport:
            run(transport, LOOK, "true")
    assert len(complaints) == 1


IN_A_PROCESS = """
    import sys
    from pathlib import Path
    from sme_memory.audit_log import AuditLog
    from sme_tools.hosts.guarded import GuardedTransport
    from sme_tools.hosts.host import localhost
    from sme_tools.hosts.local import LocalTransport
    from sme_tools.hosts.purpose import Purpose
    from sme_tools.hosts.script import Script, Step
    from sme_tools.safety.guard import Guard

    CHANGE = Purpose("user ann", "why", "change", "it writes", approval="ap-1")
    LOOK = Purpose("model x", "why", "read-only", "it reads")
    guard = Guard(AuditLog(Path(sys.argv[1])), lambda error: print("complaint", error.message))

    def run(purpose, command):
        with GuardedTransport(localhost(), LocalTransport(localhost()), guard) as transport:
            script = Script([Step("x", command, timeout_s=100)], purpose=purpose)
            for evidence in transport.run(script, timeout_s=100):
                print(evidence.stdout, end="", flush=True)
"""


def in_a_process(script, *arguments, under=()):
    return subprocess.Popen(
        [*under, sys.executable, "-c", textwrap.dedent(IN_A_PROCESS) + textwrap.dedent(script)]
        + [str(argument) for argument in arguments],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env={**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, sys.path))},
    )


def test_a_kill_in_the_middle_of_a_change_leaves_its_announcement(log, tmp_path):
    process = in_a_process(
        'run(CHANGE, f"echo $PPID >{sys.argv[2]}/script; echo; sleep 60")', log.path, tmp_path
    )
    told = tmp_path / "script"
    script = int(eventually(lambda: told.exists() and told.read_text()))
    process.send_signal(signal.SIGKILL)
    os.kill(script, signal.SIGTERM)
    process.communicate()
    (announced,) = log.read()
    assert announced.kind == "command.announced"
    assert announced.data["command"] == f"echo $PPID >{tmp_path}/script; echo; sleep 60"
    assert log.verify().torn_bytes == 0


def test_on_a_full_disk_a_look_goes_on_and_a_change_does_not(tmp_path):
    if os.getuid() != 0 or sys.platform != "linux":
        pytest.skip("only root on Linux can mount")
    state = tmp_path / "state"
    state.mkdir()
    script = """
        import subprocess
        state, outside = sys.argv[1].rsplit("/", 1)[0], sys.argv[2]
        subprocess.run(["mount", "-t", "tmpfs", "-o", "size=64k", "none", state], check=True)
        run(CHANGE, f"echo 1 >{outside}/while-there-was-room")
        try:
            with open(f"{state}/filler", "wb", buffering=0) as filler:
                while filler.write(b"x" * 1024):
                    pass
        except OSError as error:
            print(error.strerror)
        more_than_a_page = " " * 5000
        run(LOOK, "echo looked" + more_than_a_page)
        run(LOOK, "echo looked again" + more_than_a_page)
        try:
            run(CHANGE, f"touch {outside}/ran" + more_than_a_page)
        except Exception as error:
            print(type(error).__name__, error.message)
        print(guard.audit.verify().entries)
    """
    process = in_a_process(
        script, state / "audit.jsonl", tmp_path,
        under=("unshare", "--mount", "--propagation", "private"),
    )  # fmt: skip
    out, err = process.communicate(timeout=60)
    assert err == ""
    told = out.splitlines()
    assert told[0] == "No space left on device"
    assert [line for line in told if "looked" in line] == ["looked", "looked again"]
    assert sum(line.startswith("complaint") for line in told) == 1
    assert told[-2].startswith("StateError nothing was changed, since the audit log can't take it")
    assert "No space left on device" in told[-2]
    assert int(told[-1]) >= 2
    assert (tmp_path / "while-there-was-room").exists()
    assert not (tmp_path / "ran").exists()


def test_the_log_is_for_its_owner_alone(here, log):
    run(here, LOOK, "true")
    assert stat.S_IMODE(log.path.stat().st_mode) == 0o600
