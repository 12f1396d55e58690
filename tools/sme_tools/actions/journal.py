"""The record of a change. It is written before each thing is done, and after it with the result.

    change   open ──────────► back (a step failed) ──► ending (outcome known) ──► ended
    action   pending → preparing → prepared → running → ran → verifying → holding → verified
                                                 └──────┴────────┴─────────┴──► undoing
                                                             → undone | undo_failed | skipped

`skipped`: it had begun, but nothing is known that takes it back.
"""

from __future__ import annotations

import secrets
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Literal, Protocol

from pydantic import BaseModel, ConfigDict, Field

from sme_tools.actions.outcome import Outcome
from sme_tools.actions.plan import Plan
from sme_tools.hosts.evidence import Evidence

MAX_OUTPUT_CHARS = 64 * 1024

Status = Literal[
    "pending",
    "preparing",
    "prepared",
    "running",
    "ran",
    "verifying",
    "holding",
    "verified",
    "undoing",
    "undone",
    "undo_failed",
    "skipped",
]
MAY_HAVE_BEGUN: frozenset[Status] = frozenset(
    ("running", "ran", "verifying", "holding", "verified", "undoing", "undo_failed")
)
"""Where the command may have done something that is not taken back yet."""

Phase = Literal["open", "back", "ending", "ended"]
How = Literal["completed", "timed-out", "stopped", "unknown"]
"""How a command ended. unknown: it began, and nobody saw its end; nothing of it runs any more."""


class _Record(BaseModel):
    model_config = ConfigDict(extra="forbid")


class Output(_Record):
    """What a command printed and how it ended."""

    command: str
    how: How
    exit_code: int | None = None
    """None unless it completed."""
    text: str = ""
    """Both streams, at most MAX_OUTPUT_CHARS of them, free of secrets."""
    evidence: str | None = None

    @property
    def succeeded(self) -> bool:
        """Whether it came to its end with exit code 0."""
        return self.how == "completed" and self.exit_code == 0

    def same_as(self, other: Output) -> bool:
        """Whether the other printed and returned the same."""
        return (self.how, self.exit_code, self.text) == (other.how, other.exit_code, other.text)


class FileState(_Record):
    """A file as it was, without its contents."""

    path: str
    exists: bool
    mode: int = 0
    uid: int = 0
    gid: int = 0
    size: int = 0
    digest: str = ""
    """`CRC LENGTH`, as cksum(1) of POSIX prints it."""


class KeptFile(_Record):
    """A file as it was, with its contents. Never shown, never evidence."""

    state: FileState
    contents: bytes = Field(default=b"", repr=False)


class ActionRecord(_Record):
    """How far one action came."""

    status: Status = "pending"
    approval: str | None = None
    before: list[Output] = Field(default_factory=list)
    files: list[FileState] = Field(default_factory=list)
    epoch: str | None = None
    """The lock under which the command was begun. Under another one nobody knows its end."""
    run: Output | None = None
    verification: str = ""
    """What the last look at it said."""
    undo: Output | None = None
    undo_attempts: int = 0
    after: list[Output] = Field(default_factory=list)
    differs: list[str] = Field(default_factory=list)
    """What looks other than before, after the undo: commands of `pre_state`, and files."""


class Change(_Record):
    """One plan being carried out on one host."""

    id: str
    incident: str | None = None
    plan: Plan
    actor: str
    """Who or what asked for it: `user ann`, `rules`."""
    phase: Phase = "open"
    epoch: str | None = None
    """Of the lock on the host; "" while it is being taken, None before that and once it is given
    back."""
    place: str | None = None
    """The folder on the host where the change keeps its notes."""
    actions: list[ActionRecord]
    reason: str = ""
    """Why it was taken back, or stands still."""
    retried: bool = False
    """Whether some ending had to be found out by looking."""
    round: int = 1
    """Of the next evidence; ids are unique in an incident, so it goes on from the incident's."""
    outcome: Outcome | None = None
    """Set when it is over, or stands still; None while it is under way."""
    started_at: datetime
    ended_at: datetime | None = None

    @classmethod
    def begin(
        cls,
        plan: Plan,
        *,
        actor: str,
        approvals: Sequence[str] = (),
        incident: str | None = None,
        round: int = 1,
    ) -> Change:
        """A new change; its id sorts by time and is unique across machines.

        `approvals`: one for each action, or one for all of them; none yet if each is asked for in
        its turn.
        """
        now = datetime.now(UTC)
        if len(approvals) not in (0, 1, len(plan.actions)):
            raise ValueError(f"{len(plan.actions)} actions, but {len(approvals)} approvals")
        given: list[str | None] = [*approvals] if approvals else [None]
        if len(given) == 1:
            given *= len(plan.actions)
        return cls(
            id=f"{now:%Y%m%d-%H%M%S}-{secrets.token_hex(4)}",
            incident=incident,
            plan=plan,
            actor=actor,
            actions=[ActionRecord(approval=id) for id in given],
            round=round,
            started_at=now,
        )

    @property
    def has_begun(self) -> bool:
        """Whether any command may have done something, taken back or not."""
        return any(a.status not in ("pending", "preparing", "prepared") for a in self.actions)

    @property
    def not_taken_back(self) -> list[int]:
        """The numbers of the actions that began and were not undone, from 0."""
        return [
            number
            for number, action in enumerate(self.actions)
            if action.status in MAY_HAVE_BEGUN or action.status == "skipped"
        ]


class Journal(Protocol):
    """Keeps changes. What a method has returned from survives a kill -9 and a power cut."""

    def save(self, change: Change, evidence: Sequence[Evidence] = ()) -> None:
        """Store the change as it is now, with the evidence that came; all of it, or none."""
        ...

    def keep(self, change: str, action: int, files: Sequence[KeptFile]) -> None:
        """Keep files as they were, in the place of what was kept for this action before."""
        ...

    def kept(self, change: str, action: int) -> list[KeptFile]:
        """The files kept for an action."""
        ...

    def forget(self, change: str) -> None:
        """Drop the contents of all files that were kept for the change."""
        ...
