"""What the graph carries from node to node and checkpoints after each.

Everything else is in the incident, which is saved in the same step: the checkpoint says where the
investigation stands, the incident what it knows.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Literal, NotRequired, TypedDict, final

from sme_tools.hosts.purpose import Right


@final
class ProbeRequest(TypedDict):
    """Probes that the reasoner wants to see on one host, and why."""

    host: str
    probes: list[str]
    why: str
    call: NotRequired[str]
    """The id under which a model asked for it."""


@final
class CommandRequest(TypedDict):
    """A command that the reasoner wants to see the output of, and why. The policy decides."""

    host: str
    command: str
    why: str
    call: NotRequired[str]
    """The id under which a model asked for it."""


Request = ProbeRequest | CommandRequest


class AllowedCommand(TypedDict):
    """A command that may run, and by what right."""

    host: str
    command: str
    why: str
    verdict: Right
    reason: str
    approval: str | None
    call: NotRequired[str]


class CallAnswer(TypedDict):
    """What came of a request that a model made."""

    call: str
    evidence: list[str]
    """Ids of the evidence that it brought."""
    failed: str
    """Why it brought none; empty if it did."""
    changes: list[str]
    """Ids of the changes that it led to."""


Goal = Literal["diagnose", "talk", "fix", "resume", "undo"]
"""diagnose: find out. talk: answer a person, who may want something found out or mended. fix: mend
what was found. resume: go on with changes that stood still. undo: take them back."""

Ending = Literal["", "analyze", "concluded", "answered"]
"""How the reasoner ended: not yet; by leaving the diagnosis to rules; with a diagnosis of its own;
with an answer to a person."""

Turn = Literal["approve", "fix", "verify", "undo", "roll out", "learn", "stop"]


class InvestigationState(TypedDict):
    """The state of the graph; JSON values alone, so that any version can read it."""

    incident_id: str
    goal: Goal
    look: list[str]
    """The hosts to look at before anything else."""
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
    answers: list[CallAnswer]
    """What came of the last requests; the reasoner hears it next."""
    fixing: str
    """The id of the call by which a model proposed the changes."""
    made: list[str]
    """The ids of all changes of this run."""
    ending: Ending


def new_state(
    incident_id: str,
    goal: Goal = "diagnose",
    wish: dict[str, Any] | None = None,
    look: Sequence[str] = (),
    round: int = 0,
) -> InvestigationState:
    """The state before the first step; `round` is that of the latest evidence."""
    return InvestigationState(
        incident_id=incident_id,
        goal=goal,
        look=list(look),
        round=round,
        requests=[],
        allowed=[],
        wish=wish or {},
        changes=[],
        turn="approve",
        answers=[],
        fixing="",
        made=[],
        ending="",
    )
