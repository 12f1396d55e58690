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
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Literal

from sme_tools.hosts.evidence import Evidence, Outcome, Privilege

HEAD_BYTES = 256 * 1024
TAIL_BYTES = 256 * 1024
"""How much of the beginning and the end of each stream of a step is kept."""


@dataclass(frozen=True)
class Step:
    """One command of a script."""

    id: str
    command: str
    timeout_s: int = 10
    needs_root: bool = False
    """Run through `sudo -n` where the account is not root and the inventory allows it."""


@dataclass(frozen=True)
class Script:
    """Steps that travel together in one round trip.

    `round` becomes part of the evidence ids, so that a second look at a host is told from the
    first.
    """

    steps: Sequence[Step]
    sudo: bool = False
    round: int = 1
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
_PRELUDE = """\
sme_main() {
unset LANGUAGE LC_MESSAGES CDPATH ENV BASH_ENV GREP_OPTIONS
LC_ALL=C; LANG=C; TERM=dumb; export LC_ALL LANG TERM
PATH="${PATH:-/usr/bin:/bin}:/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
PATH="$PATH:/snap/bin:/opt/bin:/run/current-system/sw/bin"; export PATH
cd / 2>/dev/null
if [ "$(id -u)" = 0 ]; then privilege=root
elif [ @SUDO@ = 1 ] && sudo -n true </dev/null >/dev/null 2>&1; then privilege=sudo
else privilege=user; fi
if command -v setsid >/dev/null 2>&1; then group=setsid; else group=; fi
if [ -r /proc/uptime ]
then now() { read -r clock rest </proc/uptime; }
else now() { clock=$(date +%s); }; fi
shell=$$
trap : USR1
trap 'exit 1' HUP TERM
( trap - HUP TERM; while sleep 1; do kill -USR1 $shell || exit; done ) \
  </dev/null >/dev/null 2>&1 &
ticker=$!
step() {
  now; began=$clock; deadline=$((${clock%%.*} + $2)); how=completed; as=user
  [ $privilege = root ] && as=root
  [ $privilege = sudo ] && [ $3 = 1 ] && as=sudo
  printf '\\n%s B %s %s\\n' @MARKER@ $1 $as
  printf '\\n%s B %s\\n' @MARKER@ $1 >&2
  if [ $as = sudo ]
  then $group sudo -n env LC_ALL=C LANG=C TERM=dumb PATH="$PATH" sh -c "$4" </dev/null &
  else $group sh -c "$4" </dev/null & fi
  child=$!
  while :; do
    wait $child; code=$?
    kill -0 $child 2>/dev/null || break
    now
    if [ ${clock%%.*} -ge $deadline ]; then
      how=timed-out
      kill -9 -$child 2>/dev/null || kill -9 $child 2>/dev/null
      break
    fi
  done
  now
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


class _Bounded:
    """Bytes of which the head and the tail are kept."""

    def __init__(self) -> None:
        self._head = bytearray()
        self._tail = bytearray()
        self.omitted = 0

    def add(self, data: bytes) -> None:
        room = HEAD_BYTES - len(self._head)
        self._head += data[:room]
        self._tail += data[room:] if room > 0 else data
        if len(self._tail) > 2 * TAIL_BYTES:
            self._cut()

    def _cut(self) -> None:
        surplus = len(self._tail) - TAIL_BYTES
        if surplus > 0:
            del self._tail[:surplus]
            self.omitted += surplus

    def text(self) -> str:
        self._cut()
        head = self._head.decode("utf-8", "replace")
        tail = self._tail.decode("utf-8", "replace")
        if not self.omitted:
            return (self._head + self._tail).decode("utf-8", "replace")
        return f"{head}\n[… {self.omitted} bytes left out …]\n{tail}"


@dataclass
class _Frame:
    """One stream's side of one step."""

    index: int
    words: list[bytes]
    data: _Bounded
    end: list[bytes] | None = None


