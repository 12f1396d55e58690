"""Processes that take a whole processor at this moment."""

from __future__ import annotations

import re

from sme_tools.errors import ProbeError
from sme_tools.facts import Fact
from sme_tools.probes.processes import COMMAND_CHARS, is_batch, program_name
from sme_tools.probes.registry import probe
from sme_tools.probes.system_text import clock_s


class CpuHog(Fact):
    """A process that took at least 30 % of a processor between two looks 0.3 s apart."""

    pid: int
    name: str
    command: str
    cpu_percent: float
    """Of one processor: 250 is two and a half."""
    host_percent: float
    """Of all processors."""
    cpus: int
    """How many processors there are."""
    cpu_time_s: float
    """What it has used in its whole life."""
    age_s: float | None
    nice: int | None
    spinning: bool | None
    """Never waited for anything at either look and touched no new memory: a loop that does nothing
    else. It would take a whole processor if it had one to itself."""
    kernel: bool
    batch: bool
    """A program whose job is to use processors: compiler, encoder, archiver, virtual machine."""


# Of /proc/PID/stat everything after the last `)` is numbers; a program's name may hold anything.
# The shells that carry this probe are left out: everything below the topmost shell above it.
_LINUX = r"""hz=$(getconf CLK_TCK 2>/dev/null)
words() { { tr '\0\n' '  ' </proc/$1/cmdline | cut -c 1-200; } 2>/dev/null; }
look() { read -r up rest </proc/uptime; echo "@ $up"; cat /proc/[0-9]*/stat 2>/dev/null; }
{ look; sleep 0.3 2>/dev/null || sleep 1; look; } | awk -v me=$$ -v hz="${hz:-100}" '
$1 == "@" { look++; at[look] = $2; next }
{ pid = $1; name = $0; sub(/^[0-9]+ \(/, "", name); sub(/\)[^)]*$/, "", name)
  rest = $0; sub(/^.*\) /, "", rest); split(rest, f, " ")
  parent[pid] = f[2]; comm[pid] = name; ticks = f[12] + f[13]; start = f[20]
  if (look == 1) { before[pid] = ticks; faults[pid] = f[8]; born[pid] = start
    state[pid] = f[1]; next }
  if (born[pid] != start) next
  spent[pid] = ticks - before[pid]
  row[pid] = ticks / hz " " at[2] - start / hz " " f[17] " " f[8] - faults[pid] \
    " " state[pid] f[1] " " f[2] }
END {
  top = me
  while (comm[parent[top]] ~ /^(sh|dash|bash|ash|ksh|busybox|setsid|sudo|env)$/) top = parent[top]
  seconds = at[2] - at[1]
  for (pid in spent) {
    if (spent[pid] < seconds * hz * 0.3) continue
    for (up = pid; up != "" && up != top && up > 1; up = parent[up]) ;
    if (up != top) print "hog", pid, 100 * spent[pid] / hz / seconds, row[pid], comm[pid] }
}' | while read -r tag pid rest; do
  printf '%s %s %s\n' $tag $pid "$rest"
  printf 'args %s %s\n' $pid "$(words $pid)"
done
echo "cpus $(grep -c '^cpu[0-9]' /proc/stat)" """

_OTHER = """ps -A -o pid,pcpu,time,etime,nice,args | awk 'NR > 1 && $2 >= 30 { print "ps", $0 }'
echo "cpus $(sysctl -n hw.ncpu)" """


@probe(
    "processes.cpu_hogs",
    level=1,
    command=f"if [ -r /proc/self/stat ] && [ -r /proc/stat ]; then\n{_LINUX}\nelse\n{_OTHER}\nfi",
)
def cpu_hogs(output: str) -> list[CpuHog]:
    """Processes that take 30 % of a processor or more right now. Source: proc_pid_stat(5)."""
    lines = output.splitlines()
    counts = [line.split()[1] for line in lines if re.fullmatch(r"cpus \d+", line)]
    if not counts:
        raise ProbeError("processes.cpu_hogs", "the number of processors is missing")
    cpus = int(counts[0]) or 1
    arguments = {
        words[1]: words[2].strip() if len(words) > 2 else ""
        for words in (line.split(" ", 2) for line in lines if line.startswith("args "))
    }
    found = []
    for line in lines:
        kind = line.partition(" ")[0]
        if kind == "hog":
            found.append(_from_proc(line, arguments, cpus))
        elif kind == "ps":
            found.append(_from_ps(line, cpus))
        elif kind not in ("args", "cpus"):
            raise ProbeError("processes.cpu_hogs", line=line)
    return sorted(found, key=lambda hog: hog.cpu_percent, reverse=True)


def _from_proc(line: str, arguments: dict[str, str], cpus: int) -> CpuHog:
    _, pid, share, spent, age, nice, faults, states, parent, comm = line.split(" ", 9)
    command = arguments.get(pid) or f"[{comm}]"
    kernel = not arguments.get(pid) and (parent == "2" or pid == "2")
    name = program_name(command)
    return CpuHog(
        pid=int(pid),
        name=name,
        command=command[:COMMAND_CHARS],
        cpu_percent=round(float(share), 1),
        host_percent=round(float(share) / cpus, 1),
        cpus=cpus,
        cpu_time_s=round(float(spent), 2),
        age_s=round(max(float(age), 0), 1),
        nice=int(nice),
        spinning=int(faults) == 0 and states == "RR",
        kernel=kernel,
        batch=is_batch(comm) or is_batch(name),
    )


def _from_ps(line: str, cpus: int) -> CpuHog:
    _, pid, share, spent, age, nice, command = line.split(None, 6)
    name = program_name(command)
    return CpuHog(
        pid=int(pid),
        name=name,
        command=command[:COMMAND_CHARS],
        cpu_percent=float(share),
        host_percent=round(float(share) / cpus, 1),
        cpus=cpus,
        cpu_time_s=clock_s(spent),
        age_s=clock_s(age),
        nice=int(nice),
        spinning=None,
        kernel=False,
        batch=is_batch(name),
    )
