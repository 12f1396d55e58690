"""Changes on a real host: it is in the new state afterwards or in the former, and the record says
which."""

import subprocess

import pytest

from changing import Site, action, fill, two_steps
from sme_tools.actions.events import Ended, Held, NotUndone, PreStateTaken, StoodStill, Undone
from sme_tools.actions.journal import Change
from sme_tools.actions.outcome import Outcome
from sme_tools.actions.plan import MustClear, Plan, Verify
from sme_tools.actions.transaction import NextStep
from sme_tools.checks.check import parse_checks
from sme_tools.checks.finding import Finding
from sme_tools.errors import UsageError
from sshd import needs_root


def test_a_change_that_works_and_holds(site):
    change, events = site.carry_out(*two_steps(site.tree))
    assert change.outcome is Outcome.FIXED
    assert change.phase == "ended"
    assert (site.tree / "config").read_bytes() == b"new"
    assert [e.held_s for e in events if isinstance(e, Held) and e.action == 0] == [1, 3]
    assert PreStateTaken(0, 0, 2) in events
    assert events[-1] == Ended(Outcome.FIXED, "")
    assert list(site.locks.iterdir()) == []
    assert site.store.kept(change.id, 0) == []
    assert change.actions[1].before[0].text.endswith(" 3\n")


def test_a_command_that_fails_half_way_leaves_no_trace(site):
    before = site.state()
    first, second = two_steps(site.tree)
    second = second.model_copy(update={"run": f"{second.run}; echo half >&2; exit 3"})
    change, events = site.carry_out(first, second)
    assert change.outcome is Outcome.ROLLED_BACK
    assert site.state() == before
    assert [e.action for e in events if isinstance(e, Undone)] == [1, 0]
    assert change.reason == "Change it: it gave exit code 3: half"
    assert change.not_taken_back == []


def test_every_shell_carries_out_and_takes_back(each_shell):
    site = each_shell
    before = site.state()
    first, second = two_steps(site.tree)
    slow = action(f"{second.run}; sleep 60", timeout_s=1, undo=second.undo)
    slow = slow.model_copy(update={"verify": Verify(run="false")})
    change, _ = site.carry_out(first, slow)
    assert change.outcome is Outcome.ROLLED_BACK
    assert change.actions[1].run.how == "timed-out"
    assert site.state() == before
    change, _ = site.carry_out(first, second)
    assert change.outcome is Outcome.FIXED
    assert list(site.locks.iterdir()) == []


def test_a_command_that_is_killed_is_taken_back(site):
    before = site.state()
    first, second = two_steps(site.tree)
    second = second.model_copy(update={"run": f"{second.run}; kill -9 $$"})
    change, _ = site.carry_out(first, second)
    assert change.outcome is Outcome.ROLLED_BACK
    assert site.state() == before
    assert change.actions[1].run.exit_code == 128 + 9


def test_what_fails_while_it_should_hold_is_taken_back(site):
    before = site.state()
    first, second = two_steps(site.tree)
    site.clock.at.append((5, lambda: (site.tree / "data").write_text("spoilt")))
    change, events = site.carry_out(first, second)
    assert change.outcome is Outcome.ROLLED_BACK
    assert "did not last: the verification gave exit code 1" in change.reason
    assert any(isinstance(e, Held) and e.action == 1 for e in events)
    assert site.state() == before


def test_a_change_may_need_a_moment_to_show(site):
    site.clock.at.append((20, (site.tree / "up").touch))
    change, _ = site.carry_out(action("true", verify=Verify(run=f"test -e {site.tree}/up")))
    assert change.outcome is Outcome.FIXED
    assert site.clock.time < 40


def test_an_undo_that_fails_keeps_no_other_from_it(site):
    first, second = two_steps(site.tree)
    third = action("exit 1", undo="echo broken; exit 7")
    change, events = site.carry_out(first, second, third)
    assert change.outcome is Outcome.ROLLBACK_FAILED
    assert change.not_taken_back == [2]
    assert (site.tree / "data").read_text() == "one"
    failed = next(e for e in events if isinstance(e, NotUndone))
    assert failed == NotUndone(2, "the undo: it gave exit code 7: broken")


def test_a_rollback_that_failed_can_be_tried_again(site):
    before = site.state()
    first, _ = two_steps(site.tree)
    repaired = site.tree.parent / "repaired"
    change, _ = site.carry_out(first, action("exit 1", undo=f"test -e {repaired}"))
    assert (change.outcome, change.not_taken_back) == (Outcome.ROLLBACK_FAILED, [1])
    assert list(site.locks.iterdir()) == []
    repaired.touch()
    again = site.resume(change)
    again.turn_back("the undo was repaired")
    list(again.advance())
    assert change.outcome is Outcome.ROLLED_BACK
    assert site.state() == before


