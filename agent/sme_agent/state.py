"""What the graph carries from node to node and checkpoints after each.

Everything else is in the incident, which is saved in the same step: the checkpoint says where the
investigation stands, the incident what it knows.
"""

from __future__ import annotations

from typing import TypedDict


class ProbeRequest(TypedDict):
    """Probes that the reasoner wants to see on one host, and why."""

    host: str
    probes: list[str]
    why: str


class InvestigationState(TypedDict):
    """The state of the graph; JSON values alone, so that any version can read it."""

    incident_id: str
    round: int
    """How many looks at the hosts there have been; part of the evidence ids."""
    requests: list[ProbeRequest]
    """What the next `act` is to do; empty: there is nothing left to test."""


def new_state(incident_id: str) -> InvestigationState:
    """The state before the first step."""
    return InvestigationState(incident_id=incident_id, round=0, requests=[])