class _StreamSplitter:
    """Takes one stream apart into frames, however its bytes are cut into chunks."""

    def __init__(self, marker: str) -> None:
        self._marker = b"\n" + marker.encode() + b" "
        self._pending = b"\n"  # a marker may be the first thing on a line that never began
        self.open: _Frame | None = None
        self.finished: dict[int, _Frame] = {}
        self.noise = _Bounded()
        self.ended = False

    def feed(self, data: bytes) -> None:
        self._pending += data
        while (at := self._pending.find(self._marker)) >= 0:
            line_end = self._pending.find(b"\n", at + 1)
            if line_end < 0:
                break
            self._keep(self._pending[:at])
            self._mark(self._pending[at + len(self._marker) : line_end].split())
            self._pending = self._pending[line_end + 1 :]
        else:
            # A marker may lie across the end of what has come so far.
            safe = len(self._pending) - len(self._marker)
            if safe > 0:
                self._keep(self._pending[:safe])
                self._pending = self._pending[safe:]

    def flush(self) -> None:
        self._keep(self._pending)
        self._pending = b""

    def _keep(self, data: bytes) -> None:
        (self.open.data if self.open else self.noise).add(data)

    def _mark(self, words: list[bytes]) -> None:
        if words[:1] == [b"B"] and len(words) >= 2:
            self.open = _Frame(int(words[1]), words[2:], _Bounded())
        elif words[:1] == [b"E"] and self.open is not None:
            self.open.end = words[1:]
            self.finished[self.open.index] = self.open
            self.open = None
        elif words[:1] == [b"Z"]:
            self.ended = True


class ScriptReader:
    """Turns the two streams of a running script into evidence.

    Feed it bytes as they arrive, in chunks of any size; take what is complete with `take()`.
    """

    def __init__(self, script: Script, host: str) -> None:
        self._script = script
        self._host = host
        self._out = _StreamSplitter(script.marker)
        self._err = _StreamSplitter(script.marker)
        self._next = 0
        self._began_at = datetime.now(UTC)
        self._first_clock: float | None = None

    def feed(self, stream: Literal["stdout", "stderr"], data: bytes) -> None:
        """Add bytes that arrived on one stream."""
        (self._out if stream == "stdout" else self._err).feed(data)

    @property
    def started(self) -> bool:
        """Whether any step has begun: before that, nothing proves that a POSIX shell is there."""
        return self._out.open is not None or bool(self._out.finished)

    @property
    def ended(self) -> bool:
        """Whether the script has said that it is over."""
        return self._out.ended and self._err.ended

    @property
    def noise(self) -> str:
        """What came outside of any step: banners, a noisy profile, a shell's complaint."""
        return (self._out.noise.text() + self._err.noise.text()).strip()

    def take(self) -> Iterator[Evidence]:
        """The evidence of each step that has been completed since the last call."""
        while self._next in self._out.finished and self._next in self._err.finished:
            yield self._evidence(
                self._out.finished.pop(self._next), self._err.finished.pop(self._next)
            )
            self._next += 1

    def take_rest(self, outcome: Outcome) -> Iterator[Evidence]:
        """Evidence for every step that did not complete: what it had printed, and `outcome`."""
        for splitter in (self._out, self._err):
            splitter.flush()
        for index in range(self._next, len(self._script.steps)):
            out = self._out.finished.get(index) or self._open_frame(self._out, index)
            err = self._err.finished.get(index) or self._open_frame(self._err, index)
            step = self._script.steps[index]
            yield Evidence(
                id=self._evidence_id(step),
                host=self._host,
                step=step.id,
                command=step.command,
                stdout=out.data.text(),
                stderr=err.data.text(),
                exit_code=None,
                outcome=outcome,
                privilege=_privilege(out.words),
                started_at=datetime.now(UTC),
                duration_s=0.0,
                omitted_bytes=out.data.omitted + err.data.omitted,
            )
        self._next = len(self._script.steps)

    @staticmethod
    def _open_frame(splitter: _StreamSplitter, index: int) -> _Frame:
        if splitter.open is not None and splitter.open.index == index:
            return splitter.open
        return _Frame(index, [], _Bounded())

    def _evidence_id(self, step: Step) -> str:
        return f"{self._host}/{step.id}#{self._script.round}"

    def _evidence(self, out: _Frame, err: _Frame) -> Evidence:
        step = self._script.steps[out.index]
        code, began, ended, how = (word.decode() for word in out.end or ())
        if self._first_clock is None:
            self._first_clock = float(began)
        timed_out = how == "timed-out"
        return Evidence(
            id=self._evidence_id(step),
            host=self._host,
            step=step.id,
            command=step.command,
            stdout=out.data.text(),
            stderr=err.data.text(),
            exit_code=None if timed_out else int(code),
            outcome="timed-out" if timed_out else "completed",
            privilege=_privilege(out.words),
            started_at=self._began_at + timedelta(seconds=float(began) - self._first_clock),
            duration_s=round(float(ended) - float(began), 3),
            omitted_bytes=out.data.omitted + err.data.omitted,
        )


def _privilege(words: list[bytes]) -> Privilege:
    name = words[0].decode("ascii", "replace") if words else "user"
    if name == "root":
        return "root"
    return "sudo" if name == "sudo" else "user"
