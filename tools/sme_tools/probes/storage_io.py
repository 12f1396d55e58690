"""How busy the disks are and how long requests wait."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

from sme_tools.errors import ProbeError
from sme_tools.facts import Fact
from sme_tools.probes.registry import probe
from sme_tools.probes.storage_reading import with_options

SECTOR_BYTES = 512
"""What /proc/diskstats counts in, whatever the disk's own sectors. Source: kernel iostats.rst."""


class DiskIo(Fact):
    """One block device. Rates are over `interval_s`, or since boot where that is left out."""

    device: str
    interval_s: float | None = None
    reads_per_s: float | None = None
    writes_per_s: float | None = None
    read_bytes_per_s: float | None = None
    written_bytes_per_s: float | None = None
    read_await_ms: float | None = None
    """Mean time from request to answer; None if there was no request."""
    write_await_ms: float | None = None
    utilisation_percent: float | None = None
    """Share of the time with at least one request under way. SSDs and RAIDs can do more at 100."""
    queue_length: float | None = None
    """Mean number of requests under way."""
    in_flight: int | None = None
    """Requests under way at the moment of looking."""


@probe(
    "storage.disk_io",
    level=4,
    command="""\
[ -r /proc/diskstats ] || exit 127
cat /proc/uptime /proc/diskstats; sleep 2; cat /proc/uptime /proc/diskstats""",
    reads=(
        *with_options(
            "cat",
            "/proc/diskstats",
        ),
        *with_options(
            "iostat",
            "|-x|-d|-dx|-xd|-m|-k|-mx|-xm|-xk|-kx|-xz|-dxm|-xdm|-xtc|-xdk|-N|-xN|-p|-x 1|1"
            "|-x 1 2|1 2|-xz 1|-y 1 1|-x -y 1 1|-xy 1 1|-x 1 3|-x 1 5|-x 5 2|-dx 1 2|-t|-xt"
            "|-z|-h|-s|-1",
        ),
    ),
)
def disk_io(output: str) -> list[DiskIo]:
    """Requests, waiting times and use of each disk. Source: kernel iostats.rst, iostat(1)."""
    if re.search(r"^\s*Device:?\s", output, re.MULTILINE):
        return list(_iostat(output))
    samples = list(_samples(output))
    if not samples and output.strip():
        raise ProbeError(
            "storage.disk_io", "neither diskstats nor iostat", line=output.split("\n")[0]
        )
    if len(samples) < 2:
        return [_since_boot(*item) for item in samples[0][1].items()] if samples else []
    (began, before), (ended, after) = samples[0], samples[-1]
    return [
        _between(device, before[device], now, ended - began)
        for device, now in after.items()
        if device in before and ended > began
    ]


_Counters = list[int]


def _samples(output: str) -> Iterator[tuple[float, dict[str, _Counters]]]:
    """Each sample: the uptime in seconds (0 if not told) and the counters by device."""
    uptime, devices = 0.0, dict[str, _Counters]()
    for line in output.splitlines():
        fields = line.split()
        if not fields:
            continue
        if len(fields) == 2:
            if devices:
                yield uptime, devices
            uptime, devices = float(fields[0]), {}
        elif len(fields) >= 14 and fields[0].isdigit() and fields[1].isdigit():
            counters = [int(field) for field in fields[3:14]]
            if any(counters):  # unused ram disks and loop devices are of no interest
                devices[fields[2]] = counters
        elif len(fields) != 7:  # partitions before kernel 2.6.25 have four counters
            raise ProbeError("storage.disk_io", "not a line of diskstats", line=line)
    if devices:
        yield uptime, devices


def _since_boot(device: str, now: _Counters) -> DiskIo:
    reads, _, _, read_ms, writes, _, _, write_ms, in_flight, _, _ = now
    return DiskIo(
        device=device,
        read_await_ms=_mean(read_ms, reads),
        write_await_ms=_mean(write_ms, writes),
        in_flight=in_flight,
    )


def _between(device: str, before: _Counters, now: _Counters, interval_s: float) -> DiskIo:
    change = [max(0, b - a) for a, b in zip(before, now, strict=True)]
    reads, _, read_sectors, read_ms, writes, _, written_sectors, write_ms, _, busy_ms, queue = (
        change
    )
    return DiskIo(
        device=device,
        interval_s=round(interval_s, 2),
        reads_per_s=round(reads / interval_s, 2),
        writes_per_s=round(writes / interval_s, 2),
        read_bytes_per_s=round(read_sectors * SECTOR_BYTES / interval_s),
        written_bytes_per_s=round(written_sectors * SECTOR_BYTES / interval_s),
        read_await_ms=_mean(read_ms, reads),
        write_await_ms=_mean(write_ms, writes),
        utilisation_percent=round(min(100.0, busy_ms / interval_s / 10), 1),
        queue_length=round(queue / interval_s / 1000, 2),
        in_flight=now[8],
    )


def _mean(total_ms: int, count: int) -> float | None:
    return round(total_ms / count, 2) if count else None


_COLUMNS = {
    "r/s": "reads_per_s",
    "w/s": "writes_per_s",
    "r_await": "read_await_ms",
    "w_await": "write_await_ms",
    "%util": "utilisation_percent",
    "aqu-sz": "queue_length",
    "avgqu-sz": "queue_length",
}
_RATES = (
    (re.compile(r"^r?(kB|MB|Blk|B|sec)(?:_read)?/s$"), "read_bytes_per_s"),
    (re.compile(r"^w?(kB|MB|Blk|B|sec)(?:_wrtn)?/s$"), "written_bytes_per_s"),
)
_UNITS = {"B": 1, "kB": 1024, "MB": 1024**2, "Blk": SECTOR_BYTES, "sec": SECTOR_BYTES}


def _iostat(output: str) -> Iterator[DiskIo]:
    """The devices of the last report: the first tells of all the time since boot."""
    columns: list[str] = []
    found: dict[str, dict[str, Any]] = {}
    for line in output.splitlines():
        fields = line.split()
        if fields and re.match(r"^Device:?$", fields[0]):
            columns, found = fields, {}
        elif not fields or not columns:
            columns = []
        elif len(fields) == len(columns):
            row = dict(zip(columns[1:], fields[1:], strict=True))
            found[fields[0]] = _iostat_row(row) | {"device": fields[0]}
        else:
            raise ProbeError("storage.disk_io", "not a row of iostat", line=line)
    yield from (DiskIo.model_validate(row) for row in found.values())


def _iostat_row(row: dict[str, str]) -> dict[str, Any]:
    facts: dict[str, Any] = {}
    for name, text in row.items():
        value = float(text.replace(",", "."))
        if name in _COLUMNS:
            facts[_COLUMNS[name]] = value
        for form, fact in _RATES:
            if (match := form.match(name)) and fact not in facts:
                facts[fact] = round(value * _UNITS[match[1]], 1)
                break
    return facts
