"""Processors: what they are, how warm they run, and what they spend their time on."""

from __future__ import annotations

import re

from sme_tools.errors import ProbeError
from sme_tools.facts import Fact
from sme_tools.probes.registry import probe
from sme_tools.probes.system import len_cpu_list
from sme_tools.probes.system_text import key_values, percent


class Cpu(Fact):
    """The processors."""

    cpus: int
    """Logical processors, as the system sees them."""
    model: str | None
    offline: int | None
    governor: str | None
    """How the first processor picks its frequency: performance, powersave, …"""
    thermal_throttles: int | None
    """How often, since boot, a core slowed down because it was too hot."""


@probe(
    "system.cpu",
    level=1,
    command="""cd /sys/devices/system/cpu 2>/dev/null || { sysctl hw.ncpu hw.model \\
  machdep.cpu.brand_string 2>/dev/null; exit; }
echo "processor count: $(nproc 2>/dev/null || grep -c '^processor' /proc/cpuinfo)"
grep -m 1 -E '^(model name|cpu model|Hardware|Model)[[:space:]]*:' /proc/cpuinfo
echo "offline: $(cat offline 2>/dev/null)"
echo "governor: $(cat cpu0/cpufreq/scaling_governor 2>/dev/null)"
cat cpu[0-9]*/thermal_throttle/core_throttle_count 2>/dev/null | sed 's/^/throttled: /'
:""",
    reads=("cat /proc/cpuinfo", "lscpu"),
)
def cpu(output: str) -> Cpu:
    """Number and model of the processors, and whether heat has slowed them down."""
    lines = output.splitlines()
    found = {key.lower(): value for key, value in reversed(list(_fields(lines)))}
    listed = sum(1 for line in lines if re.match(r"processor\s*:\s*\d+\s*\Z", line))
    count = found.get("processor count") or found.get("cpu(s)") or found.get("hw.ncpu")
    if not count and not listed:
        raise ProbeError("system.cpu", line=lines[0] if lines else "")
    models = (
        "model name",
        "cpu model",
        "machdep.cpu.brand_string",
        "hw.model",
        "hardware",
        "model",
    )
    off = found.get("offline") or found.get("off-line cpu(s) list")
    throttles = [int(line.split()[1]) for line in lines if line.startswith("throttled: ")]
    return Cpu(
        cpus=int(count) if count else listed,
        model=next((found[m] for m in (*models, "model") if not found.get(m, "0").isdigit()), None),
        offline=len_cpu_list(off) if off else None,
        governor=found.get("governor") or None,
        thermal_throttles=sum(throttles) if throttles else None,
    )


def _fields(lines: list[str]) -> list[tuple[str, str]]:
    return [pair for line in lines for pair in key_values([line], ":").items()]


class CpuUsage(Fact):
    """What all processors together did between two looks, in shares of their time."""

    user_percent: float
    """Programs, niced ones included."""
    system_percent: float
    """The kernel, interrupts included."""
    iowait_percent: float
    """Idle, with a task that waits for disk."""
    steal_percent: float
    """Taken by the hypervisor for other guests."""
    idle_percent: float
    busiest_cpu_percent: float
    """Of the one processor that was least idle."""
    interval_s: float | None = None
    """Between the looks; None where a recording does not tell."""


@probe(
    "system.cpu_usage",
    level=4,
    command="""[ -r /proc/stat ] || exit 127
look() { echo @look; cat /proc/uptime; grep '^cpu' /proc/stat; }
look
sleep 1
look""",
    reads=("mpstat",),
)
def cpu_usage(output: str) -> CpuUsage:
    """What the processors do within one second. Source: proc_stat(5), mpstat(1)."""
    if " %idle" in output:
        return _mpstat(output)
    looks = _looks(output)
    if len(looks) != 2:
        raise ProbeError("system.cpu_usage", "two looks are needed", line=output[:100])
    (before, then), (after, now) = looks
    spent = {
        name: [max(b - a, 0) for a, b in zip(before[name], after[name], strict=False)]
        for name in after
        if name in before
    }
    user, nice, system, idle, iowait, irq, softirq, steal = (spent["cpu"] + [0] * 8)[:8]
    total = user + nice + system + idle + iowait + irq + softirq + steal
    each = [ticks for name, ticks in spent.items() if name != "cpu"]
    shares = [percent(sum(ticks[:3]), sum(ticks[:8])) for ticks in each]
    return CpuUsage(
        user_percent=percent(user + nice, total),
        system_percent=percent(system + irq + softirq, total),
        iowait_percent=percent(iowait, total),
        steal_percent=percent(steal, total),
        idle_percent=percent(idle, total),
        busiest_cpu_percent=max(shares, default=0.0),
        interval_s=round(now - then, 2),
    )


