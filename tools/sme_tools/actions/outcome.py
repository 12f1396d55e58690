"""How a change ended, and which state the host is in then."""

from __future__ import annotations

from enum import StrEnum
from typing import Literal

HostState = Literal["unchanged", "new", "former", "between", "unknown"]
"""unchanged: nothing was done; new: the change is in place; former: it was taken back;
between: some steps are in place, and the record says which; unknown: it can't be looked at."""


STATE_IN_WORDS: dict[HostState, str] = {
    "unchanged": "nothing was done to the host",
    "new": "the change is in place",
    "former": "the host is as it was before",
    "between": "the host is neither as it was nor as it should be",
    "unknown": "which state the host is in is not known",
}


class Outcome(StrEnum):
    """How a change ended, or why it stands still."""

    FIXED = "fixed"
    """New: every step ran, its verification held for its time, and the findings are clear."""
    FIXED_AFTER_RETRY = "fixed_after_retry"
    """New, verified and held; but the ending of some step had to be found out by looking, since
    the connection broke, its time was up, or sme itself was stopped."""
    ROLLED_BACK = "verification_failed_rolled_back"
    """Former: a step failed or did not hold, and every step that had begun was taken back."""
    KEPT = "verification_failed_kept"
    """Between: a step failed or did not hold, and some step that had begun has no undo; it is left
    as it is, all others were taken back."""
    ROLLBACK_FAILED = "rollback_failed"
    """Between: an undo failed. The record lists the steps that were not taken back."""
    CANNOT_FIX = "cannot_fix"
    """Unchanged: nothing could be begun, mostly since the former state could not be recorded."""
    DECLINED = "declined"
    """Unchanged: somebody was asked and said no."""
    REFUSED = "refused"
    """Unchanged: the policy, or a lock that another change holds, does not let it begin."""
    HOST_LOST = "host_lost"
    """Unknown: the host can't be reached in mid-change. Not over: resume or undo it."""
    INTERRUPTED = "interrupted"
    """Between: sme was stopped in mid-change. Not over: resume or undo it."""
    NEEDS_HUMAN = "needs_human"
    """Between: another change took the host over in mid-change, so neither going on nor undoing is
    safe. Not over: once the host is free it can be resumed or undone."""

    @property
    def is_final(self) -> bool:
        """Whether the change is over; otherwise it waits to be resumed or undone."""
        return self not in (Outcome.HOST_LOST, Outcome.INTERRUPTED, Outcome.NEEDS_HUMAN)

    @property
    def host_state(self) -> HostState:
        """Which state the host is in."""
        return _HOST_STATE[self]

    @property
    def ended_well(self) -> bool:
        """Whether nothing is left to put right: what was kept for an undo can go."""
        return self.is_final and self.host_state != "between"


_HOST_STATE: dict[Outcome, HostState] = {
    Outcome.FIXED: "new",
    Outcome.FIXED_AFTER_RETRY: "new",
    Outcome.ROLLED_BACK: "former",
    Outcome.KEPT: "between",
    Outcome.ROLLBACK_FAILED: "between",
    Outcome.CANNOT_FIX: "unchanged",
    Outcome.DECLINED: "unchanged",
    Outcome.REFUSED: "unchanged",
    Outcome.HOST_LOST: "unknown",
    Outcome.INTERRUPTED: "between",
    Outcome.NEEDS_HUMAN: "between",
}
