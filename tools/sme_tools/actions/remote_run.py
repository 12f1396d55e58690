"""A command on the host that outlives the connection, is begun at most once, and tells its ending.

The command is started by a supervisor in a session of its own, so a connection that breaks leaves
it alone: a change that comes to its end is easier to judge than one that was cut in the middle. The
supervisor keeps its time limit, and writes into the folder of the change (on the host, in memory):

    NAME/state     starting | never | running PID GROUP | late PID GROUP | exit CODE | timed-out
    NAME/ready     an empty folder: who removes it has the command begin, or sees that it never does
    NAME/out       the first 64 KiB of output, NAME/end the last 16 KiB of what came after

Making the folder NAME is what begins the command, and only one can make it: so the same errand may
be sent again after a broken connection. `state` gets its final size before the command begins and
is then written over in place, so a disk that fills up meanwhile can't keep the ending from us.
"""

from __future__ import annotations

import shlex
from dataclasses import dataclass
from typing import Literal

from sme_tools.actions.errands import ask, complaint
from sme_tools.actions.journal import MAX_OUTPUT_CHARS, How, Output
from sme_tools.actions.ports import Clock, Errand, Hands, Kind
from sme_tools.errors import HostLost
from sme_tools.hosts.evidence import Evidence

GRACE_S = 30
"""For the supervisor to end a command whose time is up, beyond that time."""

# HUP is ignored by the command as under nohup(1). The watcher writes the ending itself where even
# KILL does not end the command (a dead NFS mount), for which the supervisor would wait for ever.
_SUPERVISOR = """\
trap "" HUP
say() { printf "%-39s\\n" "$1" 1<>"$notes/state"; }
notes=$1 limit=$2 group=$4
rmdir "$notes/ready" || exit
say "running $$ 0"
{
  $group sh -c "$3" </dev/null 2>&1 &
  child=$!
  say "running $$ $child"
  (
    left=$limit
    while [ $left -gt 0 ]; do sleep 1; left=$((left - 1)); done
    say "late $$ $child"
    kill -s TERM -- -$child || kill -s TERM $child
    sleep 3
    kill -s KILL -- -$child || kill -s KILL $child
    sleep 2
    say timed-out
  ) >/dev/null 2>&1 &
  watcher=$!
  wait $child
  code=$?
  read -r word rest <"$notes/state"
  if [ "$word" = late ]; then
    kill -s KILL -- -$child 2>/dev/null
    say timed-out
  else
    say "exit $code"
  fi
  kill $watcher 2>/dev/null
} | { head -c 65536 >"$notes/out"; tail -c 16384 >"$notes/end"; : >"$notes/drained"; }
"""

_RUN = """\
umask 077
nap() { sleep 0.1 2>/dev/null || sleep 1; }
say() { printf '%-39s\\n' "$1" 1<>"$notes/state"; }
alive() {
  kill -0 "$1" && { [ ! -r "/proc/$1/cmdline" ] || grep -q sme-change "/proc/$1/cmdline"; }
}
if [ ! -d "$PLACE" ] || [ ! -O "$PLACE" ] ||
  [ "$(sed -n 's/^epoch //p' "$PLACE/owner")" != "$EPOCH" ]
then echo gone; exit 125; fi
notes=$PLACE/$NAME
if [ ! -d "$notes" ]; then
  [ $DO = begin ] || { echo not-begun; exit 125; }
  if mkdir "$notes" 2>/dev/null; then
    { : >"$notes/state" && say starting && mkdir "$notes/ready"; } 2>/dev/null ||
      { rm -rf "$notes"; echo no-room; exit 125; }
    if command -v setsid >/dev/null 2>&1; then group=setsid; else group=; fi
    $group sh -c "$SUPERVISOR" sme-change "$notes" "$LIMIT" "$COMMAND" "$group" \
      </dev/null >/dev/null 2>&1 &
  elif [ ! -d "$notes" ]; then echo no-room; exit 125; fi
fi
naps=0
stopping=0
while :; do
  word=; first=; second=
  read -r word first second <"$notes/state" || word=
  case $word in
    exit|timed-out|never) break;;
    running|late)
      if ! alive "$first"; then
        read -r word first second <"$notes/state"
        case $word in exit|timed-out) break;; esac
        [ "$second" = 0 ] || kill -s KILL -- "-$second" 2>/dev/null || kill -s KILL "$second"
        word=died; first=; break
      fi
      if [ $DO = stop ] && [ "$second" != 0 ]; then
        [ $stopping = 0 ] && { kill -s TERM -- "-$second" || kill -s TERM "$second"; }
        [ $stopping = 50 ] && { kill -s KILL -- "-$second" || kill -s KILL "$second"; }
        stopping=$((stopping + 1))
      fi;;
    *)
      if [ $DO = stop ] || [ $naps -gt 100 ]; then
        if rmdir "$notes/ready"; then say never; elif [ $naps -gt 300 ]; then word=died; break; fi
      fi;;
  esac
  naps=$((naps + 1))
  nap
done 2>/dev/null
naps=0
while [ ! -e "$notes/drained" ] && [ $naps -lt 10 ]; do
  case $word in died|never) break;; esac
  naps=$((naps + 1)); nap
done
[ $stopping = 0 ] || word=stopped
echo $word $first
cat "$notes/out" 2>/dev/null
[ -s "$notes/end" ] && { echo; echo '[…]'; cat "$notes/end"; }
case $word in exit) exit $first;; timed-out) exit 124;; stopped) exit 143;; *) exit 125;; esac
"""

