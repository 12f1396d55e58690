"""Findings: something wrong on a host, or about to be."""

from __future__ import annotations

import hashlib
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field

Severity = Literal["critical", "high", "medium", "low", "info"]

SEVERITIES: tuple[Severity, ...] = ("critical", "high", "medium", "low", "info")
"""The gravest first."""


def at_least(severity: Severity, minimum: Severity) -> bool:
    """Whether `severity` is as grave as `minimum`, or graver."""
    return SEVERITIES.index(severity) <= SEVERITIES.index(minimum)


class Finding(BaseModel):
    """One check that holds for one subject on one host."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    check: str
    host: str
    subject: str
    """The thing within the host: a mount, a unit, a container; `host` for the host itself."""
    severity: Severity
    title: str
    remedy: str
    evidence: tuple[str, ...] = ()
    """Ids of the evidence that the facts were read from."""
    facts: dict[str, Any] = Field(default_factory=dict)
    """The item of facts for which the condition holds."""

    @property
    def fingerprint(self) -> str:
        """The same for the same trouble in every sweep: 12 hexadecimal digits."""
        key = "\0".join((self.check, self.host, self.subject))
        return hashlib.sha256(key.encode()).hexdigest()[:12]
