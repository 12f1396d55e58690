"""A lock on the host itself, which keeps two changes apart, whichever machine they come from.

It is a file in a folder that is in memory and gone after a restart, so a full root disk is no
obstacle: the first of CANDIDATES where it can be made. All of them are looked at before, and again
after, since who is not root may lock elsewhere than root. Its text says who holds it:

    change 20261120-094200-a1b2c3d4
    epoch 5f0c72ab91de     told apart from an earlier lock of the same change
    place /run/lock/debug-sme.20261120-094200-a1b2c3d4
    incident 20261120-094000-77aa
    who user ann
    from laptop (pid 4711)
    since 2026-11-20T09:42:00+00:00

The file is written first and then linked to its name: `ln` either makes the name, with all of the
text, or fails. Beside it is a folder for the notes of the change (`remote_run`).
"""

from __future__ import annotations

import os
import secrets
import shlex
import socket
from dataclasses import dataclass
from datetime import UTC, datetime

from sme_tools.actions.errands import PATIENCE_S, ask, complaint
from sme_tools.actions.journal import Change
from sme_tools.actions.ports import Clock, Errand, Hands, Kind
from sme_tools.errors import HostBusy, HostError

CANDIDATES = ("/run/lock", "/run", "/var/lock", "/tmp")
LOCK_NAME = "debug-sme.lock"

_FIND = """\
umask 077
find_locks() {
  seen=; found=
  for each in $FOLDERS; do
    dir=$(cd "$each" 2>/dev/null && pwd -P) || continue
    case " $seen " in *" $dir "*) continue;; esac
    seen="$seen $dir"
    if [ -e "$dir/$NAME" ] || [ -L "$dir/$NAME" ]; then found="$found $dir/$NAME"; fi
  done
}
mine() {
  [ -f "$1" ] && [ ! -L "$1" ] && [ -O "$1" ] && [ "$(sed -n 1p "$1")" = "change $CHANGE" ]
}
"""

_SHOW = """\
find_locks
for lock in $found; do
  echo "held $lock"
  [ -f "$lock" ] && [ ! -L "$lock" ] && head -c 2000 "$lock"
  exit 0
done
"""

# After the link all folders are looked at again: of two that locked in different ones at the same
# moment, both may back off, but never both go on.
_TAKE = (
    _FIND
    + """\
find_locks
for lock in $found; do
  if mine "$lock"; then
    place=$(sed -n 's/^place //p' "$lock")
    mkdir "$place" 2>/dev/null || [ -O "$place" ] || { echo "nowhere $place is not ours"; exit 0; }
    echo kept; cat "$lock"; exit 0
  fi
done
"""
    + _SHOW.removeprefix("find_locks\n")
    + """\
why=
for real in $seen; do
  place=$real/debug-sme.$CHANGE
  rm -rf "$place"
  mkdir "$place" 2>/dev/null || { why="$why $real"; continue; }
  printf '%s\\nplace %s\\n' "$TEXT" "$place" >"$place/owner" && chmod 644 "$place/owner" &&
    ln "$place/owner" "$real/$NAME" 2>/dev/null
  linked=$?
  find_locks
  if [ $linked = 0 ] && [ "$found" = " $real/$NAME" ] && mine "$real/$NAME"; then
    echo taken; cat "$real/$NAME"; exit 0
  fi
  [ $linked = 0 ] && mine "$real/$NAME" && rm -f "$real/$NAME"
  rm -rf "$place"
  for lock in $found; do
    [ "$lock" = "$real/$NAME" ] && [ $linked = 0 ] && continue
    echo "held $lock"; head -c 2000 "$lock"; exit 0
  done
  why="$why $real"
done
echo "nowhere$why"
"""
)

_GIVE_BACK = (
    _FIND
    + """\
find_locks
for lock in $found; do
  mine "$lock" || continue
  place=$(sed -n 's/^place //p' "$lock")
  case $place in */debug-sme.$CHANGE) rm -rf "$place";; esac
  rm -f "$lock" || exit 1
done
exit 0
"""
)


