"""What an investigation tells while it goes on. Every face reads the same stream of events."""

from __future__ import annotations

from dataclasses import dataclass

from sme_memory.incident import Incident, Step


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
    """The id of the probe."""
    exit_code: int | None
    duration_s: float
    done: int
    total: int


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


Event = StepStarted | CommandDone | HostFailed | NotKept | Concluded
