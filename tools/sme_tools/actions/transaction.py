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

from collections.abc import Generator, Iterator
from contextlib import closing
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Literal

from sme_tools.actions.carrying_out import apply, prepare, verify
from sme_tools.actions.errands import PATIENCE_S
from sme_tools.actions.events import Ended, Event, Locked, StoodStill
from sme_tools.actions.host_lock import CANDIDATES, HeldLock, HostLock
from sme_tools.actions.journal import Change, Journal
from sme_tools.actions.outcome import Outcome
from sme_tools.actions.ports import Clock, Hands, Look, SystemClock
from sme_tools.actions.undoing import take_back
from sme_tools.actions.workbench import Workbench, begin_back
from sme_tools.errors import HostBusy, HostError, HostLost, Interrupted, UsageError

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
        self.stands_still = False
        """Whether the last step could not be done: also where it only was to give the lock back,
        and the outcome is a final one. Don't go on at once."""

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
        while (step := self.next_step) is not None and step.name != "approve":
            with closing(self.step()) as events:
                yield from events
            if self.stands_still:
                return

    def step(self) -> Generator[Event, None, None]:
        """Do what comes next, and no more; it gives no approval. Raises as `advance`."""
        step = self.next_step
        if step is None or step.name == "approve":
            return
        self.stands_still = False
        try:
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
        """Lock the host, or find that this change holds the lock. Raises HostBusy, HostError.

        A host that can't be reached when it is locked for the first time is unchanged for certain:
        then the change is over.
        """
        is_first = self.change.epoch is None and not self.change.has_begun
        self.change.epoch = self.change.epoch or ""  # from here on there may be a lock to give back
        self._at.save()
        try:
            lock, again = self._take(0 if is_first else PATIENCE_S)
        except HostLost:
            lock, again = self._take(PATIENCE_S)  # the answer was lost, and there may be a lock
        except HostBusy:
            raise
        except HostError as error:
            if not is_first:
                raise
            self.change.epoch = None
            self._end(Outcome.CANNOT_FIX, str(error))
            return
        self.change.epoch, self.change.place = lock.epoch, lock.place
        self.change.outcome = None
        self._locked = True
        self._at.save()
        yield Locked(self.change.plan.host, again)

    def _take(self, patience_s: float) -> tuple[HeldLock, bool]:
        return self._lock.take(self.change, self._approval(), patience_s)

    def prepare(self, number: int) -> Iterator[Event]:
        """Record the former state. Raises HostError."""
        return prepare(self._at, number)

    def apply(self, number: int) -> Iterator[Event]:
        """Run the command, or find out what became of it. Raises HostError."""
        return apply(self._at, number)

    def verify(self, number: int) -> Iterator[Event]:
        """Look whether it worked, and for its time whether it goes on to. Raises HostError."""
        return verify(self._at, number)

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

    def _busy(self, error: HostBusy) -> Iterator[Event]:
        if self.change.has_begun:
            yield from self._stand_still(Outcome.NEEDS_HUMAN, f"{error} {error.remedy}")
            return
        self._end(Outcome.REFUSED, f"{error} {error.remedy}")
        yield from self.close()

    def _stand_still(self, outcome: Outcome, reason: str) -> Iterator[Event]:
        self._locked = False
        self.stands_still = True
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
