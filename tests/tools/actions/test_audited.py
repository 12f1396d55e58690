"""What the audit log says of a change, and what it must not say."""

import pytest

from changing import APPROVAL, action
from sme_memory.audit_log import AuditLog
from sme_tools.actions.outcome import Outcome
from sme_tools.errors import StateError
from sme_tools.hosts.guarded import GuardedTransport
from sme_tools.hosts.open import open_transport
from sme_tools.safety.guard import Guard

SECRET = "AKIA" + "QYLPMN5HNM3HXNSA"
"""Of the form of an AWS access key, and nobody's."""


@pytest.fixture
def log(tmp_path):
    (tmp_path / "state").mkdir()
    return AuditLog(tmp_path / "state/audit.jsonl")


@pytest.fixture
def guarded(site, log):
    """This machine, by the guarded way."""
    guard = Guard(log, lambda error: pytest.fail(str(error)))
    site.hands.open_transport = lambda host: GuardedTransport(host, open_transport(host), guard)
    (site.tree / "config").write_text(
        f"aws_access_key_id = {SECRET}\npassword = hunter2-and-more\n"
    )
    return site


def failing(site):
    return action(
        f"echo spoilt >{site.tree}/config; exit 1",
        keep_files=(f"{site.tree}/config",),
        pre_state=(f"cat {site.tree}/config",),
    )


def test_a_file_with_secrets_comes_back_and_no_record_has_them(guarded, log):
    before = guarded.state()
    change, _ = guarded.carry_out(failing(guarded))
    assert change.outcome is Outcome.ROLLED_BACK
    assert guarded.state() == before
    records = log.path.read_text() + change.model_dump_json()
    records += "".join(e.model_dump_json() for e in guarded.store.evidence(change.id))
    for secret in (SECRET, "hunter2", SECRET.encode().hex(" "), "0055and"):
        assert secret not in records
    assert change.actions[0].differs == []


def test_every_command_of_a_change_names_its_approval(guarded, log):
    change, _ = guarded.carry_out(failing(guarded))
    entries = [entry for entry in log.read() if entry.kind == "command.announced"]
    assert {entry.data["approval"] for entry in entries} == {APPROVAL}
    assert {entry.actor for entry in entries} == {"user ann"}
    commands = [entry.data["command"] for entry in entries]
    run = change.plan.actions[0].run
    assert any(command.startswith(run) for command in commands), "the command comes first"
    (ended,) = [
        entry.data
        for entry in log.read()
        if entry.kind == "command.ended" and entry.data["command"].startswith(run)
    ]
    assert ended["exit_code"] == 1, "it is that of the command, not of what watches over it"
    assert any(command.startswith("# sme: take the lock of the host") for command in commands)
    assert any("put" in command and "back as it was" in command for command in commands)


def test_nothing_is_changed_while_the_audit_log_can_not_be_written(guarded, log):
    before = guarded.state()
    log.path.mkdir(parents=True)
    transaction = guarded.begin(failing(guarded))
    with pytest.raises(StateError, match="nothing was changed"):
        list(transaction.advance())
    assert guarded.state() == before
