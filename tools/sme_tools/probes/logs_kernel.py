"""What the kernel says: its log, and its counters of OOM kills."""

from __future__ import annotations

import re

from sme_tools.analysis.kernel_events import KernelEvent, container_of, kernel_events
from sme_tools.analysis.kernel_lines import kernel_lines
from sme_tools.analysis.log_clusters import LogCluster, log_clusters
from sme_tools.analysis.log_lines import CLOCK_COMMAND, LogLine
from sme_tools.errors import ProbeError
from sme_tools.facts import Fact
from sme_tools.probes.registry import probe

# util-linux since 2.24, util-linux, busybox (which knows -r), anything else; then the places where
# a copy may be readable although the ring buffer is not.
_KERNEL_LOG = (
    CLOCK_COMMAND
    + """\
if dmesg >/dev/null 2>&1; then
  for form in '--color=never -x --time-format iso' -x -r ''; do
    if dmesg $form >/dev/null 2>&1; then dmesg $form | tail -n 5000; exit 0; fi
  done
fi
if [ -n "$(journalctl -k -b -q -o cat -n 1 2>/dev/null)" ]; then
  exec journalctl -k -b -q --no-pager -o short-iso -n 5000
fi
for file in /var/log/kern.log /var/log/messages; do
  if [ -r $file ]; then exec tail -n 5000 $file; fi
done
command -v dmesg >/dev/null 2>&1 || exit 127
exit 77
"""
)
_READS = (
    "kernel log",
    "dmesg",
    "dmesg -T",
    "dmesg -x",
    "dmesg -r",
    "dmesg -H",
    "dmesg --time-format iso",
    "sudo dmesg",
    "journalctl -k",
    "journalctl -k -b",
    "journalctl --dmesg",
    "cat /var/log/kern.log",
    "cat /var/log/messages",
    "cat /var/log/syslog",
    "cat kern.log",
    "cat messages",
    "cat syslog",
    "journalctl",
)


@probe("logs.kernel_events", level=1, needs_root=True, command=_KERNEL_LOG, reads=_READS)
def events(output: str) -> list[KernelEvent]:
    """What went wrong since the start, by the kernel's log: OOM kills, I/O errors, oopses, Xids.

    Lines that mean nothing bad give nothing. Source: the kernel's own messages; dmesg(1).
    """
    return kernel_events(kernel_lines(output))


@probe("logs.kernel", level=2, needs_root=True, command=_KERNEL_LOG)
def kernel(output: str) -> list[LogCluster]:
    """The kernel's warnings and errors since the start, clustered; harmless ones among them."""
    lines = [
        LogLine(line.message, line.level, line.at, "kernel", raw=line.message)
        for line in kernel_lines(output)
    ]
    return log_clusters(lines)


class OomGroup(Fact):
    """A control group in which the OOM killer struck."""

    cgroup: str
    """Its path below the mount of the hierarchy: `/system.slice/app.service`."""
    container: str | None = None
    kills: int
    """Since the group was made."""


class OomCounters(Fact):
    """How often the OOM killer struck, by the kernel's counters: they need no permission."""

    kills_since_boot: int | None = None
    """None on kernels before 4.13."""
    uptime_seconds: float | None = None
    groups: list[OomGroup]
    """The groups that still exist and lost a process; of nested ones the innermost."""


@probe(
    "logs.oom_counters",
    level=1,
    command=CLOCK_COMMAND
    + """\
[ -r /proc/vmstat ] || exit 127
grep '^oom_kill ' /proc/vmstat
root=/sys/fs/cgroup; [ -d $root/memory ] && root=$root/memory
find $root -maxdepth 8 \\( -name memory.events -o -name memory.oom_control \\) \
  -exec grep -H '^oom_kill [1-9]' {} + 2>/dev/null | head -n 500
exit 0
""",
    reads=("grep oom_kill /proc/vmstat", "cat /proc/vmstat"),
)
def oom_counters(output: str) -> OomCounters:
    """OOM kills since the start, in all and by control group.

    Sources: proc_vmstat(5); memory.events and memory.oom_control of the kernel's cgroup documents.
    """
    total: int | None = None
    uptime: float | None = None
    groups: dict[str, int] = {}
    for line in output.splitlines():
        if clock := re.fullmatch(r"clock \S+ (\d+\.\d+)", line.strip()):
            uptime = float(clock[1])
        elif counter := re.fullmatch(r"oom_kill (\d+)", line.strip()):
            total = int(counter[1])
        elif group := re.fullmatch(r"(/\S.*)/memory\.\w+:oom_kill (\d+)", line.strip()):
            groups[_below_mount(group[1])] = int(group[2])
        elif line.strip() and not re.match(r"\w+ -?\d*|clock ", line):
            raise ProbeError("logs.oom_counters", line=line)
    return OomCounters(
        kills_since_boot=total,
        uptime_seconds=uptime,
        groups=[
            OomGroup(cgroup=name, container=container_of(name), kills=own)
            for name, own in sorted(_own_kills(groups).items())
        ],
    )


def _below_mount(path: str) -> str:
    return re.sub(r"^/sys/fs/cgroup(?:/memory)?", "", path) or "/"


def _own_kills(groups: dict[str, int]) -> dict[str, int]:
    """Each group's kills without those of the groups below it, which cgroup v2 counts in."""
    own = dict(groups)
    for name in sorted(groups, key=len, reverse=True):
        above = name.rsplit("/", 1)[0]
        while above and above not in own:
            above = above.rsplit("/", 1)[0]
        if above:
            own[above] = max(own[above] - groups[name], 0)
    return {name: kills for name, kills in own.items() if kills and name != "/"}
