"""Many commands as one POSIX sh script, and the reader that takes their outputs apart again.

The script goes to `/bin/sh` on standard input, so the login shell may be anything. It needs no
bash, no Python, no temporary file and no `timeout`; dash, busybox ash, bash and the BSD shells run
it. Each step is framed on both streams by lines that carry a random marker:

    <marker> B <step> <privilege>        before the output
    <marker> E <exit> <duration> <how>   after it; on standard error only `<marker> E`
    <marker> Z                           after the last step

The whole script is one function that is called on the last line: a script that arrives cut off
defines half a function and runs nothing.
"""

from __future__ import annotations

import secrets
import shlex
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Literal

from sme_tools.hosts.evidence import Evidence, Outcome, Privilege
from sme_tools.hosts.frames import Frame, StreamSplitter
from sme_tools.hosts.purpose import Purpose


@dataclass(frozen=True)
class Step:
    """One command of a script."""

    id: str
    command: str
    timeout_s: int = 10
    needs_root: bool = False
    """Run through `sudo -n` where the account is not root and the inventory allows it. Where the
    inventory has a sudo_password, root runs the whole script (`sme_tools.hosts.root_shell`)."""
    record_as: str | None = None
    """What evidence and audit log say in the place of `command`: for one that carries the contents
    of a user's file, which are nobody's to read there."""

    @property
    def recorded(self) -> str:
        """The command as it is recorded."""
        return self.command if self.record_as is None else self.record_as


@dataclass(frozen=True)
class Script:
    """Steps that travel together in one round trip.

    `round` becomes part of the evidence ids, so that a second look at a host is told from the
    first. `purpose` goes to the audit log; on a real host nothing runs without one.
    """

    steps: Sequence[Step]
    sudo: bool = False
    round: int = 1
    purpose: Purpose | None = None
    marker: str = field(default_factory=lambda: f"sme-{secrets.token_hex(16)}")

    def text(self) -> str:
        """The shell text, ready for the standard input of `/bin/sh`."""
        calls = "\n".join(
            f"step {index} {step.timeout_s} {int(step.needs_root)} {shlex.quote(step.command)}"
            for index, step in enumerate(self.steps)
        )
        return (
            _PRELUDE.replace("@MARKER@", self.marker)
            .replace("@SUDO@", "1" if self.sudo else "0")
            .replace("@STEPS@", calls)
        )


# A tick each second wakes the waiting shell, which then looks at the clock: `wait` is left by a
# trapped signal even while the child can't be killed (a dead NFS mount), so a hanging step costs
# its own limit and no more. setsid gives each step a process group, so that all of a pipeline ends.
# The wrapper around sudo stays a process of ours: an account may not even ask (kill -0) whether a
# process of root is still there. The trap for the end kills $!, since $child is set a moment after
# the step has begun, and the process itself where it has no group of its own yet.
_PRELUDE = """\
sme_main() {
unset LANGUAGE LC_MESSAGES CDPATH ENV BASH_ENV GREP_OPTIONS
LC_ALL=C; LANG=C; TERM=dumb; export LC_ALL LANG TERM
PATH="${PATH:-/usr/bin:/bin}:/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
PATH="$PATH:/snap/bin:/opt/bin:/run/current-system/sw/bin"; export PATH
cd / 2>/dev/null
if command -v setsid >/dev/null 2>&1; then group=setsid; else group=; fi
if [ -r /proc/uptime ]
then now() { read -r clock rest </proc/uptime; }
else now() { clock=$(date +%s); }; fi
shell=$$
child=
trap 'ticked=1' USR1
trap '{ kill -s KILL -- -$! || kill -s KILL $!; } 2>/dev/null; exit 1' HUP TERM
( trap - HUP TERM; while sleep 1; do kill -USR1 $shell || exit; done ) \
  </dev/null >/dev/null 2>&1 &
ticker=$!
limited() {
  now; began=$clock; deadline=$((${clock%%.*} + $1 + 1)); how=completed; shift
  $group "$@" </dev/null &
  child=$!
  while :; do
    ticked=
    wait $child; code=$?
    [ -n "$ticked" ] || break
    if kill -0 $child; then
      now; [ ${clock%%.*} -lt $deadline ] && continue
      how=timed-out
      [ $as = sudo ] && sudo -n sh -c "kill -s KILL -- -$child" </dev/null >/dev/null
      kill -s KILL -- -$child || kill -s KILL $child
    else
      case $code in 138|144|158|266) wait $child; code=$?;; esac
    fi
    break
  done 2>/dev/null
  now
}
as=user; privilege=user
if [ "$(id -u)" = 0 ]; then privilege=root
elif [ @SUDO@ = 1 ]; then
  limited 5 sh -c 'sudo -n true; exit $?' >/dev/null 2>&1
  [ $how$code = completed0 ] && privilege=sudo
fi
step() {
  as=user
  [ $privilege = root ] && as=root
  [ $privilege = sudo ] && [ $3 = 1 ] && as=sudo
  printf '\\n%s B %s %s\\n' @MARKER@ $1 $as
  printf '\\n%s B %s\\n' @MARKER@ $1 >&2
  if [ $as = sudo ]
  then limited $2 sh -c \
    'sudo -n env LC_ALL=C LANG=C TERM=dumb PATH="$PATH" sh -c "$1"; exit $?' sh "$4"
  else limited $2 sh -c "$4"; fi
  printf '\\n%s E %s %s %s %s\\n' @MARKER@ $code $began $clock $how
  printf '\\n%s E\\n' @MARKER@ >&2
}
@STEPS@
kill $ticker 2>/dev/null
printf '\\n%s Z\\n' @MARKER@
printf '\\n%s Z\\n' @MARKER@ >&2
exit 0
}
sme_main
"""


