"""ZFS pools: their space, their health, and the errors of each device."""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

from sme_tools.errors import ProbeError
from sme_tools.facts import Fact
from sme_tools.probes.registry import probe
from sme_tools.probes.storage_reading import optional_size, percent, size_bytes, with_options


class ZfsDevice(Fact):
    """One line below a pool: a group of devices (mirror-0, raidz1-0, logs) or a device."""

    name: str
    state: str
    """ONLINE, DEGRADED, FAULTED, OFFLINE, UNAVAIL, REMOVED; of spares AVAIL, INUSE."""
    read_errors: int
    write_errors: int
    checksum_errors: int
    note: str | None = None
    """`too many errors`, `was /dev/sdb1`, `resilvering`"""


class ZfsPool(Fact):
    """One pool."""

    name: str
    health: str | None = None
    """ONLINE, DEGRADED, FAULTED, UNAVAIL, SUSPENDED, REMOVED, OFFLINE."""
    size_bytes: int | None = None
    allocated_bytes: int | None = None
    free_bytes: int | None = None
    used_percent: float | None = None
    fragmentation_percent: float | None = None
    status: str | None = None
    """What ZFS itself says is wrong."""
    suspended: bool
    """I/O is held back until `zpool clear`: every program that touches the pool hangs."""
    data_errors: int | None = None
    """Files or objects lost for good; None where not told."""
    scan: str | None = None
    """What runs now: scrub or resilver."""
    scan_percent: float | None = None
    last_scrub_at: datetime | None = None
    """The end of the last scrub, in the host's own time zone, taken as UTC."""
    bad_devices: tuple[str, ...] = ()
    """Devices that do not work: `sdb FAULTED (too many errors)`."""
    device_errors: int = 0
    """Read, write and checksum errors of all devices since the last `zpool clear`."""
    devices: tuple[ZfsDevice, ...] = ()


@probe(
    "storage.zfs_pools",
    level=1,
    tool="zpool",
    command="""\
zpool list -p -o name,size,allocated,free,fragmentation,capacity,health
echo; zpool status""",
    reads=with_options(
        "zpool",
        "status|status -v|status -x|status -P|status -p|status -L|status -t|status -s"
        "|status -vL|status -i|status -c|status -vx|status -xv|status -T d|status rpool"
        "|status tank|status data|status -v rpool|status -v tank|list|list -v|list -p"
        "|list -o all|list -vP|list -vp|list -P|list -L|iostat|iostat -v|iostat -p"
        "|iostat -vp|iostat -l|iostat -vl|iostat -lv|iostat -y|iostat -L",
    ),
)
def zfs_pools(output: str) -> list[ZfsPool]:
    """The ZFS pools, from zpool status, list and iostat. Source: zpool(8) of OpenZFS, illumos."""
    pools: dict[str, dict[str, Any]] = {}
    for table in _tables(output):
        for pool in table:
            pools.setdefault(pool["name"], {}).update(pool)
    if not pools and not re.search(r"no pools available|all pools are healthy", output):
        line = output.strip().split("\n")[0]
        if line and not _LIST.match(line) and not _IOSTAT.match(output):
            raise ProbeError(
                "storage.zfs_pools", "neither zpool status, list nor iostat", line=line
            )
    return [ZfsPool.model_validate({"suspended": False} | pool) for pool in pools.values()]


_LIST = re.compile(r"^NAME\s+SIZE\s+ALLOC", re.IGNORECASE)
_IOSTAT = re.compile(r"^\s*(?:capacity\s+operations|pool\s+alloc)", re.MULTILINE)


def _tables(output: str) -> Iterator[list[dict[str, Any]]]:
    before, *statuses = re.split(r"^\s{0,6}pool: ", output, flags=re.MULTILINE)
    lines = before.splitlines()
    if any(_LIST.match(line) for line in lines):
        yield list(_listed(lines))
    elif _IOSTAT.search(before):
        yield list(_iostat(lines))
    yield [_status(text) for text in statuses]


def _listed(lines: list[str]) -> Iterator[dict[str, Any]]:
    columns: list[str] = []
    for line in lines:
        if _LIST.match(line):
            columns = line.upper().split()
            continue
        cells = line.split()
        # With -v the devices follow, indented.
        if not columns or not cells or line[:1] in " \t" or len(cells) < len(columns):
            continue
        row = dict(zip(columns, cells, strict=False))
        yield {
            "name": row["NAME"],
            "health": row["HEALTH"] if row.get("HEALTH", "-") != "-" else None,
            "suspended": row.get("HEALTH") == "SUSPENDED",
            "size_bytes": optional_size(row["SIZE"]),
            "allocated_bytes": optional_size(row["ALLOC"]),
            "free_bytes": optional_size(row["FREE"]),
            "used_percent": percent(row.get("CAP", row.get("CAPACITY", "-"))),
            "fragmentation_percent": percent(row.get("FRAG", "-")),
        }


