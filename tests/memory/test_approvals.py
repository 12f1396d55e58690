"""Approvals: bound to the byte, used once, expired in time, and all of it in the audit log."""

import os
import sqlite3
import stat
import subprocess
import sys
import textwrap
from datetime import UTC, datetime, timedelta, timezone

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sme_memory.approval import Bound, Standing
from sme_memory.approvals import FORGOTTEN_AFTER, LIFETIME, WAITS, Approvals
from sme_memory.audit_log import AuditLog
from sme_tools.errors import StateError, UsageError
from sme_tools.safety.guard import Guard

RESTART = Bound(
    host="web1", user="admin", cwd="/", command="systemctl restart nginx && echo 'done  now'"
)
KEY = "AKIA" + "QYLPMN5HNM3HXNSA"
"""Of the form of an AWS access key, and nobody's."""


class Clock:
    """A clock that stands until it is told otherwise."""

    def __init__(self):
        self.now = datetime(2026, 11, 20, 12, tzinfo=UTC)

    def __call__(self):
        return self.now


@pytest.fixture
def clock():
    return Clock()


@pytest.fixture
def log(tmp_path):
    return AuditLog(tmp_path / "audit.jsonl")


@pytest.fixture
def complaints():
    return []


@pytest.fixture
def approvals(tmp_path, log, complaints, clock):
    return Approvals(tmp_path / "approvals.db", Guard(log, complaints.append), clock)


def kept(log):
    return [(entry.kind, entry.actor, entry.subject) for entry in log.read()]


# Once


def test_an_approval_says_what_was_allowed_by_whom_and_how_long(approvals, clock):
    granted = approvals.grant(RESTART, by="user ann", incident="20261120-1")
    assert approvals.find(RESTART, "20261120-1") == granted
    assert approvals.find(RESTART, "20261120-2") is None, "it is for that incident alone"
    assert approvals.find(RESTART) is None
    assert (granted.command, granted.host, granted.user, granted.cwd) == (
        "systemctl restart nginx && echo 'done  now'",
        "web1",
        "admin",
        "/",
    )
    assert (granted.by, granted.at, granted.incident) == ("user ann", clock.now, "20261120-1")
    assert granted.expires_at == clock.now + LIFETIME
    assert approvals.unused() == [granted]


@pytest.mark.parametrize(
    "other",
    [
        {"command": "systemctl restart nginx && echo 'done now'"},
        {"command": "systemctl restart nginx && echo 'done  now' "},
        {"command": " systemctl restart nginx && echo 'done  now'"},
        {"command": "systemctl restart nginx && echo 'done  now'\n"},
        {"command": "systemctl restart nginx && echo 'done  now'\0"},
        {"command": "systemctl restart nginx && echo 'done\u00a0 now'"},
        {"command": "systemctl restart nginх && echo 'done  now'"},
        {"command": "Systemctl restart nginx && echo 'done  now'"},
        {"command": "systemctl restart nginx"},
        {"command": ""},
        {"host": "web2"},
        {"host": "WEB1"},
        {"host": "web1 "},
        {"user": "root"},
        {"user": ""},
        {"cwd": "/root"},
        {"cwd": "//"},
    ],
)
def test_anything_else_is_not_approved(approvals, other):
    approvals.grant(RESTART, by="user ann")
    assert approvals.find(RESTART.model_copy(update=other)) is None


text = st.text(max_size=12)
bounds = st.builds(Bound, command=text, host=text, user=text, cwd=text)


@settings(max_examples=60, deadline=None)
@given(granted=bounds, asked=bounds)
def test_only_the_very_same_is_approved(tmp_path_factory, granted, asked):
    folder = tmp_path_factory.mktemp("state")
    store = Approvals(folder / "a.db", Guard(AuditLog(folder / "audit.jsonl"), pytest.fail))
    store.grant(granted, by="user ann")
    assert store.find(granted) is not None
    assert (store.find(asked) is not None) == (asked == granted)


def test_fields_do_not_run_into_one_another(approvals):
    approvals.grant(Bound(command="a", host='b", "c', user="d", cwd="e"), by="user ann")
    assert approvals.find(Bound(command="a", host="b", user='c", "d', cwd="e")) is None


def test_it_expires_to_the_second(approvals, clock):
    granted = approvals.grant(RESTART, by="user ann", lifetime=timedelta(minutes=5))
    clock.now += timedelta(minutes=5) - timedelta(microseconds=1)
    assert approvals.find(RESTART) == granted
    clock.now += timedelta(microseconds=1)
    assert approvals.find(RESTART) is None
    assert approvals.use(granted.id, by="rules") is None
    assert approvals.unused() == []


