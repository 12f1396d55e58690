"""systemd: its units, why some failed, what it restarts over and over, which timers are late."""

from __future__ import annotations

import json
import re
from typing import Any

from sme_tools.errors import ProbeError
from sme_tools.facts import Fact
from sme_tools.probes.registry import probe
from sme_tools.probes.system_text import sections

_BOOTED = "[ -d /run/systemd/system ] || exit 127\n"
"""sd_booted(3): the test for a running systemd; systemctl alone may be installed without it."""

_LOAD = {"loaded", "not-found", "bad-setting", "error", "masked", "merged", "stub"}
_ACTIVE = {
    "active", "reloading", "inactive", "failed", "activating", "deactivating", "maintenance",
    "refreshing",
}  # fmt: skip
_BULLETS = "●○×↻*"


class Unit(Fact):
    """One systemd unit that is not at rest."""

    name: str
    kind: str
    """service, mount, socket, timer, …"""
    load: str
    active: str
    """active, failed, activating, deactivating, reloading, maintenance."""
    sub: str
    """running, exited, auto-restart, dead, …: depends on the kind."""
    description: str | None


_UNITS = "systemctl list-units --all --full --plain --no-legend --no-pager"


@probe(
    "services.units",
    level=1,
    tool="systemctl",
    command=f"{_BOOTED}{_UNITS} --type=service,socket,mount,automount,swap,timer,path",
    reads=(
        "systemctl", "systemctl -a", "systemctl --all", "systemctl list-units",
        "systemctl list-units -a", "systemctl list-units --all", "systemctl --failed",
        "systemctl list-units --failed", "systemctl --no-pager", "systemctl --state=failed",
        "systemctl list-units --state=failed", "systemctl --failed --no-pager",
        "systemctl list-units --type=service", "systemctl list-units --type service",
        "systemctl list-units --type=service --all", "systemctl list-units --all --type=service",
        "systemctl list-units -t service", "systemctl -t service", "systemctl --type=service",
        "systemctl list-units -o json", "systemctl list-units --output=json",
        "systemctl list-units --all -o json", "systemctl status",
    ),
)  # fmt: skip
def units(output: str) -> list[Unit]:
    """Units that are active, on their way, or failed. Source: systemctl(1).

    Units at rest are left out, as are the ones that other units name and nobody has installed
    (`not-found`, shown with a red bullet): both are as they should be.
    """
    if output.lstrip().startswith("["):
        rows = [_from_json(row) for row in json.loads(output)]
    elif re.search(r"^ +(?:Active|State): \w+", output, re.MULTILINE):
        rows = _from_status(output)
    else:
        rows = _from_text(output)
    return [
        unit for unit in rows if unit.active != "inactive" or unit.load in ("error", "bad-setting")
    ]


def _from_json(row: dict[str, Any]) -> Unit:
    unit = row["unit"]
    return _unit(unit, row["load"], row["active"], row["sub"], row.get("description", ""))


def _unit(name: str, load: str, active: str, sub: str, description: str) -> Unit:
    kind = name.rpartition(".")[2]
    return Unit(
        name=name,
        kind=kind if re.fullmatch(r"[a-z]+", kind) else "unit",
        load=load,
        active=active,
        sub=sub,
        description=description.strip() or None,
    )


_LEGEND = re.compile(
    r"(LOAD|ACTIVE|SUB|JOB)\s+(=|→)|Legend:|\d+ (loaded )?units? listed|To show all|"
    r"lines \d+|\[… \d+ bytes left out|Pass --all|.*\(END\)"
)


def _from_text(output: str) -> list[Unit]:
    job_at = -1
    found = []
    for raw in output.splitlines():
        line = raw.strip().lstrip(_BULLETS).strip()
        words = line.split(None, 4)
        if not line or _LEGEND.match(line):
            continue
        if words[:3] == ["UNIT", "LOAD", "ACTIVE"]:
            job_at = raw.index(" JOB ") + 1 if " JOB " in raw else -1
            continue
        if len(words) < 4 or words[1] not in _LOAD or words[2] not in _ACTIVE:
            raise ProbeError("services.units", line=raw)
        description = words[4] if len(words) > 4 else ""
        if job_at > 0 and raw[job_at : job_at + 3].strip():
            description = description.partition(" ")[2]
        found.append(_unit(words[0], words[1], words[2], words[3], description))
    return found


_HEAD = re.compile(r"^[●○×↻*x] (?P<name>\S+?\.[a-z]+)(?: - (?P<about>.*))?$")


def _from_status(output: str) -> list[Unit]:
    """`systemctl status`, of units or of all; of the manager's own part nothing."""
    found: list[Unit] = []
    name, about, load = "", "", "loaded"
    for line in output.splitlines():
        if head := _HEAD.match(line):
            name, about, load = head["name"], head["about"] or "", "loaded"
        elif loaded := re.match(r" +Loaded: (\S+)", line):
            load = loaded[1]
        elif (active := re.match(r" +Active: (\w+) \(([\w-]+)\)", line)) and name:
            found.append(_unit(name, load, active[1], active[2], about))
            name = ""
        elif (failed := re.match(r" +Active: (\w+) \(Result: ", line)) and name:
            found.append(_unit(name, load, failed[1], failed[1], about))
            name = ""
    return found


