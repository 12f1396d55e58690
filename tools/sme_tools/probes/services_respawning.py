"""Processes that are started again and again where no known service manager does it."""

from __future__ import annotations

import re
from collections import defaultdict

from sme_tools.errors import ProbeError
from sme_tools.facts import Fact
from sme_tools.probes.processes import COMMAND_CHARS, program_name
from sme_tools.probes.registry import probe


class Respawning(Fact):
    """A command that one parent starts anew whenever it has ended."""

    name: str
    """The program that does not stay up."""
    parent: str
    parent_pid: int
    parent_command: str
    starts_seen: int
    """Rounds within the 0.7 to 1.5 seconds in which its parent was watched."""
    paused: bool
    """The parent sleeps between two starts, or had no child for a third of the time: it waits for
    something, where a script or a build would go on."""


# A process that dies at once is hardly ever in the table of processes. So first the parents are
# found that have buried children within 0.3 s, or have a very young one and have buried some
# before; then their lists of children are read, without starting a process, as fast as the shell
# can, for 0.7 s, and as long again if nothing but pauses showed. Where there is no such parent that
# second part, the costly one, does not happen.
# What builds, tests and terminals start is not of this kind: the programs named below.
_COMMAND = r"""[ -d /run/systemd/system ] && exit 127
[ -r /proc/$$/task/$$/children ] || exit 127
hz=$(getconf CLK_TCK 2>/dev/null)
words() { { tr '\0\n' '  ' </proc/$1/cmdline | cut -c 1-200; } 2>/dev/null; }
look() { read -r up rest </proc/uptime; echo "@ $up"; cat /proc/[0-9]*/stat 2>/dev/null; }
set -- $({ look; sleep 0.3 2>/dev/null || sleep 1; look; } | awk -v me=$$ -v hz="${hz:-100}" '
$1 == "@" { look++; now = $2; next }
{ pid = $1; name = $0; sub(/^[0-9]+ \(/, "", name); sub(/\)[^)]*$/, "", name)
  rest = $0; sub(/^.*\) /, "", rest); split(rest, f, " ")
  parent[pid] = f[2]; comm[pid] = name
  if (look == 1) { buried[pid] = f[9]; born[pid] = f[20]; next }
  if (f[1] == "Z") next
  children[f[2]]++; age = now - f[20] / hz
  if (age < 1) young[f[2]] = 1
  if (born[pid] == f[20] && age >= 2) { old[pid] = 1; buries[pid] = f[9] > buried[pid] } }
END {
  top = me
  while (comm[parent[top]] ~ /^(sh|dash|bash|ash|ksh|busybox|setsid|sudo|env)$/) top = parent[top]
  for (pid in old) {
    if (!(buries[pid] || (young[pid] && buried[pid] > 0)) || children[pid] > 8) continue
    if (parent[pid] == 2 ||
        comm[pid] ~ /^(systemd|supervisord|runsv|runsvdir|s6-.*|sshd.*|cron|crond|sme)$/ ||
        comm[pid] ~ /^(.*make|ninja|cargo|bazel|gcc|g\+\+|clang.*|git|dpkg|apt.*|dnf|yum|rpm)$/ ||
        comm[pid] ~ /^(find|xargs|parallel|watch|tmux.*|screen|dockerd|containerd.*|conmon)$/)
      continue
    for (up = pid; up != "" && up != top && up > 1; up = parent[up]) ;
    if (up != top && n++ < 4) print pid }
}')
[ "$1" ] || exit 0
for parent; do
  args=; read -r args 2>/dev/null </proc/$parent/cmdline
  name=; read -r name 2>/dev/null </proc/$parent/comm
  printf 'parent %s %s|%s\n' $parent "$name" "$args"
  printf 'shown %s %s\n' $parent "$(words $parent)"
done
read -r up rest </proc/uptime; start=${up%.*}${up#*.}
seen= count=0 polls=0 limit=70 pause= other=
while [ $count -lt 80 ]; do
  polls=$((polls + 1))
  for parent; do
    kids=; read -r kids 2>/dev/null </proc/$parent/task/$parent/children
    [ "$kids" ] || eval "idle_$parent=\$((idle_$parent + 1))"
    for child in $kids; do
      args=; read -r args 2>/dev/null </proc/$child/cmdline
      case $seen in *"
$child $args
"*) continue ;; esac
      seen="$seen
$child $args
"
      name=; read -r name 2>/dev/null </proc/$child/comm || continue
      case $name in sleep) pause=1 ;; sh|dash|bash|ash) ;; *) other=1 ;; esac
      count=$((count + 1)); printf 'child %s %s %s|%s\n' $parent $child "$name" "$args"
    done
  done
  read -r up rest </proc/uptime
  [ $((${up%.*}${up#*.} - start)) -lt $limit ] && continue
  [ $limit = 70 ] && [ "$pause" ] && [ ! "$other" ] || break
  limit=150
done
for parent; do
  kids=; read -r kids 2>/dev/null </proc/$parent/task/$parent/children
  echo "alive $parent $kids"
  eval "echo idle $parent \$((idle_$parent + 0))"
done
echo "polls $polls" """


