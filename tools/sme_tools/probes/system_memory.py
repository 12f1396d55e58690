"""Memory, swap, and the time lost waiting for memory, CPU and disk."""

from __future__ import annotations

import re

from sme_tools.errors import ProbeError
from sme_tools.facts import Fact
from sme_tools.probes.registry import probe
from sme_tools.probes.system_text import key_values, percent, size_bytes


class Memory(Fact):
    """Memory of the machine; inside a container without lxcfs, of its host."""

    total_bytes: int
    available_bytes: int
    """What programs can still get without swapping, by the kernel's own estimate."""
    available_percent: float
    used_percent: float
    """The rest: what programs and the kernel hold and can't give back."""
    free_bytes: int
    cached_bytes: int | None
    shared_bytes: int | None
    dirty_bytes: int | None
    """Waiting to be written to disk."""
    writeback_bytes: int | None
    slab_unreclaimable_bytes: int | None
    committed_percent: float | None
    """Promised memory against the limit that counts only if overcommit is switched off."""
    hugepages_total_bytes: int | None
    hugepages_free_bytes: int | None
    hardware_corrupted_bytes: int | None
    swap_total_bytes: int | None
    swap_used_bytes: int | None
    swap_used_percent: float | None


@probe(
    "system.memory",
    level=1,
    command="""cat /proc/meminfo 2>/dev/null && exit
if [ "$(uname -s)" = Darwin ]; then sysctl hw.memsize; vm_stat
else sysctl hw.physmem vm.stats.vm.v_page_size vm.stats.vm.v_free_count \\
  vm.stats.vm.v_inactive_count 2>/dev/null || exit 127; fi""",
    reads=(
        "cat /proc/meminfo", "free", "free -k", "free -m", "free -b", "free -h", "free -w",
        "free -t", "free -hw", "free -h -w", "free -mt", "free -m -t", "free -wh", "vm_stat",
    ),
)  # fmt: skip
def memory(output: str) -> Memory:
    """Memory and swap in use. Source: proc_meminfo(5), free(1), vm_stat(1)."""
    if re.search(r"^\s*Mem:\s", output, re.MULTILINE):
        return _from_free(output)
    found = {
        key: size_bytes(value.replace("kB", "k").rstrip("."))
        for key, value in key_values(output.splitlines(), ":").items()
        if re.fullmatch(r"\d+\.?( kB)?", value)
    }
    if "MemTotal" in found:
        return _from_meminfo(found)
    page = re.search(r"page size of (\d+) bytes", output)
    unit = int(page[1]) if page else found.get("vm.stats.vm.v_page_size", 0)
    free = found.get("Pages free", found.get("vm.stats.vm.v_free_count", 0)) * unit
    idle = found.get("Pages inactive", found.get("vm.stats.vm.v_inactive_count", 0)) * unit
    idle += found.get("Pages speculative", 0) * unit
    total = found.get("hw.memsize") or found.get("hw.physmem") or _pages_of_mac(found) * unit
    if not total or not unit:
        raise ProbeError("system.memory", "no total found", line=output[:120])
    return _memory(total=total, free=free, available=min(free + idle, total))


def _pages_of_mac(found: dict[str, int]) -> int:
    kinds = ("free", "active", "inactive", "speculative", "wired down", "throttled")
    return sum(found.get(f"Pages {kind}", 0) for kind in kinds) + found.get(
        "Pages occupied by compressor", 0
    )


def _memory(*, total: int, free: int, available: int, **others: int | float | None) -> Memory:
    optional = dict.fromkeys(Memory.model_fields)
    return Memory.model_validate(
        {
            **optional,
            "total_bytes": total,
            "free_bytes": free,
            "available_bytes": available,
            "available_percent": percent(available, total),
            "used_percent": percent(total - available, total),
            **others,
        }
    )


def _swap(total: int, used: int) -> dict[str, int | float | None]:
    share = percent(used, total) if total else None
    return {"swap_total_bytes": total, "swap_used_bytes": used, "swap_used_percent": share}


def _from_meminfo(found: dict[str, int]) -> Memory:
    free = found["MemFree"]
    cached = found.get("Cached", 0) + found.get("Buffers", 0) + found.get("SReclaimable", 0)
    # Kernels before 3.14 have no MemAvailable; shared memory is counted as cache but stays.
    estimate = min(free + cached - found.get("Shmem", 0), found["MemTotal"])
    page = found.get("Hugepagesize", 0)
    swap = found.get("SwapTotal", 0)
    limit = found.get("CommitLimit")
    return _memory(
        total=found["MemTotal"],
        free=free,
        available=found.get("MemAvailable", max(estimate, 0)),
        cached_bytes=cached,
        shared_bytes=found.get("Shmem"),
        dirty_bytes=found.get("Dirty"),
        writeback_bytes=found.get("Writeback"),
        slab_unreclaimable_bytes=found.get("SUnreclaim"),
        committed_percent=percent(found.get("Committed_AS", 0), limit) if limit else None,
        hugepages_total_bytes=found.get("HugePages_Total", 0) * page,
        hugepages_free_bytes=found.get("HugePages_Free", 0) * page,
        hardware_corrupted_bytes=found.get("HardwareCorrupted"),
        **_swap(swap, swap - found.get("SwapFree", swap)),
    )