class ServiceManager(Fact):
    """What starts the services of this machine, and how that went."""

    name: str
    """systemd, openrc, runit, s6, supervisord, launchd, sysvinit, or the name of process 1."""
    state: str | None
    """systemd: running, degraded, starting, maintenance, stopping."""
    jobs: int | None
    """Units that wait to be started or stopped."""
    version: str | None


@probe(
    "services.manager",
    level=1,
    command="""read -r init 2>/dev/null </proc/1/comm || init=$(ps -o comm= -p 1)
echo "init=$init"
[ -d /run/openrc ] && echo openrc=1
[ -d /run/systemd/system ] || exit 0
echo systemd=1
echo "state=$(systemctl is-system-running 2>/dev/null)"
systemctl show -p NJobs -p Version 2>/dev/null
:""",
    reads=("systemctl is-system-running", "systemctl status"),
)
def manager(output: str) -> ServiceManager:
    """What runs as process 1 and whether it came up. Source: systemctl(1), sd_booted(3)."""
    if told := re.search(r"^ +State: ([a-z]+)\n +(?:Units|Jobs): ", output, re.MULTILINE):
        waiting = re.search(r"^ +Jobs: (\d+) queued", output, re.MULTILINE)
        return ServiceManager(
            name="systemd", state=told[1], jobs=int(waiting[1]) if waiting else None, version=None
        )
    if re.fullmatch(r"[a-z]+\s*", output):
        return ServiceManager(name="systemd", state=output.strip(), jobs=None, version=None)
    found = dict(line.split("=", 1) for line in output.splitlines() if "=" in line)
    init = found["init"].rpartition("/")[2]
    names = {"runit": "runit", "runsvdir": "runit", "s6-svscan": "s6", "launchd": "launchd"}
    name = "systemd" if "systemd" in found else names.get(init, init)
    if "openrc" in found and name != "systemd":
        name = "openrc"
    jobs = found.get("NJobs", "")
    return ServiceManager(
        name=name,
        state=found.get("state") or None,
        jobs=int(jobs) if jobs else None,
        version=found.get("Version"),
    )


class UnitDetail(Fact):
    """Why a unit failed, and what it said last."""

    name: str
    description: str | None
    active: str
    sub: str
    result: str | None
    """exit-code, signal, core-dump, timeout, oom-kill, watchdog, start-limit-hit, resources, …"""
    exit_code: int | None
    signal: int | None
    """The signal that ended its main process."""
    restarts: int | None
    log: list[str]
    """Its last lines in the journal."""


_DETAIL = "Id,Description,ActiveState,SubState,Result,ExecMainCode,ExecMainStatus,NRestarts"


@probe(
    "services.details",
    level=2,
    tool="systemctl",
    command=f"""{_BOOTED}systemctl list-units --all --full --plain --no-legend --no-pager \\
  --state=failed,auto-restart | head -n 15 | while read -r unit rest; do
  echo @unit
  systemctl show -p {_DETAIL} -- "$unit"
  echo @log
  journalctl -q --no-pager -o cat -n 8 -u "$unit" 2>/dev/null | cut -c 1-300
done""",
)
def details(output: str) -> list[UnitDetail]:
    """Result, exit code and last words of each failed unit. Source: systemctl(1), journalctl(1)."""
    found = []
    for part in output.split("@unit\n")[1:]:
        parts = sections(part)
        shown = dict(line.split("=", 1) for line in parts[""] if "=" in line)
        code, status = shown.get("ExecMainCode", "0"), int(shown.get("ExecMainStatus") or 0)
        restarts = shown.get("NRestarts")
        found.append(
            UnitDetail(
                name=shown["Id"],
                description=shown.get("Description") or None,
                active=shown["ActiveState"],
                sub=shown["SubState"],
                result=shown.get("Result") or None,
                exit_code=status if code == "1" else None,  # CLD_EXITED, see sigaction(2)
                signal=status if code in ("2", "3") else None,
                restarts=int(restarts) if restarts else None,
                log=[line for line in parts.get("log", []) if line.strip()],
            )
        )
    return found


class RestartedService(Fact):
    """A service that systemd has started again by itself."""

    name: str
    restarts: int
    """Since it was last started by hand, or since boot."""
    active: str
    sub: str
    running_for_s: float | None
    """Since its main process was last started."""


@probe(
    "services.restart_loops",
    level=1,
    tool="systemctl",
    command=f"""{_BOOTED}cat /proc/uptime
systemctl show -p Id,NRestarts,ActiveState,SubState,ExecMainStartTimestampMonotonic '*.service' |
  awk 'BEGIN {{ RS = ""; ORS = "\\n\\n" }} /NRestarts=[1-9]/'""",
)
def restart_loops(output: str) -> list[RestartedService]:
    """Services that were restarted automatically. Source: org.freedesktop.systemd1(5)."""
    clock, _, rest = output.partition("\n")
    uptime_s = float(clock.split()[0])
    found = []
    for block in re.split(r"\n\s*\n", rest.strip()):
        if not block.strip():
            continue
        shown = dict(line.split("=", 1) for line in block.splitlines())
        started_s = int(shown.get("ExecMainStartTimestampMonotonic") or 0) / 1e6
        found.append(
            RestartedService(
                name=shown["Id"],
                restarts=int(shown["NRestarts"]),
                active=shown["ActiveState"],
                sub=shown["SubState"],
                running_for_s=round(max(uptime_s - started_s, 0), 1) if started_s else None,
            )
        )
    return sorted(found, key=lambda service: service.restarts, reverse=True)
