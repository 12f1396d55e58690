"""What an investigation tells while it goes on. Every face reads the same stream of events."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from sme_agent.llm.events import LlmEvent
from sme_agent.questions import Question
from sme_knowledge.known_issue import KnownIssue
from sme_memory.incident import Incident, Step
from sme_tools.actions.events import Event as ChangeEvent
from sme_tools.actions.plan import Action, Plan
from sme_tools.safety.decision import Decision


@dataclass(frozen=True)
class StepStarted:
    """The investigation enters a step of the method."""

    step: Step
    text: str


@dataclass(frozen=True)
class CommandDone:
    """One command on one host has ended."""

    host: str
    command: str
    """The id of the probe; where it is none, its text."""
    exit_code: int | None
    duration_s: float
    done: int
    total: int
    evidence: str | None = None
    """The id of what it said, where it is no probe."""


@dataclass(frozen=True)
class CommandStarted:
    """A command that is no probe begins to run."""

    host: str
    command: str


@dataclass(frozen=True)
class ToolUsed:
    """A tool of the model's that touches no host has done its work."""

    call: str
    name: str
    about: str
    """What it was used for, in one line."""
    result: str
    """What the model was told."""
    duration_s: float
    failed: bool = False


@dataclass(frozen=True)
class PersonAsked:
    """The model wants to know something of the person; the next message answers it."""

    question: str
    choices: tuple[str, ...] = ()


@dataclass(frozen=True)
class LimitNear:
    """A limit of this turn comes near, or is reached."""

    text: str


@dataclass(frozen=True)
class Nudged:
    """The model went in circles, and was told so."""

    reason: str
    tools_left: bool
    """Whether it may use tools on."""


@dataclass(frozen=True)
class RulesGoOn:
    """No model answers; the rule reasoner goes on."""

    reason: str
    remedy: str


@dataclass(frozen=True)
class Compacted:
    """Older parts of the conversation were made shorter, so that it fits the model."""

    before: int
    """Tokens."""
    after: int


@dataclass(frozen=True)
class Learned:
    """What the model proposed to keep of this incident."""

    kind: Literal["new", "update", "skip"]
    issue: str
    """The id of the known issue; empty if nothing is kept."""
    reason: str
    path: str = ""
    """Where the candidate was written."""


@dataclass(frozen=True)
class HostFailed:
    """A host could not be reached, or was lost; the others go on."""

    host: str
    reason: str
    remedy: str


@dataclass(frozen=True)
class NotKept:
    """There is a diagnosis, but our own disk did not take all of it."""

    reason: str
    remedy: str


@dataclass(frozen=True)
class Concluded:
    """The investigation is over; the incident holds the diagnosis."""

    incident: Incident


@dataclass(frozen=True)
class Denied:
    """A command that the reasoner wanted does not run."""

    host: str
    command: str
    reason: str


@dataclass(frozen=True)
class PlannedAction:
    """One step of a plan and what the policy says of it."""

    action: Action
    verdict: str
    decision: Decision


@dataclass(frozen=True)
class Planned:
    """What is to be done on one host, or to be gone on with; nothing of it is done yet by this."""

    change: str
    """The id of its record."""
    plan: Plan
    digest: str
    """`--approve DIGEST` approves exactly this plan."""
    actions: tuple[PlannedAction, ...]
    issue: KnownIssue | None = None
    """The known issue whose resolution it is; None if it is not known any more."""


@dataclass(frozen=True)
class Unplanned:
    """There is nothing that could be carried out on a host."""

    host: str
    reason: str
    remedy: str


@dataclass(frozen=True)
class Changing:
    """A change on one host goes on, stands still or is over."""

    host: str
    change: str
    event: ChangeEvent


@dataclass(frozen=True)
class Asked:
    """A question that nobody could answer now; the change waits for it."""

    question: Question


Event = (
    StepStarted
    | CommandStarted
    | CommandDone
    | ToolUsed
    | PersonAsked
    | LimitNear
    | Nudged
    | RulesGoOn
    | Compacted
    | Learned
    | LlmEvent
    | HostFailed
    | NotKept
    | Denied
    | Planned
    | Unplanned
    | Changing
    | Asked
    | Concluded
)
