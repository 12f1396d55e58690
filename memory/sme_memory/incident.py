"""An incident: one investigation from symptom to resolution."""

from __future__ import annotations

import secrets
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field

from sme_tools.actions.outcome import Outcome
from sme_tools.checks.finding import Finding

Priority = Literal["P0", "P1", "P2", "P3"]
"""P0: down; P1: degraded; P2: minor; P3: a question."""

IncidentStatus = Literal["open", "diagnosed", "interrupted", "failed", "resolved"]
HypothesisStatus = Literal["open", "confirmed", "refuted", "inconclusive"]
Verdict = Literal["healthy", "cause-found", "cause-unknown", "incomplete"]
Confidence = Literal["high", "medium", "low"]
Step = Literal[
    "observe",
    "recall",
    "reason",
    "act",
    "analyze",
    "plan",
    "approve",
    "fix",
    "verify",
    "undo",
    "learn",
]


class _Record(BaseModel):
    model_config = ConfigDict(extra="forbid")


class Hypothesis(_Record):
    """A theory about the cause, with what speaks for and against it."""

    id: str
    """H1, H2, … within the incident."""
    theory: str
    cause: str | None = None
    """A finding's fingerprint, or `ISSUE@HOST` for a known issue."""
    evidence_for: list[str] = Field(default_factory=list)
    """Ids of evidence."""
    evidence_against: list[str] = Field(default_factory=list)
    test: str
    """What would decide it."""
    priority: int
    """Lower comes first."""
    status: HypothesisStatus = "open"
    reason: str = ""
    """Why it has this status."""


class Quote(_Record):
    """An exact line of evidence."""

    evidence: str
    line: str


class Claim(_Record):
    """A statement and the evidence it rests on."""

    text: str
    evidence: list[str]
    """Ids of evidence."""
    quotes: list[Quote] = Field(default_factory=list)
    finding: str | None = None
    """The fingerprint of the finding that is the cause."""
    known_issue: str | None = None
    """The known issue whose signature holds on it."""
    host: str | None = None
    """The host it is about; None where its finding says that, or it is about several."""
    supported: bool = True
    """Whether the evidence cited bears it."""
    doubt: str = ""
    """Why the evidence does not bear it; empty where it does."""

    @property
    def reservation(self) -> str:
        """What to say beside a claim that is not supported; empty for one that is."""
        if self.supported:
            return ""
        return "not supported by the evidence" + (f": {self.doubt}" if self.doubt else "")


class KnownIssueMatch(_Record):
    """A known issue that may be what this is."""

    id: str
    title: str
    why: str
    signature_holds: bool
    score: float | None = None
    """How near its text is; comparable within one incident. None: found by signature alone."""


class NextStep(_Record):
    """Something to do next."""

    text: str
    command: str | None = None
    why: str


class Diagnosis(_Record):
    """What is wrong, as far as the evidence reaches."""

    verdict: Verdict
    summary: str
    root_causes: list[Claim] = Field(default_factory=list)
    """The likeliest first; empty unless the verdict is `cause-found`."""
    explained: dict[str, str] = Field(default_factory=dict)
    """Fingerprints: the finding, and the root cause that accounts for it."""
    known_issues: list[KnownIssueMatch] = Field(default_factory=list)
    next_steps: list[NextStep] = Field(default_factory=list)
    confidence: Confidence
    unknowns: list[str] = Field(default_factory=list)
    """What could not be read or judged: neither healthy nor a finding."""
    by: str = "rules"
    """The reasoner that made it."""


class TimelineEntry(_Record):
    """One step of the investigation, as it was saved."""

    at: datetime = Field(default_factory=lambda: datetime.now(UTC))
    step: Step
    text: str
    evidence: list[str] = Field(default_factory=list)
    """Ids of the evidence that the step brought."""


class Repair(_Record):
    """A change that was made, or tried, to mend what is wrong on one host."""

    change: str
    """The id of its own record."""
    host: str
    issue: str | None = None
    """The known issue whose resolution it carried out."""
    outcome: Outcome
    reason: str = ""
    at: datetime = Field(default_factory=lambda: datetime.now(UTC))


class Incident(_Record):
    """Everything about one investigation except the evidence itself, which is stored beside it."""

    id: str
    symptom: str | None = None
    targets: list[str] = Field(default_factory=list)
    """The hosts as the user named them: also @groups and snapshot files."""
    hosts: list[str]
    priority: Priority = "P3"
    status: IncidentStatus = "open"
    started_at: datetime
    ended_at: datetime | None = None
    findings: list[Finding] = Field(default_factory=list)
    hypotheses: list[Hypothesis] = Field(default_factory=list)
    diagnosis: Diagnosis | None = None
    timeline: list[TimelineEntry] = Field(default_factory=list)
    unreachable: dict[str, str] = Field(default_factory=dict)
    """Why, by host."""
    repairs: list[Repair] = Field(default_factory=list)
    """What was done about it, in order; a change that was resumed has the latest outcome."""
    facts: dict[str, dict[str, Any]] = Field(default_factory=dict)
    """The facts document of each host, as the last look left it."""
    facts_before: dict[str, dict[str, Any]] = Field(default_factory=dict)
    """The same of hosts on which something was changed, as they were before."""
    findings_before: list[Finding] = Field(default_factory=list)
    """What the checks found there then."""

    @classmethod
    def begin(
        cls, hosts: Sequence[str], symptom: str | None = None, targets: Sequence[str] = ()
    ) -> Incident:
        """A new incident; its id sorts by time and is unique across processes."""
        now = datetime.now(UTC)
        return cls(
            id=f"{now:%Y%m%d-%H%M%S}-{secrets.token_hex(2)}",
            symptom=symptom,
            targets=list(targets or hosts),
            hosts=list(hosts),
            started_at=now,
        )
