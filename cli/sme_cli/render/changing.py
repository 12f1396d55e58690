"""What is told of a change while it goes on: quiet lines, and what the live line says."""

from __future__ import annotations

import time
from dataclasses import dataclass, field

from sme_agent.events import Changing, Planned
from sme_tools.actions.events import (
    Event,
    Held,
    Locked,
    NotUndone,
    PreStateTaken,
    Ran,
    Running,
    TurnedBack,
    Undoing,
    Undone,
    Verified,
    Verifying,
)
from sme_tools.actions.journal import Output
from sme_tools.actions.plan import Plan
from sme_tools.safety.control import one_line

SHOWN_CHARACTERS = 200
"""Of what a host says about a step that does not work yet."""


def waited_for(event: Event) -> str | None:
    """What a change waits for after this event; None where that has not changed."""
    match event:
        case Locked():
            return "keeps the former state"
        case Running(action):
            return f"{action + 1}. runs"
        case Ran(action):
            return f"{action + 1}. verification"
        case Verifying(action, holds, why):
            return f"{action + 1}. " + ("verified" if holds else f"waiting for it: {one_line(why)}")
        case Held(action, held_s, of_s):
            return f"{action + 1}. held {held_s:.0f} of {of_s:.0f} s"
        case Undoing(action):
            return f"{action + 1}. is taken back"
        case _:
            return None


@dataclass
class Told:
    """Turns the events of changes into lines, each of them once."""

    plans: dict[str, Plan] = field(default_factory=dict)
    """By the id of the change."""
    _began: dict[str, float] = field(default_factory=dict)
    _waits_for: dict[str, str] = field(default_factory=dict)

    def learn(self, planned: Planned) -> None:
        """Know the titles of a plan's steps."""
        self.plans[planned.change] = planned.plan

    def line(self, changing: Changing) -> str | None:
        """The line that is worth keeping, if there is one."""
        said = self._said(changing.change, changing.event)
        return f"{one_line(changing.host)}: {said}" if said else None

    def _said(self, change: str, event: Event) -> str | None:
        match event:
            case Locked(_, again):
                return "goes on; it is still locked for this change" if again else None
            case PreStateTaken(action, commands, files):
                return f"{self._title(change, action)}: {_kept(commands, files)}"
            case Running():
                self._began[change] = time.monotonic()
            case Ran(action, output):
                return f"{action + 1}. ran: {_ended(output)}{self._lasted(change)}"
            case Verifying(action, holds, why):
                return self._verifying(change, action, holds, one_line(why))
            case Verified(action):
                hold_s = self._hold_s(change, action)
                return f"{action + 1}. verified" + (f", and held for {hold_s} s" if hold_s else "")
            case _:
                return self._of_undoing(change, event)
        return None

    def _of_undoing(self, change: str, event: Event) -> str | None:
        match event:
            case TurnedBack(reason):
                return f"is taken back: {one_line(reason)}"
            case Undone(action, differs):
                but = f", but this differs: {one_line(', '.join(differs))}" if differs else ""
                return f"{action + 1}. undone{but}"
            case NotUndone(action, why):
                return f"{action + 1}. not undone: {one_line(why)}"
            case _:
                return None

    def _verifying(self, change: str, action: int, holds: bool | None, why: str) -> str | None:
        if holds or self._waits_for.get(change) == why:
            return None
        self._waits_for[change] = why
        doubt = "can't be told yet" if holds is None else "not yet"
        return f"{action + 1}. {doubt}: {why[:SHOWN_CHARACTERS]}"

    def _title(self, change: str, action: int) -> str:
        plan = self.plans.get(change)
        return f"{action + 1}. {one_line(plan.actions[action].title)}" if plan else f"{action + 1}."

    def _hold_s(self, change: str, action: int) -> int:
        plan = self.plans.get(change)
        return plan.actions[action].hold_s if plan else 0

    def _lasted(self, change: str) -> str:
        began = self._began.pop(change, None)
        return "" if began is None else f", after {time.monotonic() - began:.1f} s"


def _kept(commands: int, files: int) -> str:
    parts = [f"{files} file{'' if files == 1 else 's'}"] if files else []
    parts += [f"the output of {commands} command{'' if commands == 1 else 's'}"] if commands else []
    return f"kept: {' and '.join(parts)}" if parts else "begins; there is nothing to keep"


def _ended(output: Output) -> str:
    match output.how:
        case "completed":
            return f"exit code {output.exit_code}"
        case "timed-out":
            return "its time was up"
        case "stopped":
            return "it was stopped"
        case "unknown":
            return "nobody knows how it ended"