def test_a_step_without_an_undo_is_said_to_be_left(site):
    first, second = two_steps(site.tree)
    second = second.model_copy(update={"undo": None, "verify": Verify(run="false")})
    change, _ = site.carry_out(first, second)
    assert change.outcome is Outcome.KEPT
    assert change.not_taken_back == [1]
    assert change.actions[0].status == "undone"
    assert (site.tree / "data").read_text() == "two"


def test_what_differs_after_the_undo_is_named(site):
    count = f"cat {site.tree.parent}/count"
    (site.tree.parent / "count").write_text("1")
    change, events = site.carry_out(
        action(f"echo 2 >{site.tree.parent}/count; exit 1", undo="true", pre_state=(count,))
    )
    assert change.outcome is Outcome.ROLLED_BACK
    assert Undone(0, (count,)) in events
    assert [o.text for o in change.actions[0].before + change.actions[0].after] == ["1", "2\n"]


def test_a_command_whose_time_is_up_counts_if_it_worked(site):
    change, _ = site.carry_out(
        action(
            f"touch {site.tree}/done; sleep 60",
            timeout_s=1,
            undo=f"rm -f {site.tree}/done",
            verify=Verify(run=f"test -e {site.tree}/done"),
        )
    )
    assert change.outcome is Outcome.FIXED_AFTER_RETRY
    assert change.actions[0].run.how == "timed-out"


def test_a_command_whose_time_is_up_is_taken_back_if_it_did_not_work(site):
    before = site.state()
    change, _ = site.carry_out(
        action(
            f"touch {site.tree}/half; sleep 60; touch {site.tree}/done",
            timeout_s=1,
            undo=f"rm -f {site.tree}/half {site.tree}/done",
            verify=Verify(run=f"test -e {site.tree}/done"),
        )
    )
    assert change.outcome is Outcome.ROLLED_BACK
    assert site.state() == before


def test_nothing_is_begun_if_its_former_state_can_not_be_kept(site):
    (site.tree / "link").symlink_to("config")
    before = site.state()
    change, _ = site.carry_out(action(f"rm {site.tree}/config", keep_files=(f"{site.tree}/link",)))
    assert change.outcome is Outcome.CANNOT_FIX
    assert "a symbolic link" in change.reason
    assert site.state() == before
    assert list(site.locks.iterdir()) == []


def test_each_action_may_be_approved_in_its_turn(site):
    first, second = two_steps(site.tree)
    transaction = site.resume(Change.begin(site.plan(first, second), actor="user ann"))
    assert transaction.next_step == NextStep("approve", 0)
    transaction.approve(0, "approval-1")
    list(transaction.advance())
    assert transaction.next_step == NextStep("approve", 1)
    assert (site.tree / "config").read_bytes() == b"new"
    again = site.resume(site.store.load("last"))
    again.approve(1, "approval-2")
    list(again.advance())
    assert again.change.outcome is Outcome.FIXED


def test_what_is_declined_is_never_begun(site):
    before = site.state()
    transaction = site.resume(Change.begin(site.plan(*two_steps(site.tree)), actor="user ann"))
    transaction.decline("ann said no")
    assert list(transaction.advance()) == [Ended(Outcome.DECLINED, "ann said no")]
    assert site.state() == before


def test_what_has_begun_can_not_be_declined_nor_what_is_over_undone(site):
    transaction = site.begin(*two_steps(site.tree))
    events = transaction.advance()
    while transaction.change.actions[0].status != "ran":
        next(events)
    events.close()
    assert site.store.load("last").outcome is Outcome.INTERRUPTED
    with pytest.raises(UsageError, match="has begun"):
        transaction.decline("no")
    list(transaction.advance())
    assert transaction.change.outcome is Outcome.FIXED
    with pytest.raises(UsageError, match="is over: fixed"):
        transaction.turn_back("no")


def test_an_interrupted_change_can_be_taken_back(site):
    before = site.state()
    transaction = site.begin(*two_steps(site.tree))
    events = transaction.advance()
    while transaction.change.actions[1].status != "ran":
        next(events)
    events.close()
    again = site.resume(site.store.load("last"))
    again.turn_back("ann thought better of it")
    list(again.advance())
    assert again.change.outcome is Outcome.ROLLED_BACK
    assert again.change.reason == "ann thought better of it"
    assert site.state() == before