@dataclass(frozen=True)
class HeldLock:
    """Who holds a host's lock, as its text says; what the text lacks is empty."""

    path: str
    change: str = ""
    epoch: str = ""
    place: str = ""
    incident: str = ""
    who: str = ""
    origin: str = ""
    since: str = ""

    @classmethod
    def read(cls, path: str, text: str) -> HeldLock:
        """Take the text apart; a line that is none of ours is passed over."""
        lines = dict(line.partition(" ")[::2] for line in text.splitlines())
        known = ("change", "epoch", "place", "incident", "who", "since")
        values = {name: lines.get(name, "").strip() for name in known}
        return cls(path=path, origin=lines.get("from", "").strip(), **values)

    def __str__(self) -> str:
        """One line for people."""
        if not self.change:
            return f"something else at {self.path}"
        incident = f" for incident {self.incident}" if self.incident else ""
        return f"change {self.change}{incident}, by {self.who} from {self.origin}, {self.since}"


@dataclass(frozen=True)
class HostLock:
    """The lock of one host, as one change uses it."""

    hands: Hands
    clock: Clock
    folders: tuple[str, ...] = CANDIDATES

    def take(
        self, change: Change, approval: str, patience_s: float = PATIENCE_S
    ) -> tuple[HeldLock, bool]:
        """Lock the host for the change; also whether the change held the lock already.

        A host that does not answer is waited for as long as `patience_s`.

        Raises:
            HostBusy: another change holds it, or no folder takes a lock; nothing was done.
            HostError: the host can't be asked.
        """
        text = "\n".join(
            (
                f"change {change.id}",
                f"epoch {secrets.token_hex(6)}",
                f"incident {change.incident or ''}",
                f"who {_line(change.actor)}",
                f"from {_line(socket.gethostname())} (pid {os.getpid()})",
                f"since {datetime.now(UTC).isoformat(timespec='seconds')}",
            )
        )
        why = "take the lock of the host"
        out = self._run("lock", _TAKE, why, approval, change.id, text, patience_s=patience_s)
        first, _, rest = out.partition("\n")
        word, _, detail = first.partition(" ")
        if word in ("taken", "kept"):
            lock = HeldLock.read("", rest)
            if not lock.epoch or not lock.place:
                raise HostError(f"its lock can't be read: {rest[:80]!r}", host=change.plan.host)
            return lock, word == "kept"
        if word == "held":
            raise busy(change.plan.host, HeldLock.read(detail, rest))
        raise HostBusy(
            f"no folder takes a lock: {detail or first or 'no answer'}",
            host=change.plan.host,
            remedy="One of these must be writable and have room: " + ", ".join(self.folders),
        )

    def give_back(self, change: str, approval: str) -> None:
        """Unlock the host, if this change holds the lock, and remove its notes.

        Raises:
            HostError: it can't be asked, or the lock can't be removed.
        """
        self._run(
            "unlock", _GIVE_BACK, "give the lock of the host back", approval, change, undo=True
        )

    def holder(self) -> HeldLock | None:
        """Who holds the lock, or None. Raises HostError."""
        out = self._run("lock.read", _FIND + _SHOW, "see who holds the lock of the host", None)
        first, _, rest = out.partition("\n")
        return HeldLock.read(first.removeprefix("held "), rest) if first else None

    def _run(
        self,
        name: str,
        script: str,
        why: str,
        approval: str | None,
        change: str = "",
        text: str = "",
        *,
        undo: bool = False,
        patience_s: float = PATIENCE_S,
    ) -> str:
        head = (
            f"NAME={LOCK_NAME}; CHANGE={shlex.quote(change)}; TEXT={shlex.quote(text)}\n"
            f"FOLDERS={shlex.quote(' '.join(self.folders))}\n"
        )
        kind: Kind = "own look" if approval is None else "undo" if undo else "change"
        shown = f"# sme: {why}" + (f" for change {change}" if change else "")
        errand = Errand(f"fix.{name}", head + script, why, kind, approval, record_as=shown)
        evidence = ask(self.hands, errand, self.clock, patience_s)
        if evidence.exit_code != 0:
            raise HostError(f"can't {why}: {complaint(evidence)}", host=evidence.host)
        return evidence.stdout


def busy(host: str, lock: HeldLock) -> HostBusy:
    """The error for a host that another change holds."""
    if lock.change:
        remedy = (
            f"Wait for it. If it was killed: sme fix --resume {lock.incident or lock.change}, "
            "where it was begun. "
            f"If it is gone for good, see what it left on the host, then remove {lock.path}"
        )
    else:
        remedy = f"See what it is: ls -ld {lock.path}. If nothing needs it, remove it."
    return HostBusy(f"is being changed: {lock}", host=host, remedy=remedy)


def _line(text: str) -> str:
    return " ".join(text.split())[:200]
