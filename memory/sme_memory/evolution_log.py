"""The evolution log: the record of everything learned, changed, confirmed or refuted.

It only records. What is known is in the known issues, which are merged, superseded and retired; the
log says when that happened, and why.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from pathlib import Path
from typing import Any, Literal

from sme_memory.chained_log import ChainedLog, LogEntry, Verified

EvolutionKind = Literal[
    "incident.diagnosed",
    "issue.recognised",
    "issue.proposed",
    "issue.updated",
    "issue.skipped",
    "fix.held",
    "fix.failed",
]
"""incident.diagnosed: an investigation ended; subject: the incident's id.
issue.recognised: a known issue's signature held on a host; subject: the known issue's id.
issue.proposed: a candidate was written; subject: the known issue's id.
issue.updated: a known issue gained symptoms or a part of its story; subject: the known issue's id.
issue.skipped: an incident taught nothing new; subject: the incident's id.
fix.held, fix.failed: its resolution was carried out, and mended the host or did not; subject: the
known issue's id, which gains or loses trust by it."""


class EvolutionLog:
    """The evolution log of this machine, in one file."""

    def __init__(self, path: Path) -> None:
        self._log = ChainedLog(path)

    def append(
        self,
        kind: EvolutionKind,
        *,
        actor: str,
        subject: str,
        data: Mapping[str, Any] | None = None,
    ) -> LogEntry:
        """Write one entry; see `ChainedLog.append`."""
        return self._log.append(kind, actor=actor, subject=subject, data=data)

    def read(self, *, since: datetime | None = None, kind: str | None = None) -> list[LogEntry]:
        """The entries in order; see `ChainedLog.read`."""
        return self._log.read(since=since, kind=kind)

    def verify(self) -> Verified:
        """Check that no entry was altered, lost or put in between; see `ChainedLog.verify`."""
        return self._log.verify()