def test_a_host_that_was_restarted_in_mid_command_is_looked_at(site):
    """Locks and notes are in memory: after a restart nobody knows how the command ended."""
    transaction = site.begin(*two_steps(site.tree))
    events = transaction.advance()
    while transaction.change.actions[1].status != "running":
        next(events)
    next(events)  # it ran; the record does not say so yet
    events.close()
    change = site.store.load("last")
    change.actions[1].status, change.actions[1].run = "running", None
    for path in sorted(site.locks.rglob("*"), reverse=True):
        path.rmdir() if path.is_dir() else path.unlink()
    again = site.resume(change)
    list(again.advance())
    assert change.outcome is Outcome.FIXED_AFTER_RETRY
    assert (site.tree / "data").read_text() == "two"


def test_a_host_that_another_change_took_over_is_left_alone(site):
    transaction = site.begin(*two_steps(site.tree))
    events = transaction.advance()
    while transaction.change.actions[0].status != "ran":
        next(events)
    events.close()
    state = site.state()
    (site.locks / "debug-sme.lock").write_text("change other\n")
    again = site.resume(site.store.load("last"))
    (stood_still,) = again.advance()
    assert isinstance(stood_still, StoodStill)
    assert again.change.outcome is Outcome.NEEDS_HUMAN
    assert site.state() == state


@needs_root
def test_a_full_disk_breaks_the_change_but_not_its_undo(tmp_path):
    site = Site(tmp_path)
    subprocess.run(["mount", "-t", "tmpfs", "-o", "size=64k", "none", site.tree], check=True)
    try:
        fill(site.tree)
        (site.tree / "big").write_bytes(bytes(40_000))
        before = site.state()
        with site.hands:
            change, _ = site.carry_out(
                action(
                    f"cat /dev/zero >{site.tree}/big",
                    keep_files=(f"{site.tree}/big",),
                    verify=Verify(run=f"grep -q new {site.tree}/config"),
                )
            )
        assert "No space left" in change.actions[0].run.text
        assert change.outcome is Outcome.ROLLED_BACK
        assert site.state() == before
    finally:
        subprocess.run(["umount", site.tree], check=True)


CHECK = """
- id: storage.test-full
  title: "{f.mount} is full"
  subject: "{f.mount}"
  each: storage.filesystems as f
  when: f.mount == 'MOUNT' && f.used_percent >= 90.0
  severity: high
  remedy: Make room.
  fires: {storage: {filesystems: [{mount: MOUNT, used_percent: 95.0}]}}
  clear: {storage: {filesystems: [{mount: MOUNT, used_percent: 5.0}]}}
"""


@needs_root
@pytest.mark.parametrize(
    ("run", "outcome"), [("rm FULL", Outcome.FIXED), ("true", Outcome.ROLLED_BACK)]
)
def test_the_findings_have_to_clear_in_facts_observed_anew(tmp_path, run, outcome):
    site = Site(tmp_path)
    site.checks = parse_checks(CHECK.replace("MOUNT", str(site.tree)), "own.yaml")
    subprocess.run(["mount", "-t", "tmpfs", "-o", "size=1m", "none", site.tree], check=True)
    try:
        (site.tree / "full").write_bytes(bytes(1_000_000))
        finding = Finding(
            check="storage.test-full", host="localhost", subject=str(site.tree),
            severity="high", title="", remedy="",
        )  # fmt: skip
        with site.hands:
            change, _ = site.carry_out(
                action(
                    run.replace("FULL", f"{site.tree}/full"),
                    undo="true",
                    verify=Verify(when=f"storage.filesystems.exists(f, f.mount == '{site.tree}')"),
                ),
                must_clear=(MustClear(fingerprint=finding.fingerprint, check=finding.check),),
            )
        assert change.outcome is outcome
        assert (outcome is Outcome.FIXED) == (change.reason == "")
        assert ("still so" in change.reason) == (outcome is not Outcome.FIXED)
    finally:
        subprocess.run(["umount", site.tree], check=True)


def test_a_check_that_is_not_there_is_no_proof(site):
    change, _ = site.carry_out(
        action("true", undo="true"),
        must_clear=(MustClear(fingerprint="0" * 12, check="storage.gone"),),
    )
    assert change.outcome is Outcome.ROLLED_BACK
    assert "storage.gone: there is no such check" in change.reason


def test_outcomes_say_which_state_the_host_is_in():
    for outcome in Outcome:
        assert outcome.host_state
    assert {o for o in Outcome if not o.is_final} == {
        Outcome.HOST_LOST, Outcome.INTERRUPTED, Outcome.NEEDS_HUMAN,
    }  # fmt: skip


def test_a_plan_is_read_back_as_it_was_written(site):
    plan = site.plan(*two_steps(site.tree))
    assert Plan.model_validate_json(plan.model_dump_json()) == plan