def test_it_expires_between_being_found_and_used(approvals, clock):
    found = approvals.grant(RESTART, by="user ann")
    assert approvals.find(RESTART)
    clock.now += LIFETIME
    assert approvals.use(found.id, by="rules") is None


def test_other_zones_of_the_clock_change_nothing(approvals, clock):
    granted = approvals.grant(RESTART, by="user ann")
    clock.now = (clock.now + LIFETIME / 2).astimezone(timezone(timedelta(hours=-11)))
    assert approvals.find(RESTART) == granted
    clock.now = (clock.now + LIFETIME).astimezone(timezone(timedelta(hours=14)))
    assert approvals.find(RESTART) is None


def test_it_is_used_once(approvals, clock):
    granted = approvals.grant(RESTART, by="user ann")
    used = approvals.use(granted.id, by="rules")
    assert used.used_at == clock.now
    assert approvals.use(granted.id, by="rules") is None
    assert approvals.find(RESTART) is None
    again = approvals.grant(RESTART, by="user ann")
    assert approvals.find(RESTART) == again


def test_two_approvals_of_the_same_are_two_runs(approvals):
    ids = {approvals.grant(RESTART, by="user ann").id for _ in range(2)}
    for _ in range(2):
        found = approvals.find(RESTART)
        ids.remove(found.id)
        assert approvals.use(found.id, by="rules")
    assert approvals.find(RESTART) is None


def test_what_is_unknown_can_not_be_used(approvals):
    assert approvals.use("ap-0000000000", by="rules") is None
    always = approvals.allow_always("web1", ["systemctl", "restart"], by="user ann")
    assert approvals.use(always.id, by="rules") is None


USER = """
    import sys
    from pathlib import Path
    from sme_memory.approvals import Approvals
    from sme_memory.audit_log import AuditLog
    from sme_tools.safety.guard import Guard

    folder = Path(sys.argv[1])
    approvals = Approvals(folder / "approvals.db", Guard(AuditLog(folder / "audit.jsonl"), print))
    print("ready", flush=True)
    for id in sys.stdin:
        used = approvals.use(id.strip(), by=sys.argv[2])
        print("used" if used else "late", flush=True)
"""


def test_of_several_processes_one_can_use_it(tmp_path, log):
    approvals = Approvals(tmp_path / "approvals.db", Guard(log, pytest.fail))
    racers = [
        subprocess.Popen(
            [sys.executable, "-c", textwrap.dedent(USER), str(tmp_path), f"racer {n}"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            env={**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, sys.path))},
        )
        for n in range(3)
    ]
    for racer in racers:
        assert racer.stdout.readline() == "ready\n"
    for _ in range(25):
        granted = approvals.grant(RESTART, by="user ann")
        for racer in racers:
            racer.stdin.write(f"{granted.id}\n")
        for racer in racers:
            racer.stdin.flush()
        answers = [racer.stdout.readline() for racer in racers]
        assert sorted(answers) == ["late\n", "late\n", "used\n"]
    for racer in racers:
        racer.communicate()
    assert [kind for kind, _, _ in kept(log)].count("approval.used") == 25
    log.verify()


# Always


def test_a_standing_approval_covers_a_program_and_what_follows_it(approvals):
    always = approvals.allow_always("web1", ["systemctl", "restart", "nginx"], by="user ann")
    assert approvals.covering("web1", ["systemctl", "restart", "nginx"]) == always
    assert approvals.covering("web1", ["systemctl", "restart", "nginx", "--no-block"]) == always


@pytest.mark.parametrize(
    ("host", "argv"),
    [
        ("web2", ["systemctl", "restart", "nginx"]),
        ("web", ["systemctl", "restart", "nginx"]),
        ("web1", ["systemctl", "restart", "nginx2"]),
        ("web1", ["systemctl", "restart", "ngin"]),
        ("web1", ["systemctl", "restart"]),
        ("web1", ["systemctl", "restart nginx"]),
        ("web1", ["/usr/bin/systemctl", "restart", "nginx"]),
        ("web1", ["sudo", "systemctl", "restart", "nginx"]),
        ("web1", ["systemctl", "--force", "restart", "nginx"]),
        ("web1", ["systemctl", "restart", "Nginx"]),
        ("web1", []),
    ],
)
def test_it_covers_nothing_else(approvals, host, argv):
    approvals.allow_always("web1", ["systemctl", "restart", "nginx"], by="user ann")
    assert approvals.covering(host, argv) is None


