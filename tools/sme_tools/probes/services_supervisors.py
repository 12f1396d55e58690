"""What runit, s6 and OpenRC say of the services that they keep up."""

from __future__ import annotations

import re
from typing import Literal

from sme_tools.errors import ProbeError
from sme_tools.facts import Fact
from sme_tools.probes.system_text import clock_s

State = Literal["running", "starting", "restarting", "stopped", "exited", "failed", "unknown"]
"""restarting: it ended, and the supervisor starts it again; failed: it has been given up, or can't
be started; exited: it ended by itself and stays so."""


class SupervisedService(Fact):
    """One service and what its supervisor says of it."""

    manager: Literal["supervisord", "runit", "s6", "openrc"]
    name: str
    state: State
    wanted: bool | None
    """Whether it should be up."""
    pid: int | None
    uptime_s: float | None
    exit_code: int | None
    """Of the last time it ended, where the supervisor tells."""
    recent_exits: int | None
    """How often it ended unexpectedly within the last five minutes of the supervisor's log, or how
    often the supervisor has started it again."""
    detail: str | None
    """The supervisor's own words."""


_RUNIT_ROW = re.compile(r"(run|down|finish|fail|warning): ([^;]+?): (?:\(pid (\d+)\) )?(\d+)s(.*)")


def runit(lines: list[str], again: list[str]) -> list[SupervisedService]:
    """`sv status`; a service with another process at the second look is being restarted."""
    later = {row[2]: row[3] for line in again if (row := _RUNIT_ROW.match(line))}
    found = []
    for line in lines:
        row = _RUNIT_ROW.match(line)
        if row:
            found.append(_runit_service(row, later))
        elif broken := re.match(r"(?:fail|warning): ([^;]+?): (.*)", line):
            found.append(_unusable("runit", broken[1], broken[2]))
        elif line.strip():
            raise ProbeError("services.supervised", line=line)
    return found


def _runit_service(row: re.Match[str], later: dict[str, str]) -> SupervisedService:
    said, folder, pid, seconds, rest = row.groups()
    wanted = "normally down" not in rest and "want down" not in rest
    if said == "down":
        wanted = "normally up" in rest and "want down" not in rest
    replaced = folder in later and later[folder] != pid
    state: State = "running" if said == "run" else "stopped"
    if wanted and (replaced or said != "run"):
        state = "restarting"
    return SupervisedService(
        manager="runit",
        name=folder.rstrip("/").rpartition("/")[2],
        state=state,
        wanted=wanted,
        pid=int(pid) if pid and said == "run" else None,
        uptime_s=float(seconds) if said == "run" else None,
        exit_code=None,
        recent_exits=None,
        detail=None if state == "running" else row[0].partition("; ")[0],
    )


def _unusable(manager: Literal["runit", "s6"], folder: str, detail: str) -> SupervisedService:
    return SupervisedService(
        manager=manager,
        name=folder.rstrip("/").rpartition("/")[2],
        state="unknown",
        wanted=None,
        pid=None,
        uptime_s=None,
        exit_code=None,
        recent_exits=None,
        detail=detail,
    )


_S6_ROW = re.compile(
    r"(.*?): (up|down) \((?:pid (\d+)[^)]*|exitcode (\d+)|signal (\w+))\) (\d+) seconds(.*)"
)


def s6(line: str) -> SupervisedService:
    """One line of s6-svstat, after the service's folder."""
    row = _S6_ROW.match(line)
    if not row:
        folder, _, detail = line.partition(": ")
        if "s6-svstat" not in detail:
            raise ProbeError("services.supervised", line=line)
        return _unusable("s6", folder, detail)
    folder, said, pid, code, _, seconds, rest = row.groups()
    wanted = "want down" not in rest and ("normally up" in rest or "want up" in rest)
    if said == "up":
        wanted = "normally down" not in rest and "want down" not in rest
    return SupervisedService(
        manager="s6",
        name=folder.rstrip("/").rpartition("/")[2],
        state="running" if said == "up" else "restarting" if wanted else "stopped",
        wanted=wanted,
        pid=int(pid) if pid else None,
        uptime_s=float(seconds) if said == "up" else None,
        exit_code=int(code) if code else None,
        recent_exits=None,
        detail=None if said == "up" else line.partition(": ")[2],
    )


_OPENRC_STATES: dict[str, State] = {
    "started": "running",
    "starting": "starting",
    "stopped": "stopped",
    "stopping": "stopped",
    "inactive": "stopped",
    "scheduled": "stopped",
    "hotplugged": "running",
    "crashed": "failed",
    "failed": "failed",
    "unsupervised": "failed",
}
_OPENRC_ROW = re.compile(
    r"\s*(\S+)\s+\[\s*(\w+)\s*(?:((?:\d+ day\(s\) )?[\d:]+)\s+\((\d+)\))?\s*\]"
)


def openrc(lines: list[str]) -> list[SupervisedService]:
    """rc-status: runlevels, and below each its services; one may stand in several."""
    found: dict[str, SupervisedService] = {}
    for line in lines:
        row = _OPENRC_ROW.match(line)
        if row and row[2] in _OPENRC_STATES:
            name, state, uptime, starts = row.groups()
            found[name] = SupervisedService(
                manager="openrc",
                name=name,
                state=_OPENRC_STATES[state],
                wanted=None if state in ("stopped", "inactive", "scheduled") else True,
                pid=None,
                uptime_s=_openrc_s(uptime) if uptime else None,
                exit_code=None,
                recent_exits=int(starts) if starts else None,
                detail=None if state == "started" else state,
            )
        elif line.strip() and not re.match(r"\s*(Dynamic )?Runlevel: ", line):
            raise ProbeError("services.supervised", line=line)
    return list(found.values())


def _openrc_s(text: str) -> float:
    days, _, rest = text.rpartition(" day(s) ")
    return clock_s(rest) + int(days or 0) * 86400
