"""Proxmox VE: storage, quorum, backups, services."""

from __future__ import annotations

import re
from datetime import UTC, datetime

from sme_tools.errors import ProbeError
from sme_tools.facts import Fact
from sme_tools.probes.registry import probe

STORAGE = "containers.proxmox_storage"
CLUSTER = "containers.proxmox_cluster"
BACKUPS = "containers.proxmox_backups"
SERVICES = "containers.proxmox_services"


class Storage(Fact):
    """One storage of a Proxmox node."""

    name: str
    type: str
    """`dir`, `lvmthin`, `zfspool`, `nfs`, `pbs`, …"""
    status: str
    """`active`, `inactive` (enabled, but out of reach) or `disabled`."""
    total_bytes: int
    available_bytes: int
    used_percent: float


@probe(
    STORAGE,
    level=1,
    tool="pvesm",
    needs_root=True,
    timeout_s=20,
    command="pvesm status 2>/dev/null",
    reads=("pvesm status",),
)
def proxmox_storage(output: str) -> list[Storage]:
    """How full each Proxmox storage is, and whether it can be reached. Source: pvesm(1)."""
    lines = [line for line in output.splitlines() if line.strip()]
    heads = [n for n, line in enumerate(lines) if re.match(r"Name +Type +Status", line)]
    if not heads:
        raise ProbeError(STORAGE, "no heading", line=lines[0] if lines else "")
    found = []
    for line in lines[heads[0] + 1 :]:
        row = re.fullmatch(r"(\S+) +(\S+) +(\w+) +(\d+) +(\d+) +(\d+) +(?:([\d.]+)%|N/A)\s*", line)
        if row is None:
            raise ProbeError(STORAGE, "unknown form of row", line=line)
        found.append(
            Storage(
                name=row[1],
                type=row[2],
                status=row[3],
                total_bytes=int(row[4]) * 1024,
                available_bytes=int(row[6]) * 1024,
                used_percent=float(row[7] or 0),
            )
        )
    return found


class Cluster(Fact):
    """The cluster this node belongs to."""

    name: str | None
    quorate: bool
    """Without quorum /etc/pve is read-only and no guest can be started."""
    nodes: int
    votes_expected: int
    votes: int
    votes_missing: int
    quorum: int
    """How many votes are needed."""


@probe(
    CLUSTER,
    level=1,
    tool="pvecm",
    needs_root=True,
    command="[ -e /etc/pve/corosync.conf ] || [ -e /etc/corosync/corosync.conf ] || exit 127\n"
    "pvecm status",
    ok_exit_codes=(0, 2),
    reads=("pvecm status",),
)
def proxmox_cluster(output: str) -> Cluster | None:
    """Whether the cluster has quorum, and how many votes are missing. Source: pvecm(1)."""
    if "Corosync config" in output and "does not exist" in output:
        return None
    fields = dict(re.findall(r"^([A-Z][A-Za-z ]+): +(.*?)\s*$", output, re.MULTILINE))
    if "Quorate" not in fields or "Expected votes" not in fields:
        raise ProbeError(CLUSTER, "no quorum information", line=output.strip().split("\n")[-1])
    expected, votes = int(fields["Expected votes"]), int(fields["Total votes"])
    return Cluster(
        name=fields.get("Name"),
        quorate=fields["Quorate"] == "Yes",
        nodes=int(fields["Nodes"]),
        votes_expected=expected,
        votes=votes,
        votes_missing=max(0, expected - votes),
        quorum=int(fields["Quorum"].split()[0]),
    )


class Backup(Fact):
    """The last backup task of one guest, or of one job over several guests."""

    guest: str
    """The guest's number; `job` for a job over several."""
    succeeded: bool
    warnings: bool
    ended_at: datetime
    message: str
    """`OK`, or what Proxmox gave as the reason."""
    failures: int
    """How many of the tasks since the last good one failed."""


@probe(
    BACKUPS,
    level=1,
    needs_root=True,
    command="cd /var/log/pve/tasks 2>/dev/null || exit 127\n"
    "[ -r index ] || exit 77\n"
    "{ [ -r index.1 ] && cat index.1; cat index; } | grep ':vzdump:' | tail -n 400; :",
    reads=("cat /var/log/pve/tasks/index",),
)
def proxmox_backups(output: str) -> list[Backup]:
    """How the last backup of each guest ended. Source: Proxmox VE task index, UPID format."""
    by_guest: dict[str, list[tuple[int, str]]] = {}
    for line in output.splitlines():
        # UPID:node:pid:pstart:starttime:type:id:user: endtime status
        task = re.match(r"UPID:[^:]+:\w+:\w+:\w+:(\w+):([^:]*):[^ ]*: (\w+) (.*)$", line)
        if task is None:
            raise ProbeError(BACKUPS, "unknown form of task", line=line)
        if task[1] == "vzdump":
            guest = task[2] or "job"
            by_guest.setdefault(guest, []).append((int(task[3], 16), task[4].strip()))
    return [_last_backup(guest, sorted(tasks)) for guest, tasks in sorted(by_guest.items())]


def _last_backup(guest: str, tasks: list[tuple[int, str]]) -> Backup:
    failures = 0
    for _, message in reversed(tasks):
        if _good(message):
            break
        failures += 1
    ended, message = tasks[-1]
    return Backup(
        guest=guest,
        succeeded=_good(message),
        warnings=message.startswith("WARNINGS"),
        ended_at=datetime.fromtimestamp(ended, UTC),
        message=message,
        failures=failures,
    )


def _good(message: str) -> bool:
    return message == "OK" or message.startswith("WARNINGS")


class Service(Fact):
    """One service that a Proxmox node needs."""

    name: str
    state: str
    """systemd's words: `active`, `failed`, `inactive`, `activating`."""
    running: bool


@probe(
    SERVICES,
    level=1,
    tool="pveversion",
    command="command -v systemctl >/dev/null || exit 127\n"
    "set -- pve-cluster pvedaemon pveproxy pvestatd pvescheduler\n"
    '[ -e /etc/corosync/corosync.conf ] && set -- "$@" corosync\n'
    'for unit in "$@"; do\n'
    '  [ "$(systemctl show -p LoadState "$unit")" = LoadState=loaded ] || continue\n'
    '  printf \'%s %s\\n\' "$unit" "$(systemctl is-active "$unit")"\n'
    "done",
)
def proxmox_services(output: str) -> list[Service]:
    """Whether the services of a Proxmox node run. Source: Proxmox VE, Service Daemons."""
    found = []
    for line in output.splitlines():
        words = line.split()
        if len(words) != 2:
            raise ProbeError(SERVICES, line=line)
        found.append(Service(name=words[0], state=words[1], running=words[1] == "active"))
    return found
