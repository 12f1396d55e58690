"""A change on one host, one step at a time. Each step is written down before it is done and after.

    transaction = Transaction(change, journal=…, hands=…, look=…)
    for event in transaction.advance():      # until it is over, stands still, or needs an approval
        show(event)

After a kill -9 at any moment a new Transaction over the stored change goes on where it was: it
finds out what became of a command that was running, and never begins one twice. `turn_back` before
`advance` undoes instead. The methods `prepare`, `apply` and `verify` are the same steps one by one;
`next_step` says whose turn it is. All are generators: nothing is done unless the events are taken.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Literal

from sme_tools.actions import kept_files
from sme_tools.actions.events import (
    Ended,
    Event,
    Held,
    Locked,
    PreStateTaken,
    Ran,
    Running,
    StoodStill,
    TurnedBack,
    Verified,
    Verifying,
)
from sme_tools.actions.host_lock import CANDIDATES, HostLock
from sme_tools.actions.journal import Change, Journal
from sme_tools.actions.outcome import Outcome
from sme_tools.actions.ports import Clock, Hands, Look, Sight, SystemClock
from sme_tools.actions.undoing import take_back
from sme_tools.actions.verification import Verification
from sme_tools.actions.workbench import Workbench, begin_back, describe, ending_of
from sme_tools.errors import CannotKeep, HostBusy, HostError, Interrupted, UsageError

StepName = Literal["approve", "lock", "prepare", "apply", "verify", "undo", "close"]


@dataclass(frozen=True)
class NextStep:
    """Whose turn it is."""

    name: StepName
    action: int = 0
    """The action, from 0; for `approve`, `prepare`, `apply` and `verify`."""


class Transaction:
    """Carries one change out, or takes it back."""

    def __init__(
        self,
        change: Change,
        *,
        journal: Journal,
        hands: Hands,
        look: Look,
        clock: Clock | None = None,
        lock_folders: tuple[str, ...] = CANDIDATES,
    ) -> None:
        self.change = change
        self._at = Workbench(change, journal, hands, look, clock or SystemClock())
        self._lock = HostLock(self._at, self._at.clock, lock_folders)
        self._locked = False

    @property
    def next_step(self) -> NextStep | None:
        """What comes next; None when the change is over."""
        change = self.change
        if change.phase == "ended":
            return None
        turn = self._turn()
        if turn.name in ("approve", "close") or self._locked:
            return turn
        return NextStep("lock")

    def _turn(self) -> NextStep:
        if self.change.phase != "open":
            return NextStep("undo" if self.change.phase == "back" else "close")
        for number, action in enumerate(self.change.actions):
            if action.approval is None:
                return NextStep("approve", number)
            match action.status:
                case "pending" | "preparing":
                    return NextStep("prepare", number)
                case "prepared" | "running":
                    return NextStep("apply", number)
                case "ran" | "verifying" | "holding":
                    return NextStep("verify", number)
        return NextStep("close")

    def advance(self) -> Iterator[Event]:
        """Go on until the change is over, stands still, or the next action needs an approval.

        Raises:
            StateError: the journal, or the audit log, can't be written: no more is done.
            Interrupted, KeyboardInterrupt: passed on; it is on record that it was stopped.
        """
        try:
            while (step := self.next_step) is not None and step.name != "approve":
                yield from self._do(step)
        except HostBusy as error:
            yield from self._busy(error)
        except HostError as error:
            yield from self._stand_still(Outcome.HOST_LOST, str(error))
        except (KeyboardInterrupt, Interrupted, GeneratorExit):
            for _ in self._stand_still(Outcome.INTERRUPTED, "it was stopped"):
                pass
            raise

    def _do(self, step: NextStep) -> Iterator[Event]:
        match step.name:
            case "lock":
                return self.lock()
            case "prepare":
                return self.prepare(step.action)
            case "apply":
                return self.apply(step.action)
            case "verify":
                return self.verify(step.action)
            case "undo":
                return self.undo()
            case _:
                return self.close()

    def approve(self, action: int, approval: str) -> None:
        """Note what allows an action. Raises StateError."""
        self.change.actions[action].approval = approval
        self._at.save()

    def decline(self, reason: str, outcome: Outcome = Outcome.DECLINED) -> None:
        """Note that nobody allowed it, or with REFUSED that the policy does not; then `advance`.

        Raises:
            UsageError: something was done already; `turn_back` is the way then.
        """
        if self.change.has_begun:
            raise UsageError(
                f"change {self.change.id} has begun, so it can't just be dropped",
                remedy="Go on with it, or take it back.",
            )
        self._end(outcome, reason)

    def turn_back(self, reason: str) -> None:
        """From here on take back what was done, also after a rollback that failed; then `advance`.

        Raises:
            UsageError: the change is over, and there is nothing to take back.
        """
        change = self.change
        if change.phase in ("ending", "ended") and change.outcome is not Outcome.ROLLBACK_FAILED:
            raise UsageError(f"change {change.id} is over: {change.outcome}")
        begin_back(change, reason)
        self._at.save()

    def lock(self) -> Iterator[Event]:
        """Lock the host, or find that this change holds the lock. Raises HostBusy, HostError."""
        self.change.epoch = self.change.epoch or ""  # from here on there may be a lock to give back
        self._at.save()
        lock, again = self._lock.take(self.change, self._approval())
        self.change.epoch, self.change.place = lock.epoch, lock.place
        self.change.outcome = None
        self._locked = True
        self._at.save()
        yield Locked(self.change.plan.host, again)

    def prepare(self, number: int) -> Iterator[Event]:
        """Record the former state. Raises HostError."""
        action, record = self.change.plan.actions[number], self.change.actions[number]
        record.status = "preparing"
        self._at.save()
        try:
            files = [
                kept_files.keep(
                    path,
                    name=f"fix.{number}.keep",
                    approval=self._at.approval(number),
                    hands=self._at,
                    clock=self._at.clock,
                )
                for path in action.keep_files
            ]
            record.before, evidence = self._at.pre_state(number, "before", "change")
            for output in record.before:
                if output.how != "completed":
                    raise CannotKeep(f"{output.command}: {describe(output)}", remedy="")
        except CannotKeep as error:
            record.status = "pending"
            yield from self._fail(
                f"the state before can't be recorded: {error.message}. {error.remedy}"
            )
            return
        self._at.journal.keep(self.change.id, number, files)
        record.files = [file.state for file in files]
        record.status = "prepared"
        self._at.save(evidence)
        yield PreStateTaken(number, len(record.before), len(files))

    def apply(self, number: int) -> Iterator[Event]:
        """Run the command, or find out what became of it. Raises HostError."""
        action, record = self.change.plan.actions[number], self.change.actions[number]
        if record.status != "running":
            record.status, record.epoch = "running", self.change.epoch
            self._at.save()
        yield Running(number, action.run)
        ending = self._at.follow(number, f"run.{number}", action.run, "begin", "change")
        if ending.begun is False:
            record.status = "prepared"
            yield from self._fail(f"{action.title}: it could not be begun: {ending.why}")
            return
        record.run = ending_of(action.run, ending)
        record.status = "ran"
        evidence = [ending.evidence] if ending.evidence else []
        failed = record.run.how == "completed" and not record.run.succeeded
        if failed:
            begin_back(self.change, f"{action.title}: {describe(record.run)}")
        self._at.save(evidence)
        yield Ran(number, record.run)
        if failed:
            yield TurnedBack(self.change.reason)

    def verify(self, number: int) -> Iterator[Event]:
        """Look whether it worked, and for its time whether it goes on to. Raises HostError."""
        action, record = self.change.plan.actions[number], self.change.actions[number]
        verification = self._verification(number)
        record.status = "verifying"
        self._at.save()
        for looked in verification.settled():
            yield Verifying(number, looked.sight.holds, looked.sight.why)
        record.verification = looked.sight.why
        if looked.sight.holds is not True:
            yield from self._fail(f"{action.title}: {looked.sight.why}", looked.sight)
            return
        record.status = "holding"
        self._at.save(looked.sight.evidence)
        for looked in verification.held():
            if looked.sight.holds is True:
                yield Held(number, looked.held_s, action.hold_s)
            else:
                yield Verifying(number, looked.sight.holds, looked.sight.why)
        record.verification = looked.sight.why
        if looked.sight.holds is not True:
            why = f"{action.title}: it did not last: {looked.sight.why}"
            yield from self._fail(why, looked.sight)
            return
        record.status, record.verification = "verified", f"held for {action.hold_s} s"
        assert record.run is not None
        self.change.retried |= record.run.how != "completed"
        if number == len(self.change.actions) - 1:
            self.change.phase = "ending"
            self.change.outcome = (
                Outcome.FIXED_AFTER_RETRY if self.change.retried else Outcome.FIXED
            )
        self._at.save(looked.sight.evidence)
        yield Verified(number)

    def undo(self) -> Iterator[Event]:
        """Take back what was done, after `turn_back` or a failure. Raises HostError."""
        return take_back(self._at)

    def close(self) -> Iterator[Event]:
        """Give the lock back and drop what was kept for an undo. Raises HostError."""
        change = self.change
        assert change.outcome is not None
        if change.epoch is not None:
            self._lock.give_back(change.id, self._approval())
        if change.outcome.ended_well:
            self._at.journal.forget(change.id)
        change.phase, change.epoch, change.place = "ended", None, None
        change.ended_at = datetime.now(UTC)
        self._locked = False
        self._at.save()
        yield Ended(change.outcome, change.reason)

    def _verification(self, number: int) -> Verification:
        plan = self.change.plan
        is_last = number == len(plan.actions) - 1
        return Verification(
            plan.actions[number],
            plan.must_clear if is_last else (),
            f"fix.{number}.verify",
            self._at.approval(number),
            self._at,
            self._at.look,
            self._at.clock,
        )

    def _fail(self, reason: str, sight: Sight | None = None) -> Iterator[Event]:
        """Nothing more is done; what was done is taken back."""
        begin_back(self.change, reason)
        self._at.save(sight.evidence if sight else ())
        yield TurnedBack(reason)

    def _busy(self, error: HostBusy) -> Iterator[Event]:
        if self.change.has_begun:
            yield from self._stand_still(Outcome.NEEDS_HUMAN, f"{error} {error.remedy}")
            return
        self._end(Outcome.REFUSED, f"{error} {error.remedy}")
        yield from self.close()

    def _stand_still(self, outcome: Outcome, reason: str) -> Iterator[Event]:
        self._locked = False
        if self.change.phase in ("open", "back"):
            self.change.outcome = outcome
            if self.change.phase == "open":
                self.change.reason = reason
            self._at.save()
        yield StoodStill(outcome, reason)

    def _end(self, outcome: Outcome, reason: str) -> None:
        self.change.phase, self.change.outcome, self.change.reason = "ending", outcome, reason
        self._at.save()

    def _approval(self) -> str:
        """What allows to lock: the first approval there is. Raises ValueError."""
        approvals = [action.approval for action in self.change.actions if action.approval]
        if not approvals:
            raise ValueError(f"change {self.change.id} is not approved")
        return approvals[0]
