"""What the graph carries from node to node and checkpoints after each.

Everything else is in the incident, which is saved in the same step: the checkpoint says where the
investigation stands, the incident what it knows.
"""

from __future__ import annotations

from typing import Any, Literal, TypedDict, final

from sme_tools.hosts.purpose import Right


@final
class ProbeRequest(TypedDict):
    """Probes that the reasoner wants to see on one host, and why."""

    host: str
    probes: list[str]
    why: str


@final
class CommandRequest(TypedDict):
    """A command that the reasoner wants to see the output of, and why. The policy decides."""

    host: str
    command: str
    why: str


Request = ProbeRequest | CommandRequest


class AllowedCommand(TypedDict):
    """A command that may run, and by what right."""

    host: str
    command: str
    why: str
    verdict: Right
    reason: str
    approval: str | None


Goal = Literal["diagnose", "fix", "resume", "undo"]
"""diagnose: find out. fix: mend what was found. resume: go on with changes that stood still.
undo: take them back."""

Turn = Literal["approve", "fix", "verify", "undo", "roll out", "learn", "stop"]


class InvestigationState(TypedDict):
    """The state of the graph; JSON values alone, so that any version can read it."""

    incident_id: str
    goal: Goal
    round: int
    """How many looks at the hosts there have been; part of the evidence ids."""
    requests: list[Request]
    """What the next `act` is to do; empty: there is nothing left to test."""
    allowed: list[AllowedCommand]
    """Of the requests, the commands that may run."""
    wish: dict[str, Any]
    """What to mend, as `resolution.Wish` has it."""
    changes: list[str]
    """The ids of the changes, in the order of their hosts."""
    turn: Turn
    """What comes next once there are changes."""


def new_state(
    incident_id: str, goal: Goal = "diagnose", wish: dict[str, Any] | None = None
) -> InvestigationState:
    """The state before the first step."""
    return InvestigationState(
        incident_id=incident_id,
        goal=goal,
        round=0,
        requests=[],
        allowed=[],
        wish=wish or {},
        changes=[],
        turn="approve",
    )
