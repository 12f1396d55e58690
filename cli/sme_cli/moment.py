"""Moments as they are typed: so long ago, or a date."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta

_UNITS = {"s": "seconds", "m": "minutes", "h": "hours", "d": "days", "w": "weeks"}


def moment(typed: str, *, now: datetime | None = None) -> datetime:
    """What `2h` (before `now`), `2026-11-20` or `2026-11-20T09:30` means, in UTC.

    A date without a zone is in that of this machine.

    Raises:
        UsageError: it is none of these.
    """
    from sme_tools.errors import UsageError

    now = now or datetime.now(UTC)
    try:
        if ago := re.fullmatch(r"(\d+)\s*([smhdw])", typed.strip(), re.ASCII):
            return now - timedelta(**{_UNITS[ago[2]]: int(ago[1])})
        return datetime.fromisoformat(typed.strip()).astimezone(UTC)
    except (ValueError, OverflowError) as error:
        raise UsageError(
            f"{typed!r} is no moment",
            remedy="Say how long ago (30m, 2h, 7d), or a date: 2026-11-20, 2026-11-20T09:30",
        ) from error
