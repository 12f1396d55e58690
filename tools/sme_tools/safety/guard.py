"""What the guarded ways to all hosts of one session share."""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from sme_tools.errors import StateError
from sme_tools.safety.audit import Audit, AuditEntry
from sme_tools.safety.redaction import Redactor


@dataclass
class Guard:
    """One redactor, so that a secret has the same placeholder on every host, and one audit log,
    whose failure is complained of once. Safe to use from several threads.
    """

    audit: Audit
    complain: Callable[[StateError], None]
    """Tells the user that the audit log can't be written."""
    redactor: Redactor = field(default_factory=Redactor)
    _lock: threading.Lock = field(default_factory=threading.Lock)
    _complained: bool = False

    def record(self, entries: Sequence[AuditEntry]) -> None:
        """Keep entries; where that fails the user is told, the first time, and it goes on."""
        try:
            self.audit.record(entries)
        except StateError as error:
            with self._lock:
                first, self._complained = not self._complained, True
            if first:
                self.complain(error)

    def refused(
        self, host: str, command: str, *, actor: str, why: str, reason: str, incident: str | None
    ) -> None:
        """Keep that a command was wanted which the policy refuses; `reason` is the policy's."""
        redact = self.redactor.text
        said = {"command": redact(command), "why": redact(why), "reason": redact(reason)}
        data = {**said, "verdict": "refused", "incident": incident}
        self.record([AuditEntry("command.refused", actor, host, data)])