Do = Literal["begin", "stop"]
"""begin: begin it unless that is done, and wait for it; stop: end it if it was begun."""


@dataclass(frozen=True)
class RemoteRun:
    """A command as one change runs it on the host."""

    place: str
    """The folder of the change on the host."""
    epoch: str
    name: str
    """Unique within the change: `run.0`, `undo.0.1`."""
    command: str
    limit_s: int


@dataclass(frozen=True)
class Ending:
    """What is known of the command now."""

    begun: bool | None
    """None: the notes are gone, so nobody knows."""
    output: Output | None = None
    """None unless it was begun."""
    evidence: Evidence | None = None
    why: str = ""
    """Why it was not begun, or why nobody knows."""


def follow(
    run: RemoteRun, do: Do, kind: Kind, approval: str, *, why: str, hands: Hands, clock: Clock
) -> Ending:
    """Begin a command, or find out how it ended; then nothing of it runs any more.

    Raises:
        HostLost, HostUnreachable: the host stayed away; the command may have run.
        HostError: the host does not let us in; as above.
    """
    settings = {
        "PLACE": run.place,
        "EPOCH": run.epoch,
        "NAME": run.name,
        "DO": do,
        "LIMIT": str(run.limit_s),
        "COMMAND": run.command,
        "SUPERVISOR": _SUPERVISOR,
    }
    head = "".join(f"{name}={shlex.quote(value)}\n" for name, value in settings.items())
    errand = Errand(
        f"fix.{run.name}",
        head + _RUN,
        why,
        kind,
        approval,
        timeout_s=run.limit_s + GRACE_S,
        record_as=f"{run.command}\n# sme: {do} once, as {run.place}/{run.name}",
    )
    evidence = ask(hands, errand, clock)
    if evidence.stdout.partition("\n")[0].partition(" ")[0] not in _ENDINGS:
        raise HostLost(
            f"how {run.name} ended can't be read: {complaint(evidence)}", host=evidence.host
        )
    return _ending(run, evidence)


_REASONS = {
    "gone": "the host was restarted, or its lock was removed",
    "no-room": "no room for the notes of the change on the host",
    "not-begun": "nobody has tried to",
    "never": "the host did not get round to it",
}
_ENDINGS = {*_REASONS, "exit", "timed-out", "stopped", "died"}
"""The first word of what the script prints. Its exit code is that of the command, or as timeout(1)
has it: 124 where its time was up, 125 where it was not begun or its ending is not known."""


def _ending(run: RemoteRun, evidence: Evidence) -> Ending:
    first, _, text = evidence.stdout.partition("\n")
    word, _, code = first.partition(" ")
    if word in _REASONS:
        return Ending(None if word == "gone" else False, why=_REASONS[word])
    hows: dict[str, How] = {"exit": "completed", "timed-out": "timed-out", "stopped": "stopped"}
    how = hows.get(word, "unknown")
    exit_code = int(code) if how == "completed" and code.isdecimal() else None
    clean = evidence.model_copy(
        update={
            "command": run.command,
            "stdout": text,
            "stderr": "",
            "exit_code": exit_code,
            "outcome": {"completed": "completed", "timed-out": "timed-out"}.get(how, "lost"),
        }
    )
    output = Output(
        command=run.command,
        how=how,
        exit_code=exit_code,
        text=text[:MAX_OUTPUT_CHARS],
        evidence=clean.id,
    )
    return Ending(True, output, clean)