@given(st.lists(st.text(max_size=3), min_size=1, max_size=4), st.lists(st.text(max_size=3)))
def test_covering_is_equality_of_the_leading_words(words, argv):
    at = datetime(2026, 11, 20, tzinfo=UTC)
    standing = Standing(id="st-1", host="web1", words=tuple(words), by="user ann", at=at)
    assert standing.covers([*words, *argv])
    assert standing.covers(argv) == (argv[: len(words)] == words)


def test_it_holds_until_it_is_revoked_or_expires(approvals, clock):
    always = approvals.allow_always("web1", ["nginx", "-s", "reload"], by="user ann")
    until = clock.now + timedelta(days=30)
    month = approvals.allow_always("web1", ["logrotate"], by="user ann", expires_at=until)
    assert {one.id for one in approvals.standing()} == {always.id, month.id}
    clock.now = until
    assert approvals.standing() == [always]
    clock.now += timedelta(days=3650)
    approvals.revoke(always.id, by="user bob")
    assert approvals.covering("web1", ["nginx", "-s", "reload"]) is None


@pytest.mark.parametrize("words", [[], [""], ["", "restart"]])
def test_it_names_a_program(approvals, words):
    with pytest.raises(UsageError, match="names a program"):
        approvals.allow_always("web1", words, by="user ann")


# Revoking


def test_what_is_revoked_can_not_be_used(approvals, log):
    granted = approvals.grant(RESTART, by="user ann")
    assert approvals.revoke(granted.id, by="user bob").revoked_at is not None
    assert approvals.find(RESTART) is None
    assert approvals.use(granted.id, by="rules") is None
    assert kept(log)[-1] == ("approval.revoked", "user bob", "web1")


def test_what_is_not_in_force_can_not_be_revoked(approvals, clock):
    used = approvals.grant(RESTART, by="user ann")
    approvals.use(used.id, by="rules")
    expired = approvals.grant(RESTART, by="user ann")
    clock.now += LIFETIME
    for id in (used.id, expired.id, "ap-0", "", "%"):
        with pytest.raises(UsageError, match="no approval") as error:
            approvals.revoke(id, by="user bob")
        assert "sme policy approvals" in error.value.remedy


# Questions


def test_a_question_waits_until_another_process_answers_it(approvals, tmp_path, log, clock):
    asked = approvals.ask(RESTART, by="rules", reason="it restarts a service", incident="i1")
    other = Approvals(tmp_path / "approvals.db", Guard(log, pytest.fail), clock)
    assert other.pending() == other.pending("i1") == [asked]
    assert other.pending("i2") == []
    granted = other.approve(asked.id, by="user bob")
    answered = approvals.request(asked.id)
    assert (answered.answer, answered.answered_by, answered.approval) == (
        "granted",
        "user bob",
        granted.id,
    )
    assert approvals.find(RESTART, "i1") == granted
    assert granted.incident == "i1"
    assert approvals.pending() == []


def test_no_is_an_answer(approvals):
    asked = approvals.ask(RESTART, by="rules", reason="x")
    approvals.deny(asked.id, by="user bob")
    assert approvals.request(asked.id).answer == "denied"
    assert approvals.find(RESTART) is None


def test_a_question_is_answered_once(approvals):
    first = approvals.ask(RESTART, by="rules", reason="x")
    approvals.deny(first.id, by="user bob")
    with pytest.raises(UsageError, match="no question"):
        approvals.approve(first.id, by="user ann")
    assert approvals.find(RESTART) is None
    second = approvals.ask(RESTART, by="rules", reason="x")
    approvals.approve(second.id, by="user ann")
    for answer in (approvals.approve, approvals.deny):
        with pytest.raises(UsageError, match="no question"):
            answer(second.id, by="user ann")
    assert len(approvals.unused()) == 1


def test_a_step_that_is_begun_again_does_not_ask_again(approvals, log):
    asked = approvals.ask(RESTART, by="rules", reason="x", incident="i1")
    assert approvals.ask(RESTART, by="rules", reason="x", incident="i1") == asked
    assert approvals.ask(RESTART, by="rules", reason="x", incident="i2") != asked
    assert len(kept(log)) == 2
    approvals.deny(asked.id, by="user ann")
    assert approvals.ask(RESTART, by="rules", reason="x", incident="i1") != asked


def test_a_question_does_not_wait_for_ever(approvals, clock):
    asked = approvals.ask(RESTART, by="rules", reason="x")
    clock.now += WAITS
    assert approvals.pending() == []
    with pytest.raises(UsageError):
        approvals.approve(asked.id, by="user ann")


def test_a_question_nobody_asked(approvals):
    granted = approvals.grant(RESTART, by="user ann")
    for id in ("rq-0000000000", granted.id):
        with pytest.raises(UsageError, match="nobody asked"):
            approvals.request(id)


# What is kept


