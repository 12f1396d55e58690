"""What decides the next step of an investigation."""

from __future__ import annotations

from typing import Protocol

from sme_agent.case import Case
from sme_agent.state import ProbeRequest


class Reasoner(Protocol):
    """Keeps the hypothesis board and says what to look at next. Implementation: rules."""

    name: str

    def reason(self, case: Case) -> list[ProbeRequest]:
        """Bring the board (`case.incident.hypotheses`) up to date and ask for the next probes.

        An empty list ends the search: what is known must do.
        """
        ...
