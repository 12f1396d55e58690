"""Shipped resolutions carried out for real: each mends its fault on the lab host, and goes back.

The commands are those that `sme fix` would run, over SSH, with their real effects; only the time
for which a verification must hold passes at once.
"""

import re
from pathlib import Path

import pytest

import lab
from changing import APPROVAL, QuickClock
from sme_knowledge.known_issue import KnownIssue, Step, Verification
from sme_knowledge.store import KnownIssues
from sme_memory.changes import ChangeStore
from sme_tools.actions.hands import HostLook, TransportHands
from sme_tools.actions.journal import Change
from sme_tools.actions.outcome import Outcome
from sme_tools.actions.plan import Action, MustClear, Plan, Verify
from sme_tools.actions.transaction import Transaction
from sme_tools.checks.check import Check, load_checks
from sme_tools.checks.conditions import Condition, FactContext, Holds
from sme_tools.checks.references import probes_named
from sme_tools.checks.run import run_checks
from sme_tools.facts import Facts
from sme_tools.hosts.host import Host
from sme_tools.hosts.open import open_transport
from sme_tools.observe import observe
from sme_tools.probes.registry import find_probe

ISSUES = {issue.id: issue for issue in KnownIssues.load()}
CHECKS = load_checks()
STATE = {
    "full-tmpfs": "df --output=size /mnt/data",
    "exhausted-inodes": "df --output=itotal /mnt/mail",
    "read-only-mount": "findmnt -no OPTIONS /mnt/store",
    "dead-resolver": "cat /etc/resolv.conf",
    "crash-loop": "supervisorctl status billing | awk '{print $2 == \"STOPPED\"}'",
}
"""What each step changes, as a command that shows it."""
MENDED = [
    ("full-tmpfs", "tmpfs-full", 2, "storage.filesystem-full"),
    ("exhausted-inodes", "tmpfs-inodes-exhausted", 2, "storage.inodes-exhausted"),
    ("read-only-mount", "filesystem-left-read-only", 2, "storage.mounted-read-only"),
    ("dead-resolver", "host-resolver-broken", 2, "network.resolver-broken"),
    ("crash-loop", "supervisord-crash-loop", 3, "services.supervised-"),
    ("zombie", "zombies-not-buried", 4, "processes.zombies"),
]
"""Fault, known issue, the step that mends it, and how the check begins whose finding must go."""


class Mender:
    """The lab host, and what is to be done there."""

    def __init__(self, folder: Path) -> None:
        self.hands = TransportHands(Host(name="lab"), open_transport, "user ann")
        self.store = ChangeStore(folder / "changes.db")

    def facts(self, issue: KnownIssue, checks: list[Check]) -> Facts:
        texts = [parameter.value for parameter in issue.parameters.values() if parameter.value]
        named = {id for text in texts for id in probes_named(text)}
        named |= set(probes_named(issue.signature.when, issue.signature.each))
        named |= {id for check in checks for id in probes_named(check.when, check.each)}
        probes = [find_probe(id) for id in sorted(named)]
        return observe(self.hands.host, self.hands.transport, probes, timeout_s=60).facts

    def transaction(self, issue: KnownIssue, step: Step, check: str) -> Transaction:
        checks = [one for one in CHECKS if one.id.startswith(check)]
        facts = self.facts(issue, checks)
        findings = run_checks(checks, facts, limits={}).findings
        assert findings, f"{check} finds nothing"
        plan = Plan(
            host="lab",
            issue=issue.id,
            must_clear=tuple(MustClear(fingerprint=f.fingerprint, check=f.check) for f in findings),
            actions=(action(step, values(issue, facts)),),
        )
        return Transaction(
            Change.begin(plan, actor="user ann", approvals=[APPROVAL]),
            journal=self.store,
            hands=self.hands,
            look=HostLook(self.hands, CHECKS),
            clock=QuickClock(),
        )


def values(issue: KnownIssue, facts: Facts) -> dict[str, str]:
    """What stands for the parameters, by the facts alone."""
    context = FactContext(facts)
    verdict = Condition.compile(issue.signature.when, issue.signature.each).evaluate(context)
    assert isinstance(verdict, Holds), verdict
    [item] = verdict.items
    name = (issue.signature.each or "").rpartition(" as ")[2]
    found = {
        parameter: Condition.compile(about.value).text_value(context, {name: item} if name else {})
        for parameter, about in issue.parameters.items()
        if about.value
    }
    return {parameter: value for parameter, value in found.items() if isinstance(value, str)}


def action(step: Step, words: dict[str, str]) -> Action:
    def put(text: str) -> str:
        for name, value in words.items():
            text = re.sub(rf"\b{name}\b", value, text)
        return text

    verify = step.verify
    return Action(
        title=step.title,
        run=put(step.run),
        undo=step.undo and put(step.undo),
        verify=Verify(
            when=verify.when and put(verify.when),
            run=verify.run and put(verify.run),
            exit_codes=tuple(verify.exit_codes),
        ),
        pre_state=tuple(put(text) for text in step.pre_state),
        keep_files=tuple(put(path) for path in step.keep_files),
        timeout_s=step.timeout_s,
        hold_s=step.hold_s,
    )


@pytest.fixture
def mender(tmp_path, monkeypatch):
    monkeypatch.setenv("HOME", str(tmp_path))
    mender = Mender(tmp_path)
    yield mender
    mender.hands.close()


@pytest.mark.parametrize(("fault", "id", "number", "check"), MENDED)
def test_a_shipped_resolution_mends_its_fault(fault, id, number, check, tmp_path, mender):
    issue = ISSUES[id]
    with lab.lab_host(tmp_path, lab.FAULTS[fault]):
        mended = mender.transaction(issue, issue.resolution[number - 1], check)
        list(mended.advance())
    assert mended.change.outcome is Outcome.FIXED, mended.change.reason


@pytest.mark.parametrize(("fault", "id", "number", "check"), [m for m in MENDED if m[0] in STATE])
def test_what_does_not_help_is_taken_back(fault, id, number, check, tmp_path, mender):
    issue = ISSUES[id]
    in_vain = issue.resolution[number - 1].model_copy(update={"verify": Verification(run="false")})
    with lab.lab_host(tmp_path, lab.FAULTS[fault]) as host:
        before = host.run(STATE[fault])
        change = mender.transaction(issue, in_vain, check)
        list(change.advance())
        assert host.run(STATE[fault]) == before
    assert change.change.outcome is Outcome.ROLLED_BACK, change.change.reason
    assert not change.change.actions[0].differs
