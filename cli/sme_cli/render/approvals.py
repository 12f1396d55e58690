"""Approvals, for reading."""

from __future__ import annotations

import shlex
from collections.abc import Sequence
from typing import TYPE_CHECKING

from sme_cli.render.out import print_json, print_table

LINE_END = " ⏎ "
"""A line end within a command begins another command, and must not look like a space."""

if TYPE_CHECKING:
    from datetime import datetime

    from sme_memory.approval import Approval, Request, Standing

HEADERS = ("ID", "FOR", "HOST", "USER", "FOLDER", "COMMAND", "BY", "UNTIL")


def print_approvals(
    standing: Sequence[Standing],
    once: Sequence[Approval],
    pending: Sequence[Request],
    *,
    as_json: bool,
) -> None:
    """All that is in force or waits, as a table or as one JSON document."""
    if as_json:
        kinds = {"standing": standing, "once": once, "pending": pending}
        print_json(
            {name: [one.model_dump(mode="json") for one in kind] for name, kind in kinds.items()}
        )
        return
    rows = [
        (s.id, "always", s.host, "", "", f"{shlex.join(s.words)} …", s.by, _local(s.expires_at))
        for s in standing
    ]
    rows += [
        (a.id, "once", a.host, a.user, a.cwd, _shown(a.command), a.by, _local(a.expires_at))
        for a in once
    ]
    rows += [
        (r.id, "waits", r.host, r.user, r.cwd, _shown(r.command), r.asked_by, _local(r.expires_at))
        for r in pending
    ]
    print_table(HEADERS, rows, empty="no approvals, and nothing waits for one")


def _shown(command: str) -> str:
    return LINE_END.join(command.splitlines())


def _local(at: datetime | None) -> str:
    return at.astimezone().strftime("%F %T") if at else "revoked"