class ScriptReader:
    """Turns the two streams of a running script into evidence.

    Feed it bytes as they arrive, in chunks of any size; take what is complete with `take()`.
    """

    def __init__(self, script: Script, host: str) -> None:
        self._script = script
        self._host = host
        self._out = StreamSplitter(script.marker)
        self._err = StreamSplitter(script.marker)
        self._next = 0
        self._began_at = datetime.now(UTC)
        self._first_clock: float | None = None

    def feed(self, stream: Literal["stdout", "stderr"], data: bytes) -> None:
        """Add bytes that arrived on one stream."""
        (self._out if stream == "stdout" else self._err).feed(data)

    @property
    def started(self) -> bool:
        """Whether any step has begun: before that, nothing proves that a POSIX shell is there."""
        return self._next > 0 or self._out.open is not None or bool(self._out.finished)

    @property
    def ended(self) -> bool:
        """Whether the script has said that it is over."""
        return self._out.ended and self._err.ended

    @property
    def noise(self) -> str:
        """What came outside of any step: banners, a noisy profile, a shell's complaint."""
        return (self._out.noise + self._err.noise).strip()

    def take(self) -> Iterator[Evidence]:
        """The evidence of each step that has been completed since the last call."""
        while self._next in self._out.finished and self._next in self._err.finished:
            if self._next >= len(self._script.steps):
                return  # the host made up a step
            out = self._out.finished.pop(self._next)
            err = self._err.finished.pop(self._next)
            self._next += 1
            yield self._evidence(out, err)

    def take_rest(self, outcome: Literal["timed-out", "lost"]) -> Iterator[Evidence]:
        """Evidence for what did not complete, with what it had printed.

        After `timed-out` that is every step that is left, after `lost` only one that had begun:
        a step that had no turn has no evidence.
        """
        for splitter in (self._out, self._err):
            splitter.flush()
        for index in range(self._next, len(self._script.steps)):
            out = self._frame(self._out, index)
            err = self._frame(self._err, index)
            self._next = index + 1
            if outcome == "lost" and out is None:
                continue
            yield self._unfinished(index, out, err, outcome)

    @staticmethod
    def _frame(splitter: StreamSplitter, index: int) -> Frame | None:
        if splitter.open is not None and splitter.open.index == index:
            return splitter.open
        return splitter.finished.get(index)

    def _unfinished(
        self, index: int, out: Frame | None, err: Frame | None, outcome: Outcome
    ) -> Evidence:
        step = self._script.steps[index]
        duration_s = time.monotonic() - out.opened if out else 0.0
        out = out or Frame(index)
        err = err or Frame(index)
        return Evidence(
            id=self._evidence_id(step),
            host=self._host,
            step=step.id,
            command=step.recorded,
            stdout=out.data.text(),
            stderr=err.data.text(),
            exit_code=None,
            outcome=outcome,
            privilege=_privilege(out.privilege),
            started_at=datetime.now(UTC) - timedelta(seconds=duration_s),
            duration_s=round(duration_s, 3),
            omitted_bytes=out.data.omitted + err.data.omitted,
        )

    def _evidence_id(self, step: Step) -> str:
        return f"{self._host}/{step.id}#{self._script.round}"

    def _evidence(self, out: Frame, err: Frame) -> Evidence:
        step = self._script.steps[out.index]
        ending = out.ending
        if ending is None:  # the host left its own end marker out: nothing is known of the end
            return self._unfinished(out.index, out, err, "lost")
        if self._first_clock is None:
            self._first_clock = ending.began_s
        return Evidence(
            id=self._evidence_id(step),
            host=self._host,
            step=step.id,
            command=step.recorded,
            stdout=out.data.text(),
            stderr=err.data.text(),
            exit_code=None if ending.timed_out else ending.exit_code,
            outcome="timed-out" if ending.timed_out else "completed",
            privilege=_privilege(out.privilege),
            started_at=self._began_at + timedelta(seconds=ending.began_s - self._first_clock),
            duration_s=round(max(ending.ended_s - ending.began_s, 0.0), 3),
            omitted_bytes=out.data.omitted + err.data.omitted,
        )


def _privilege(name: str) -> Privilege:
    if name == "root":
        return "root"
    return "sudo" if name == "sudo" else "user"
