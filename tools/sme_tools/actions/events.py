"""What a transaction tells a face while it works. `action` is the number of the action, from 0."""

from __future__ import annotations

from dataclasses import dataclass

from sme_tools.actions.journal import Output
from sme_tools.actions.outcome import Outcome


@dataclass(frozen=True)
class Locked:
    """The host is locked for this change."""

    host: str
    again: bool
    """Whether the change held the lock before: it goes on after a stop."""


@dataclass(frozen=True)
class PreStateTaken:
    """The former state is on record."""

    action: int
    commands: int
    files: int


@dataclass(frozen=True)
class Running:
    """The command is about to run, or its ending is waited for."""

    action: int
    command: str


@dataclass(frozen=True)
class Ran:
    """The command ended."""

    action: int
    output: Output


@dataclass(frozen=True)
class Verifying:
    """One look at whether it worked."""

    action: int
    holds: bool | None
    """None: it can't be told."""
    why: str


@dataclass(frozen=True)
class Held:
    """The verification is true, and has been for so long."""

    action: int
    held_s: float
    of_s: float


@dataclass(frozen=True)
class Verified:
    """The action worked, and it held."""

    action: int


@dataclass(frozen=True)
class TurnedBack:
    """Something failed; what was done is taken back."""

    reason: str


@dataclass(frozen=True)
class Undoing:
    """An action is about to be taken back."""

    action: int


@dataclass(frozen=True)
class Undone:
    """An action was taken back."""

    action: int
    differs: tuple[str, ...]
    """What looks other than before all the same."""


@dataclass(frozen=True)
class NotUndone:
    """An action was not taken back: its undo failed, or there is none."""

    action: int
    why: str


@dataclass(frozen=True)
class StoodStill:
    """It can't go on now, and waits to be resumed or undone."""

    outcome: Outcome
    reason: str


@dataclass(frozen=True)
class Ended:
    """It is over."""

    outcome: Outcome
    reason: str


Event = (
    Locked
    | PreStateTaken
    | Running
    | Ran
    | Verifying
    | Held
    | Verified
    | TurnedBack
    | Undoing
    | Undone
    | NotUndone
    | StoodStill
    | Ended
)
