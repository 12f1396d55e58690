"""What a transaction needs from outside: hands to run commands, eyes to look anew, a clock."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Literal, Protocol

from sme_tools.actions.plan import MustClear
from sme_tools.hosts.evidence import Evidence

Kind = Literal["own look", "change", "undo"]


@dataclass(frozen=True)
class Errand:
    """One command for the host."""

    name: str
    """What its evidence is called: `fix.0.run`."""
    command: str
    """Shell text, at most about 100 KB: the kernel's limit for one argument."""
    why: str
    """One line for the audit log."""
    kind: Kind
    """own look: fixed read-only text of this program. Anything else comes from an approved plan, or
    carries it out; undo: it takes back, and must run even where the audit log can't be written."""
    approval: str | None = None
    """What allows it. None for an own look."""
    timeout_s: int = 30
    record_as: str | None = None
    """What evidence and audit log say in its place: where it is fixed text of this program around a
    command, or carries the contents of a file."""
    round: int = 1
    """Tells its evidence from that of other looks of the same name; the transaction counts."""


class Hands(Protocol):
    """Runs commands on one host, with as much right as the inventory grants."""

    def run(self, errand: Errand) -> Evidence:
        """Run it and return what it printed. After a lost connection the next call connects anew.

        Raises:
            HostError: as `Transport.run`.
        """
        ...


@dataclass(frozen=True)
class Sight:
    """What one look at a host showed."""

    holds: bool | None
    """Whether all that was asked is so; None if it can't be told."""
    why: str
    """What does not hold, or can't be told; one line."""
    evidence: tuple[Evidence, ...] = field(default=(), repr=False)


class Look(Protocol):
    """Observes one host anew."""

    def look(self, when: str | None, must_clear: Sequence[MustClear], round: int) -> Sight:
        """Whether the condition holds (None: none is asked) and those findings are gone.

        A condition or check that can't be judged is no answer. `round` is the evidence's.

        Raises:
            HostError: as `Transport.run`.
        """
        ...


class Clock(Protocol):
    """Time for waiting."""

    def now(self) -> float:
        """Seconds since some beginning; never goes back."""
        ...

    def sleep(self, seconds: float) -> None:
        """Let so much time pass."""
        ...


class SystemClock:
    """The machine's own time."""

    def now(self) -> float:
        """See `Clock.now`."""
        return time.monotonic()

    def sleep(self, seconds: float) -> None:
        """See `Clock.sleep`."""
        time.sleep(seconds)
