"""What the audit log is told, and by whom it is kept: the form of its entries and its protocol."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal, Protocol

AuditKind = Literal[
    "command.announced",
    "command.ended",
    "command.refused",
    "script.failed",
    "approval.asked",
    "approval.granted",
    "approval.denied",
    "approval.used",
    "approval.revoked",
]
"""command.announced: it is about to run; what follows it has the same `run`.
command.ended: how it ended, with its exit code and the digest of its output.
command.refused: the policy let it not even be asked for; it did not run.
script.failed: the host was not reached, or was lost; names the commands that left no answer.
approval.…: a change was put to a user, and what came of it."""


@dataclass(frozen=True)
class AuditEntry:
    """One thing that is to be kept for ever. No secret is in it: that is up to its maker."""

    kind: AuditKind
    actor: str
    host: str
    data: Mapping[str, Any]
    """What JSON can say."""


class Audit(Protocol):
    """Keeps what was done on hosts."""

    def record(self, entries: Sequence[AuditEntry]) -> None:
        """Keep all of them; they are on the disk when this returns.

        Raises:
            StateError: they can't be kept; none of them is.
        """
        ...