def _iostat(lines: list[str]) -> Iterator[dict[str, Any]]:
    for line in lines:
        cells = line.split()
        # Devices are indented; groups such as "logs" have dashes for figures.
        if len(cells) < 7 or line[:1] in " \t" or cells[0] == "pool" or cells[1][:1] == "-":
            continue
        allocated, free = size_bytes(cells[1]), size_bytes(cells[2])
        yield {
            "name": cells[0],
            "size_bytes": allocated + free,
            "allocated_bytes": allocated,
            "free_bytes": free,
            "used_percent": round(100 * allocated / (allocated + free), 1),
        }


def _status(text: str) -> dict[str, Any]:
    """The facts of one pool of zpool status, from its name on."""
    fields = _status_fields(text)
    devices = [device for line in fields["config"].splitlines() if (device := _device(line))]
    if not devices and "state" not in fields:
        raise ProbeError("storage.zfs_pools", "a pool without a state", line=text.split("\n")[0])
    name = fields["pool"]
    scan = " ".join((fields.get("scan") or fields.get("scrub", "")).split())
    running = re.match(r"(scrub|resilver)(?:ing)? in progress", scan)
    done = re.search(r"(\d+(?:[.,]\d+)?)% done", scan)
    return {
        "name": name,
        "health": fields.get("state"),
        "status": " ".join(fields["status"].split()) if "status" in fields else None,
        "suspended": fields.get("state") == "SUSPENDED"
        or ("IO failures" in fields.get("status", "") and fields.get("state") != "ONLINE"),
        "data_errors": _data_errors(fields.get("errors", "")),
        "scan": running[1] if running else None,
        "scan_percent": percent(done[1]) if running and done else None,
        "last_scrub_at": _scrub_end(scan),
        "bad_devices": _bad(devices[1:]),
        "device_errors": sum(
            d.read_errors + d.write_errors + d.checksum_errors for d in _leaves(devices)
        ),
        "devices": devices[1:],
    }


def _status_fields(text: str) -> dict[str, str]:
    fields = {"pool": text.split("\n")[0].strip(), "config": ""}
    name = ""
    for line in text.split("\n")[1:]:
        if match := re.match(
            r"^\s{0,8}(state|status|action|see|scan|scrub|config|errors): ?(.*)$", line
        ):
            name = match[1]
            fields[name] = match[2]
        elif re.match(r"^\s{0,8}config:\s*$", line):
            name = "config"
        elif name:
            fields[name] += "\n" + line
    return fields


_DEVICE = re.compile(
    r"^\s+(\S.*?)\s+(ONLINE|DEGRADED|FAULTED|OFFLINE|UNAVAIL|REMOVED|SUSPENDED|AVAIL|INUSE)"
    r"(?:\s+(\d\S*)\s+(\d\S*)\s+(\d\S*))?(?:\s+(\S.*?))?\s*$"
)


def _device(line: str) -> ZfsDevice | None:
    match = _DEVICE.match(line)
    if not match:
        return None
    reads, writes, checksums = (size_bytes(count or "0") for count in match.group(3, 4, 5))
    return ZfsDevice(
        name=match[1],
        state=match[2],
        read_errors=reads,
        write_errors=writes,
        checksum_errors=checksums,
        note=match[6],
    )


_GROUP = re.compile(
    r"^(mirror|raidz\d?|draid\S*|replacing|spare|log|cache|special|dedup)s?(-\d+)?$"
)


def _leaves(devices: list[ZfsDevice]) -> list[ZfsDevice]:
    """The devices proper; the pool's own line comes first and repeats what is below it."""
    return [device for device in devices[1:] if not _GROUP.match(device.name)]


def _bad(devices: list[ZfsDevice]) -> tuple[str, ...]:
    broken = [d for d in devices if d.state not in ("ONLINE", "AVAIL", "INUSE")]
    leaves = [device for device in broken if not _GROUP.match(device.name)]
    return tuple(
        f"{d.name} {d.state}" + (f" ({d.note})" if d.note else "") for d in leaves or broken
    )


def _data_errors(text: str) -> int | None:
    if "No known data errors" in text:
        return 0
    if count := re.match(r"\s*(\d+) data errors", text):
        return int(count[1])
    if "Permanent errors" in text:
        return max(1, sum(bool(line.strip()) for line in text.splitlines()[1:]))
    return None


def _scrub_end(scan: str) -> datetime | None:
    match = re.match(r"scrub (?:repaired|completed).* on \w{3} (\w{3} +\d+ [\d:]+ \d{4})", scan)
    if not match:
        return None
    return datetime.strptime(match[1], "%b %d %H:%M:%S %Y").replace(tzinfo=UTC)
