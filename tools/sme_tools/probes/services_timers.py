"""systemd timers: when each ran last, when it is due, which are late."""

from __future__ import annotations

import json
import re
from datetime import UTC, datetime

from sme_tools.errors import ProbeError
from sme_tools.facts import Fact
from sme_tools.probes.registry import probe
from sme_tools.probes.system_text import span_s


class Timer(Fact):
    """One systemd timer."""

    name: str
    activates: str
    next_at: datetime | None
    """None if it will not run again by the clock."""
    last_at: datetime | None
    """None if it has not run since boot and left no stamp."""
    overdue_s: float | None
    """How long the next run has been due without happening; None if nothing is due."""


@probe(
    "services.timers",
    level=2,
    tool="systemctl",
    command="""[ -d /run/systemd/system ] || exit 127
echo "now=$(date +%s)"
systemctl list-timers --all --no-pager -o json 2>/dev/null ||
  systemctl list-timers --all --no-pager""",
    reads=(
        "systemctl list-timers", "systemctl list-timers --all", "systemctl list-timers -a",
        "systemctl list-timers --no-pager", "systemctl list-timers --all --no-pager",
        "systemctl list-timers -o json", "systemctl list-timers --all -o json",
    ),
)  # fmt: skip
def timers(output: str) -> list[Timer]:
    """Timers with their last and next run. Source: systemctl(1), list-timers."""
    now_s = None
    if match := re.match(r"now=(\d+)\n", output):
        now_s, output = int(match[1]), output[match.end() :]
    if output.lstrip().startswith("["):
        return [_from_json(row, now_s) for row in json.loads(output)]
    return _from_text(output)


def _from_json(row: dict[str, str | int | None], now_s: int | None) -> Timer:
    due, last = (int(row.get(key) or 0) for key in ("next", "last"))
    late_s = now_s - due / 1e6 if now_s and 0 < due < 1 << 62 else 0
    return Timer(
        name=str(row["unit"]),
        activates=str(row.get("activates") or ""),
        next_at=_moment(due),
        last_at=_moment(last),
        overdue_s=round(late_s, 1) if late_s > 0 else None,
    )


def _moment(microseconds: int) -> datetime | None:
    """Zero and the largest 64-bit number mean never."""
    in_range = 0 < microseconds < 1 << 62
    return datetime.fromtimestamp(microseconds / 1e6, UTC) if in_range else None


_DATE = r"(?:n/a|-|[A-Z][a-z]{2} \d{4}-\d\d-\d\d \d\d:\d\d:\d\d(?: [A-Z+-]\S*)?)"
_SPAN = r"(?:n/a|-|(?:\d+(?:\.\d+)?\s?(?:y|months?|w|weeks?|days?|h|min|s|ms|us)\s?)+(?:left|ago)?)"
_ROW = re.compile(
    rf"(?P<next>{_DATE})\s+(?P<left>{_SPAN})\s+(?P<last>{_DATE})\s+(?P<passed>{_SPAN})\s+"
    r"(?P<unit>\S+)\s+(?P<activates>\S+)\s*\Z"
)


def _from_text(output: str) -> list[Timer]:
    found = []
    for line in output.splitlines():
        if not line.strip() or re.match(r"NEXT\s+LEFT|\d+ timers listed|Pass --all", line):
            continue
        row = _ROW.match(line.strip())
        if not row:
            raise ProbeError("services.timers", line=line)
        late = row["left"].strip().endswith("ago")
        found.append(
            Timer(
                name=row["unit"],
                activates=row["activates"],
                next_at=_date(row["next"]),
                last_at=_date(row["last"]),
                overdue_s=span_s(row["left"].replace("ago", "")) if late else None,
            )
        )
    return found


def _date(text: str) -> datetime | None:
    """`Fri 2026-11-20 00:00:00 CET`; the zone's name says too little, so UTC is assumed."""
    match = re.search(r"\d{4}-\d\d-\d\d \d\d:\d\d:\d\d", text)
    return datetime.fromisoformat(match[0]).replace(tzinfo=UTC) if match else None
