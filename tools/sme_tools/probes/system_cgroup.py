"""The limits of the container that we are in, and how near it is to them."""

from __future__ import annotations

import re

from sme_tools.errors import ProbeError
from sme_tools.facts import Fact
from sme_tools.probes.registry import probe
from sme_tools.probes.system_text import percent

_UNLIMITED = 1 << 60
"""cgroup v1 says a number as large as this where there is no limit."""


class ContainerLimits(Fact):
    """What the container that we are in may use, and what it does use."""

    memory_limit_bytes: int | None
    memory_used_bytes: int | None
    """Without the page cache that can be dropped at once."""
    memory_used_percent: float | None
    oom_kills: int | None
    """Processes killed for lack of memory since the container started."""
    tasks: int | None
    tasks_max: int | None
    tasks_used_percent: float | None
    cpu_quota: float | None
    """In processors: 1.5 means one and a half."""
    cpu_throttled_percent: float | None
    """The share of the scheduling periods since its start in which it was held back."""


@probe(
    "system.cgroup",
    level=1,
    command="""cd /sys/fs/cgroup 2>/dev/null || exit 127
grep . memory.max memory.current memory.stat memory.events pids.max pids.current cpu.max cpu.stat \\
  memory/memory.limit_in_bytes memory/memory.usage_in_bytes memory/memory.stat \\
  memory/memory.oom_control pids/pids.max pids/pids.current \\
  cpu/cpu.cfs_quota_us cpu/cpu.cfs_period_us cpu/cpu.stat 2>/dev/null
:""",
)
def cgroup(output: str) -> ContainerLimits | None:
    """The limits of this container. Source: kernel docs cgroup-v2.rst and cgroup-v1/."""
    found = _values(output)
    limit = _limit(found, "memory.max", "memory/memory.limit_in_bytes")
    tasks_max = _limit(found, "pids.max", "pids/pids.max")
    quota = _quota(found)
    if limit is None and tasks_max is None and quota is None:
        return None  # the root of the hierarchy: no container, or one without limits
    used = _limit(found, "memory.current", "memory/memory.usage_in_bytes")
    if used is not None:
        idle = _limit(found, "memory.stat inactive_file", "memory/memory.stat total_inactive_file")
        used = max(used - (idle or 0), 0)
    tasks = _limit(found, "pids.current", "pids/pids.current")
    periods = _limit(found, "cpu.stat nr_periods", "cpu/cpu.stat nr_periods")
    throttled = _limit(found, "cpu.stat nr_throttled", "cpu/cpu.stat nr_throttled")
    return ContainerLimits(
        memory_limit_bytes=limit,
        memory_used_bytes=used,
        memory_used_percent=percent(used, limit) if limit and used is not None else None,
        oom_kills=_limit(found, "memory.events oom_kill", "memory/memory.oom_control oom_kill"),
        tasks=tasks,
        tasks_max=tasks_max,
        tasks_used_percent=percent(tasks, tasks_max) if tasks and tasks_max else None,
        cpu_quota=quota,
        cpu_throttled_percent=percent(throttled or 0, periods) if periods else None,
    )


def _values(output: str) -> dict[str, str]:
    """`memory.stat:anon 4096` as {"memory.stat anon": "4096"}, `memory.max:max` as it stands."""
    found = {}
    for line in output.splitlines():
        match = re.fullmatch(r"([\w/]+\.[\w.]+):(?:([a-z]\w*) )?(max|-?\d+|(?:max|\d+) \d+)", line)
        if not match:
            raise ProbeError("system.cgroup", line=line)
        found[f"{match[1]} {match[2]}" if match[2] else match[1]] = match[3]
    return found


def _limit(found: dict[str, str], *names: str) -> int | None:
    """The first of these that the kernel knows; None where there is no limit."""
    text = next((found[name] for name in names if name in found), "max")
    return None if text == "max" or not 0 <= int(text) < _UNLIMITED else int(text)


def _quota(found: dict[str, str]) -> float | None:
    text = found.get("cpu.max", "max")
    if "cpu/cpu.cfs_quota_us" in found:
        text = f"{found['cpu/cpu.cfs_quota_us']} {found['cpu/cpu.cfs_period_us']}"
    quota, _, period = text.partition(" ")
    return None if quota == "max" or int(quota) < 0 else round(int(quota) / int(period), 2)
