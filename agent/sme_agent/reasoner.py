"""What decides the next step of an investigation."""

from __future__ import annotations

from typing import Protocol

from sme_agent.case import Case
from sme_agent.state import Request


class Reasoner(Protocol):
    """Keeps the hypothesis board and says what to look at next. Implementation: rules."""

    name: str

    def reason(self, case: Case) -> list[Request]:
        """Bring the board (`case.incident.hypotheses`) up to date and ask for what to look at next.

        A command that the policy lets run, or a person, is in `case.evidence` the next time; one
        that did not run is in `case.denied`, with the reason.

        An empty list ends the search: what is known must do.
        """
        ...
