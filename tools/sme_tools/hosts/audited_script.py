"""What the audit log is told of one script: before it, after each command, and if it breaks."""

from __future__ import annotations

import hashlib
import secrets
import threading
from typing import Any

from sme_tools.errors import StateError
from sme_tools.hosts.evidence import Evidence
from sme_tools.hosts.purpose import Purpose
from sme_tools.hosts.script import Script
from sme_tools.safety.audit import AuditEntry, AuditKind
from sme_tools.safety.guard import Guard


def output_digest(evidence: Evidence) -> str:
    """SHA-256, in hex, of both streams with a zero byte between them, as UTF-8.

    Of redacted evidence: whoever has it, in an incident or a snapshot, can make the digest anew.
    """
    both = f"{evidence.stdout}\0{evidence.stderr}"
    return hashlib.sha256(both.encode("utf-8", "surrogatepass")).hexdigest()


class AuditedScript:
    """The entries of one script. Safe to use from several threads.

    Those of probes are kept back until `finish`, which costs one wait for the disk instead of one
    for each; those of any other command are written at once.
    """

    def __init__(
        self, host: str, account: str | None, script: Script, purpose: Purpose, guard: Guard
    ) -> None:
        """`account`: that the login is to, if it is known."""
        self._host = host
        self._script = script
        self._purpose = purpose
        self._guard = guard
        self._common: dict[str, Any] = {
            "run": secrets.token_hex(8),
            "user": account,
            "why": guard.redactor.text(purpose.why),
            "verdict": purpose.verdict,
            "reason": guard.redactor.text(purpose.reason),
            "approval": purpose.approval,
            "incident": purpose.incident,
        }
        self._lock = threading.Lock()
        self._unanswered = [step.id for step in script.steps]
        self._kept_back: list[AuditEntry] = []
        self._finished = False

    def announce(self) -> None:
        """Say what is about to run, unless it is probes.

        Raises:
            StateError: a change can't be announced, and so must not run.
        """
        if self._purpose.is_probe:
            return
        redact = self._guard.redactor.text
        entries = [
            self._entry("command.announced", step=step.id, command=redact(step.recorded))
            for step in self._script.steps
        ]
        if self._purpose.verdict != "change" or self._purpose.is_undo:
            self._guard.record(entries)
            return
        try:
            self._guard.audit.record(entries)
        except StateError as error:
            raise StateError(
                f"nothing was changed, since the audit log can't take it: {error.message}",
                host=self._host,
                remedy=error.remedy,
            ) from error

    def took(self, evidence: Evidence) -> None:
        """Say how a command ended. `evidence` is redacted."""
        entry = self._entry(
            "command.ended",
            step=evidence.step,
            evidence=evidence.id,
            command=evidence.command,
            privilege=evidence.privilege,
            started_at=evidence.started_at.isoformat(),
            duration_s=evidence.duration_s,
            exit_code=evidence.exit_code,
            outcome=evidence.outcome,
            output_sha256=output_digest(evidence),
        )
        with self._lock:
            if evidence.step in self._unanswered:
                self._unanswered.remove(evidence.step)
            if self._purpose.is_probe and not self._finished:
                self._kept_back.append(entry)
                return
        self._guard.record([entry])

    def finish(self, ending: str = "it ended early", *, host_failed: bool = False) -> None:
        """Write what was kept back and, if the host failed or a command left no answer, that too.

        May be called twice: what comes first counts.
        """
        with self._lock:
            if self._finished:
                return
            self._finished = True
            entries, self._kept_back = self._kept_back, []
            unanswered = list(self._unanswered)
        if host_failed or unanswered:
            error = self._guard.redactor.text(ending)
            entries.append(self._entry("script.failed", error=error, unanswered=unanswered))
        if entries:
            self._guard.record(entries)

    def _entry(self, kind: AuditKind, **data: object) -> AuditEntry:
        return AuditEntry(kind, self._purpose.actor, self._host, {**self._common, **data})