def test_everything_that_happens_is_in_the_audit_log(approvals, log):
    asked = approvals.ask(RESTART, by="model x", reason="it restarts", incident="i1")
    granted = approvals.approve(asked.id, by="user ann")
    approvals.use(granted.id, by="model x")
    approvals.deny(approvals.ask(RESTART, by="model x", reason="again").id, by="user ann")
    always = approvals.allow_always("web2", ["systemctl", "restart"], by="user ann")
    approvals.revoke(always.id, by="user bob")
    assert kept(log) == [
        ("approval.asked", "model x", "web1"),
        ("approval.granted", "user ann", "web1"),
        ("approval.used", "model x", "web1"),
        ("approval.asked", "model x", "web1"),
        ("approval.denied", "user ann", "web1"),
        ("approval.granted", "user ann", "web2"),
        ("approval.revoked", "user bob", "web2"),
    ]
    used = log.read()[2].data
    assert (used["id"], used["command"], used["by"]) == (granted.id, RESTART.command, "user ann")
    assert (used["user"], used["cwd"], used["incident"]) == ("admin", "/", "i1")
    assert log.read()[5].data["command"] == "systemctl restart …"
    log.verify()


def test_no_secret_of_a_command_gets_into_the_audit_log(approvals, log):
    secret = RESTART.model_copy(update={"command": f"aws configure set x {KEY}"})
    asked = approvals.ask(secret, by="rules", reason=f"it stores {KEY}")
    assert approvals.find(secret) is None
    approvals.approve(asked.id, by="user ann")
    approvals.allow_always("web1", ["aws", "configure", KEY], by="user ann")
    assert approvals.find(secret).command.endswith(KEY), "what runs is exactly this"
    assert KEY not in log.path.read_text()


def test_what_the_audit_log_does_not_take_is_not_granted_and_not_used(
    approvals, log, complaints, tmp_path
):
    granted = approvals.grant(RESTART, by="user ann")
    asked = approvals.ask(RESTART, by="rules", reason="x")
    head = log.path.with_name("audit.jsonl.head")
    sound = head.read_bytes()
    head.write_text("nonsense")
    for attempt in (
        lambda: approvals.grant(RESTART, by="user ann"),
        lambda: approvals.use(granted.id, by="rules"),
        lambda: approvals.allow_always("web1", ["df"], by="user ann"),
        lambda: approvals.approve(asked.id, by="user ann"),
    ):
        with pytest.raises(StateError, match="head: is damaged"):
            attempt()
    assert approvals.unused() == [granted]
    assert approvals.standing() == []
    assert approvals.pending() == [asked]
    head.write_bytes(sound)
    assert approvals.use(granted.id, by="rules")


def test_a_denial_and_a_revocation_hold_without_the_audit_log(approvals, log, complaints):
    granted = approvals.grant(RESTART, by="user ann")
    asked = approvals.ask(RESTART, by="rules", reason="x")
    log.path.with_name("audit.jsonl.head").write_text("nonsense")
    approvals.revoke(granted.id, by="user ann")
    approvals.deny(asked.id, by="user ann")
    assert approvals.find(RESTART) is None
    assert approvals.request(asked.id).answer == "denied"
    assert len(complaints) == 1


def test_files_are_for_their_owner_alone(approvals, tmp_path):
    approvals.grant(RESTART, by="user ann")
    files = list(tmp_path.glob("approvals.db*"))
    assert len(files) >= 1
    assert {stat.S_IMODE(file.stat().st_mode) for file in files} == {0o600}


def test_what_is_over_is_forgotten_in_time_and_with_it_any_secret(approvals, clock, tmp_path):
    marked = RESTART.model_copy(update={"command": "echo a-mark-to-look-for"})
    approvals.use(approvals.grant(marked, by="user ann").id, by="rules")
    approvals.ask(marked, by="rules", reason="x")
    always = approvals.allow_always("web1", ["df"], by="user ann")
    clock.now += WAITS + FORGOTTEN_AFTER + timedelta(seconds=1)
    approvals.grant(RESTART, by="user ann")
    assert approvals.standing() == [always]
    with sqlite3.connect(tmp_path / "approvals.db") as database:
        documents = [row[0] for row in database.execute("SELECT document FROM item")]
    database.close()
    assert len(documents) == 2
    assert not any("a-mark-to-look-for" in document for document in documents)


def test_a_damaged_approval_is_said(approvals, tmp_path):
    approvals.grant(RESTART, by="user ann")
    with sqlite3.connect(tmp_path / "approvals.db") as database:
        database.execute("UPDATE item SET document = '{}'")
    database.close()
    with pytest.raises(StateError, match="holds a damaged approval"):
        approvals.find(RESTART)
