"""Evidence: one command's recorded output, with an id that claims cite."""

from __future__ import annotations

from datetime import datetime
from typing import Literal

from pydantic import BaseModel, ConfigDict

Outcome = Literal["completed", "timed-out", "lost", "not-recorded"]
"""not-recorded: the host is a snapshot, and this was not asked when it was taken."""
Privilege = Literal["root", "sudo", "user"]

ABSENT_EXIT_CODE = 127
"""What a POSIX shell answers for a command that is not there."""

NO_PERMISSION_EXIT_CODE = 77
"""What a probe's command answers when it can see that it lacks permission (EX_NOPERM)."""


class Evidence(BaseModel):
    """What one step of a script printed on one host, and how it ended.

    Both streams are text decoded as UTF-8 with surrogate escapes replaced, bounded in size, and
    free of secrets once they have passed `sme_tools.safety.redaction`.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    id: str
    """`HOST/STEP#ROUND`, unique within an incident: `web1/storage.filesystems#1`."""
    host: str
    step: str
    """The probe's id, or a name for a command that is no probe."""
    command: str
    stdout: str
    stderr: str
    exit_code: int | None
    """None if the step did not complete."""
    outcome: Outcome
    privilege: Privilege
    started_at: datetime
    duration_s: float
    omitted_bytes: int = 0
    """Bytes cut out of the middle of the output because it was too long."""

    @property
    def is_absent(self) -> bool:
        """Whether the command is not installed on the host."""
        return self.outcome == "completed" and self.exit_code == ABSENT_EXIT_CODE
