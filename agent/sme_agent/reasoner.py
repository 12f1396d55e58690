"""What decides the next step of an investigation."""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Protocol

from sme_agent.case import Case
from sme_agent.events import Event
from sme_agent.resolution import Wish
from sme_agent.state import Request
from sme_knowledge.retrieval import Retriever
from sme_memory.incident import Diagnosis
from sme_memory.incidents import IncidentStore
from sme_tools.hosts.evidence import Evidence


@dataclass(frozen=True)
class Desk:
    """What a reasoner works with besides the case."""

    tell: Callable[[Event], None]
    """Tells the faces what goes on."""
    cancelled: threading.Event
    retriever: Retriever
    incidents: IncidentStore
    talks: bool = False
    """Whether a person waits for an answer, and not for a diagnosis alone."""
    may_fix: bool = False
    """Whether a person is there who can decide on a change."""


@dataclass(frozen=True)
class Next:
    """What is to be done next. With nothing in it the search is over: what is known must do."""

    requests: list[Request] = field(default_factory=list)
    """What to look at on the hosts."""
    fix: Wish | None = None
    """What to mend; the person is asked first."""
    call: str = ""
    """The id of the call by which a model wants that."""
    conclusion: Diagnosis | None = None
    """The diagnosis; None: it is made by rules."""
    answered: bool = False
    """Whether a person has got an answer, and nothing is to be diagnosed."""


class Reasoner(Protocol):
    """Keeps the hypothesis board and says what to do next. Implementations: rules, a model."""

    @property
    def name(self) -> str:
        """Who reasons, as the audit log has it: `rules`, `model deepseek/deepseek-chat`."""
        ...

    @property
    def is_model(self) -> bool:
        """Whether what it wants may come from what a host said, and not from this program."""
        ...

    def hear(self, case: Case, text: str, attached: Sequence[Evidence] = ()) -> None:
        """Take in what a person says and brings along; the next `reason` answers it."""
        ...

    def reason(self, case: Case, desk: Desk) -> Next:
        """Bring the board (`case.incident.hypotheses`) up to date and say what to do next.

        A command that the policy lets run, or a person, is in `case.evidence` the next time; one
        that did not run is in `case.denied`, with the reason. `case.answers` tells both by call.
        """
        ...

    def learn(self, case: Case, desk: Desk) -> None:
        """Keep what the incident taught, once it is diagnosed or mended."""
        ...