def _mpstat(output: str) -> CpuUsage:
    """The last table of mpstat with a row for all processors; the average, where there is one."""
    tables: list[dict[str, dict[str, float]]] = []
    names: list[str] = []
    for line in output.splitlines():
        words = line.split()
        if "CPU" in words and "%idle" in words:
            names = words[words.index("CPU") :]
            tables.append({})
        elif names and len(words) > len(names) and words[-len(names)] != "CPU":
            row = words[-len(names) :]
            tables[-1][row[0]] = dict(zip(names[1:], map(float, row[1:]), strict=True))
        elif not words:
            names = []
    whole = [table for table in tables if "all" in table]
    if not whole:
        raise ProbeError("system.cpu_usage", "no row for all processors", line=output[:100])
    shares = whole[-1]["all"]
    each = [row["%idle"] for cpu, row in whole[-1].items() if cpu != "all"] or [shares["%idle"]]
    return CpuUsage(
        user_percent=round(shares.get("%usr", shares.get("%user", 0)) + shares["%nice"], 1),
        system_percent=round(
            shares.get("%sys", 0) + shares.get("%irq", 0) + shares.get("%soft", 0), 1
        ),
        iowait_percent=round(shares.get("%iowait", 0), 1),
        steal_percent=round(shares.get("%steal", 0), 1),
        idle_percent=round(shares["%idle"], 1),
        busiest_cpu_percent=round(100 - min(each), 1),
    )


def _looks(output: str) -> list[tuple[dict[str, list[int]], float]]:
    found = []
    for part in output.split("@look\n")[1:]:
        clock, *rows = part.splitlines()
        ticks = {row.split()[0]: [int(word) for word in row.split()[1:]] for row in rows if row}
        found.append((ticks, float(clock.split()[0])))
    return found


class Vmstat(Fact):
    """One line of vmstat(8): the last one of the output."""

    since_boot: bool
    """The only line there was: averages since boot, not what happens now."""
    runnable: int
    blocked: int
    """Tasks waiting for disk."""
    swap_in_bytes_per_s: int | None
    swap_out_bytes_per_s: int | None
    user_percent: float
    system_percent: float
    idle_percent: float
    iowait_percent: float | None
    steal_percent: float | None


@probe(
    "system.vmstat",
    level=4,
    tool="vmstat",
    command="vmstat 1 2 2>/dev/null || vmstat -w 1 -c 2",
    reads=(
        "vmstat", "vmstat -a", "vmstat -w", "vmstat -n", "vmstat -t", "vmstat -at", "vmstat -aw",
        "vmstat -awt", "vmstat -wt", "vmstat -S k", "vmstat 1", "vmstat 1 2", "vmstat 1 3",
        "vmstat 1 5", "vmstat 1 10", "vmstat 2 5", "vmstat 5 5", "vmstat 5 10", "vmstat -w 1 5",
    ),
)  # fmt: skip
def vmstat(output: str) -> Vmstat:
    """Run queue, swapping and processor time within one second. Source: vmstat(8)."""
    header: list[str] = []
    rows: list[list[str]] = []
    for line in output.splitlines():
        words = line.split()
        if words[:2] == ["r", "b"]:
            header = words
        elif words and words[0].isdigit() and header:
            rows.append(words)
        elif words and not re.match(r"-*\s*(procs|kthr)", line):
            raise ProbeError("system.vmstat", line=line)
    if not rows:
        raise ProbeError("system.vmstat", "no figures", line=output[:120])
    # BSD has two columns `sy`, of which the later one is a share of processor time.
    last = {name: int(word) for name, word in zip(header, rows[-1], strict=False) if word.isdigit()}
    linux = "swpd" in header
    return Vmstat(
        since_boot=len(rows) == 1,
        runnable=last["r"],
        blocked=last["b"],
        swap_in_bytes_per_s=last["si"] * 1024 if linux else None,
        swap_out_bytes_per_s=last["so"] * 1024 if linux else None,
        user_percent=last["us"],
        system_percent=last["sy"],
        idle_percent=last["id"],
        iowait_percent=last.get("wa"),
        steal_percent=last.get("st"),
    )