@probe("services.respawning", level=1, command=_COMMAND)
def respawning(output: str) -> list[Respawning]:
    """Commands that one parent starts again and again. Source: proc_tid_children(5)."""
    parents: dict[int, str] = {}
    shown: dict[int, str] = {}
    alive: dict[int, set[int]] = {}
    idle: dict[int, int] = {}
    polls = 0
    starts: dict[int, dict[int, str]] = defaultdict(dict)
    for line in output.splitlines():
        match = re.match(r"(parent|shown|child|alive|polls|idle) (\d+) ?(.*)", line)
        if not match:
            raise ProbeError("services.respawning", line=line)
        kind, pid, rest = match[1], int(match[2]), match[3]
        if kind == "parent":
            parents[pid] = rest
        elif kind == "shown":
            shown[pid] = rest.strip()
        elif kind == "alive":
            alive[pid] = {int(word) for word in rest.split()}
        elif kind == "polls":
            polls = pid
        elif kind == "idle":
            idle[pid] = int(rest)
        else:
            child, _, words = rest.partition(" ")
            _note_start(starts[pid], int(child), words, parents.get(pid, ""))
    found = []
    for pid in parents:
        waits = 3 * idle.get(pid, 0) > polls
        one = _respawned(pid, shown.get(pid, ""), starts[pid], alive.get(pid, set()), waits)
        found += [one] if one else []
    return found


def _note_start(starts: dict[int, str], child: int, words: str, parent: str) -> None:
    """`NAME|ARGUMENTS` of a child, unless it is still its parent's twin: forked, not yet executed.

    While a program is being loaded, and when it ends, its arguments are its parent's, cut off or
    missing; the longest that are its own are the ones that count.
    """
    name, _, arguments = words.partition("|")
    parent_name, _, parent_arguments = parent.partition("|")
    if parent_arguments.startswith(arguments):
        if name == parent_name:
            return
        arguments = ""
    if len(arguments) >= len(starts.get(child, "|").partition("|")[2]):
        starts[child] = f"{name}|{arguments}"


def _respawned(
    parent: int, command: str, starts: dict[int, str], alive: set[int], waits: bool
) -> Respawning | None:
    """One and the same command, ended at least once while its parent was watched."""
    whole = {what.partition("|")[0]: what for what in starts.values() if not what.endswith("|")}
    done = {
        child: whole.get(what.partition("|")[0], what) if what.endswith("|") else what
        for child, what in starts.items()
    }
    pauses = [what for what in done.values() if what.startswith("sleep|")]
    programs = {what for child, what in done.items() if child not in alive} - {*pauses}
    if len(programs) != 1:
        return None  # none, or a script that does many things
    program = programs.pop()
    seen = sum(1 for what in done.values() if what == program)
    if seen < 2 and not pauses:
        return None  # once is not again
    return Respawning(
        name=program.partition("|")[0],
        parent=program_name(command) or f"process {parent}",
        parent_pid=parent,
        parent_command=command[:COMMAND_CHARS],
        starts_seen=max(seen, len(pauses)),
        paused=waits or bool(pauses),
    )