def _from_free(output: str) -> Memory:
    lines = [line for line in output.splitlines() if line.strip()]
    header = next((line.split() for line in lines if line.split()[:2] == ["total", "used"]), None)
    row = next(line for line in lines if line.strip().startswith("Mem:"))
    if header is None:
        raise ProbeError("system.memory", "free without a header", line=row)
    words = row.split()[1:]
    unit = _free_unit(words)
    found = dict(zip(header, (size_bytes(word, unit) for word in words), strict=False))
    cached = found.get("buff/cache", found.get("cache", 0) + found.get("buffers", 0))
    cached += found.get("cached", 0)
    available = found.get("available", found["free"] + cached)
    swap = next((line.split()[1:] for line in lines if line.strip().startswith("Swap:")), None)
    swapped = [size_bytes(word, unit) for word in swap[:2]] if swap else []
    return _memory(
        total=found["total"],
        free=found["free"],
        available=available,
        cached_bytes=cached,
        shared_bytes=found.get("shared"),
        **(_swap(swapped[0], swapped[1]) if swapped else {}),
    )


def _free_unit(words: list[str]) -> int:
    """The unit of free's bare numbers, which the output does not name.

    Bytes are always whole KiB; a total below 256 MiB in KiB would be a machine of 2005, and is
    256 GiB in MiB.
    """
    figures = [int(word) for word in words if word.isdigit()]
    if not figures:
        return 1
    if figures[0] >= 1 << 26 and all(figure % 1024 == 0 for figure in figures):
        return 1
    return 1024 if figures[0] >= 1 << 18 else 1 << 20


class SwapArea(Fact):
    """One swap partition or file."""

    device: str
    type: str | None
    total_bytes: int
    used_bytes: int
    used_percent: float
    priority: int | None


@probe(
    "system.swap",
    level=1,
    command="cat /proc/swaps 2>/dev/null || swapinfo -k 2>/dev/null || exit 127",
    reads=(
        "swapon", "swapon -s", "swapon --show", "swapon --summary", "swapon --show --bytes",
        "swapon --show=NAME,TYPE,SIZE,USED,PRIO", "cat /proc/swaps", "swapinfo", "swapinfo -k",
    ),
)  # fmt: skip
def swap(output: str) -> list[SwapArea]:
    """Every swap area. Source: swapon(8), proc_swaps(5), swapinfo(8)."""
    lines = [line for line in output.splitlines() if line.strip()]
    if not lines:
        return []
    header = [_SWAP_COLUMNS.get(word.lower(), word.lower()) for word in lines[0].split()]
    if "device" not in header or "used" not in header:
        raise ProbeError("system.swap", line=lines[0])
    kibi = lines[0].split()[0] in ("Filename", "Device")
    return [
        _swap_area(dict(zip(header, _swap_words(line, len(header)), strict=False)), kibi)
        for line in lines[1:]
        if not line.startswith("Total")
    ]


_SWAP_COLUMNS = {
    "name": "device", "filename": "device", "prio": "priority", "1k-blocks": "size",
    "1024-blocks": "size",
}  # fmt: skip


def _swap_words(line: str, columns: int) -> list[str]:
    """The cells of a row; `(deleted)` after a file's name belongs to the name."""
    return line.replace(" (deleted)", "(deleted)").split(None, columns)


def _swap_area(row: dict[str, str], kibi: bool) -> SwapArea:
    unit = 1024 if kibi else 1
    try:
        total, used = size_bytes(row["size"], unit), size_bytes(row["used"], unit)
    except (KeyError, ValueError) as error:
        raise ProbeError("system.swap", line=" ".join(row.values())) from error
    return SwapArea(
        device=row["device"],
        type=row.get("type"),
        total_bytes=total,
        used_bytes=used,
        used_percent=percent(used, total),
        priority=int(row["priority"]) if "priority" in row else None,
    )


class Stall(Fact):
    """The share of time in which tasks waited for one resource, averaged over a window."""

    some_10s_percent: float
    """At least one task waited."""
    some_60s_percent: float
    some_300s_percent: float
    full_10s_percent: float | None
    """All tasks that had work waited: nothing got done."""
    full_60s_percent: float | None
    full_300s_percent: float | None


class Pressure(Fact):
    """Pressure stall information of the whole kernel, containers or not."""

    cpu: Stall | None
    memory: Stall | None
    io: Stall | None


_STALL = re.compile(
    r"(some|full) avg10=([\d.]+) avg60=([\d.]+) avg300=([\d.]+) total=\d+", re.ASCII
)


@probe(
    "system.pressure",
    level=1,
    command="grep . /proc/pressure/* 2>/dev/null || exit 127",
    reads=(
        "grep . /proc/pressure/*", "grep -r . /proc/pressure", "head /proc/pressure/*",
        "tail -n +1 /proc/pressure/*",
    ),
)  # fmt: skip
def pressure(output: str) -> Pressure:
    """How much time is lost waiting for CPU, memory and disk. Source: kernel doc psi.rst."""
    found: dict[str, dict[str, float]] = {}
    resource = ""
    for line in output.splitlines():
        if name := re.search(r"/proc/pressure/(\w+)", line):
            resource = name[1]
        if stall := _STALL.search(line):
            windows = zip(("10s", "60s", "300s"), stall.groups()[1:], strict=True)
            figures = {f"{stall[1]}_{window}_percent": float(text) for window, text in windows}
            found.setdefault(resource, {}).update(figures)
        elif line.strip() and not name:
            raise ProbeError("system.pressure", line=line)
    if not found or "" in found:
        raise ProbeError("system.pressure", "which resource is meant does not show", line=output)
    none = {name: None for name in Stall.model_fields if name.startswith("full")}
    stalls = {name: Stall.model_validate({**none, **found[name]}) for name in found}
    return Pressure(cpu=stalls.get("cpu"), memory=stalls.get("memory"), io=stalls.get("io"))
