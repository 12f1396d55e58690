"""Processes that are dead but not buried, and processes that are stuck in the kernel."""

from __future__ import annotations

import re

from sme_tools.errors import ProbeError
from sme_tools.facts import Fact
from sme_tools.probes.processes import COMMAND_CHARS, program_name
from sme_tools.probes.registry import probe


class Zombies(Fact):
    """The dead children that one process has not asked for their exit code."""

    parent: str
    """The program that should have asked."""
    parent_pid: int
    parent_command: str
    count: int
    names: list[str]
    oldest_s: float | None
    """Time since the oldest of them was started."""


class StuckProcess(Fact):
    """A process in an uninterruptible wait: no signal reaches it, SIGKILL neither."""

    pid: int
    name: str
    command: str
    wait_channel: str | None
    """The kernel function it waits in; root alone may see it."""
    on_network_storage: bool | None
    """It waits for NFS, SMB, FUSE or Ceph; None if the wait channel is unknown."""
    age_s: float | None


class ProcessStates(Fact):
    """Zombies and stuck processes that were there at two looks a quarter of a second apart."""

    zombies: list[Zombies]
    uninterruptible: list[StuckProcess]
    """Did not run once between the looks. Threads of the kernel are left out."""


# `Z` and `D` are rare, so the second look, with its wait, is rare too. Between the looks a process
# that waits for a slow disk is scheduled now and then; one that hangs is not.
_LINUX = r"""hz=$(getconf CLK_TCK 2>/dev/null)
words() { { tr '\0\n' '  ' </proc/$1/cmdline | cut -c 1-200; } 2>/dev/null; }
look() {
  cat /proc/[0-9]*/stat 2>/dev/null | awk '{
    pid = $1; name = $0; sub(/^[0-9]+ \(/, "", name); sub(/\)[^)]*$/, "", name)
    rest = $0; sub(/^.*\) /, "", rest); split(rest, f, " ")
    if (f[1] == "Z" || (f[1] == "D" && f[2] != 2 && pid != 2)) print f[1], pid, f[2], f[20], name }'
}
switches() {
  awk '/ctxt_switches/ { sum += $2 } END { print sum + 0 }' /proc/$1/status 2>/dev/null
}
seen=$(look)
[ "$seen" ] || exit 0
before=$(printf '%s\n' "$seen" | while read -r state pid rest; do
  [ $state = D ] && echo "$pid:$(switches $pid)"; done)
sleep 0.25 2>/dev/null || sleep 1
read -r up rest </proc/uptime
look | while read -r state pid parent start name; do
  case "
$seen" in *"
$state $pid $parent $start "*) ;; *) continue ;; esac
  age=$(awk -v up=$up -v start=$start -v hz=${hz:-100} 'BEGIN { print up - start / hz }')
  if [ $state = Z ]; then
    printf 'Z %s %s %s %s\n' $pid $parent $age "$name"
    printf 'parent %s %s\n' $parent "$(words $parent)"
  else
    case "
$before
" in *"
$pid:$(switches $pid)
"*) ;; *) continue ;; esac
    printf 'D %s %s %s %s\n' $pid "$(cat /proc/$pid/wchan 2>/dev/null || echo 0)" $age "$name"
    printf 'args %s %s\n' $pid "$(words $pid)"
  fi
done"""

_OTHER = """ps -A -o pid,ppid,stat,comm | while read -r pid parent state name; do
  case $state in Z*) echo "Z $pid $parent - $name"
  echo "parent $parent $(ps -o args= -p $parent | cut -c 1-200)" ;; esac
done"""


@probe(
    "processes.states",
    level=1,
    command=f"if [ -r /proc/self/stat ]; then\n{_LINUX}\nelse\n{_OTHER}\nfi",
)
def states(output: str) -> ProcessStates:
    """Zombies by their parent, and processes that hang in the kernel. Source: proc_pid_stat(5)."""
    dead: dict[int, list[tuple[str, float | None]]] = {}
    parents: dict[int, str] = {}
    stuck: list[list[str]] = []
    arguments: dict[str, str] = {}
    for line in output.splitlines():
        kind, _, rest = line.partition(" ")
        words = rest.split(" ", 3)
        if kind == "Z" and len(words) == 4:
            if words[1] == "0":
                continue  # its parent is outside of our container
            dead.setdefault(int(words[1]), []).append((words[3], _age(words[2])))
        elif kind == "D" and len(words) == 4:
            stuck.append(words)
        elif kind == "parent":
            parents[int(words[0])] = rest.partition(" ")[2].strip()
        elif kind == "args":
            arguments[words[0]] = rest.partition(" ")[2].strip()
        else:
            raise ProbeError("processes.states", line=line)
    return ProcessStates(
        zombies=[
            _zombies(parent, parents.get(parent, ""), dead[parent]) for parent in sorted(dead)
        ],
        uninterruptible=[_stuck(words, arguments.get(words[0], "")) for words in stuck],
    )


def _age(text: str) -> float | None:
    return None if text == "-" else round(max(float(text), 0), 1)


def _zombies(parent: int, command: str, dead: list[tuple[str, float | None]]) -> Zombies:
    return Zombies(
        parent=program_name(command) or f"process {parent}",
        parent_pid=parent,
        parent_command=command[:COMMAND_CHARS],
        count=len(dead),
        names=sorted({name for name, _ in dead}),
        oldest_s=max((age for _, age in dead if age is not None), default=None),
    )


_NETWORK_WAIT = re.compile(r"nfs|rpc_|cifs|smb|fuse|ceph|rbd|9p|afs|gfs2|ocfs2|dlm|drbd|iscsi")


def _stuck(words: list[str], command: str) -> StuckProcess:
    pid, channel, age, name = words
    known = channel not in ("0", "-", "")
    return StuckProcess(
        pid=int(pid),
        name=name,
        command=(command or f"[{name}]")[:COMMAND_CHARS],
        wait_channel=channel if known else None,
        on_network_storage=bool(_NETWORK_WAIT.search(channel)) if known else None,
        age_s=_age(age),
    )
