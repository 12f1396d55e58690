"""Changes on a real host for the tests: this machine, or a real sshd on it, and a folder to change.

As a program it begins or resumes a change, and kills itself where it is told to:

    python changing.py BASE before|after N     at the n-th write of the journal
    python changing.py BASE never 0            not at all: it goes on with what is on record
    python changing.py BASE back 0             the same, but it takes everything back
"""

from __future__ import annotations

import os
import signal
import stat
import sys
import time
from collections.abc import Callable, Sequence
from pathlib import Path

from sme_memory.changes import ChangeStore
from sme_tools.actions.events import Event
from sme_tools.actions.hands import HostLook, TransportHands
from sme_tools.actions.journal import Change, KeptFile
from sme_tools.actions.plan import Action, Plan, Verify
from sme_tools.actions.transaction import Transaction
from sme_tools.checks.check import Check
from sme_tools.hosts.evidence import Evidence
from sme_tools.hosts.host import Host, localhost
from sme_tools.hosts.open import open_transport

APPROVAL = "approval-1"


class QuickClock:
    """Time that passes as soon as somebody waits; `at` things happen when their moment has come."""

    def __init__(self) -> None:
        self.time = 0.0
        self.at: list[tuple[float, Callable[[], object]]] = []

    def now(self) -> float:
        return self.time

    def sleep(self, seconds: float) -> None:
        self.time += seconds
        for moment, happen in list(self.at):
            if moment <= self.time:
                self.at.remove((moment, happen))
                happen()


class Site:
    """A host with a folder to change, a folder for locks, and the journal of who changes it."""

    def __init__(self, base: Path, host: Host | None = None, checks: Sequence[Check] = ()) -> None:
        self.tree = base / "tree"
        self.locks = base / "locks"
        for folder in (self.tree, self.locks):
            folder.mkdir(exist_ok=True)
        self.host = host or localhost()
        self.checks = checks
        self.store = ChangeStore(base / "changes.db")
        self.clock = QuickClock()
        self.hands = TransportHands(self.host, open_transport, "user ann")

    def plan(self, *actions: Action, **fields: object) -> Plan:
        return Plan(host=self.host.name, actions=actions, **fields)

    def begin(self, *actions: Action, **fields: object) -> Transaction:
        plan = self.plan(*actions, **fields)
        return self.resume(Change.begin(plan, actor="user ann", approvals=[APPROVAL]))

    def resume(self, change: Change, journal: object | None = None) -> Transaction:
        return Transaction(
            change,
            journal=journal or self.store,
            hands=self.hands,
            look=HostLook(self.hands, self.checks),
            clock=self.clock,
            lock_folders=(str(self.locks),),
        )

    def carry_out(self, *actions: Action, **fields: object) -> tuple[Change, list[Event]]:
        """The change as it is on record afterwards, and what happened."""
        transaction = self.begin(*actions, **fields)
        events = list(transaction.advance())
        return self.store.load(transaction.change.id), events

    def state(self) -> dict[str, tuple[str, object]]:
        """The tree, byte for byte, with modes and owners."""
        return tree_state(self.tree)


def tree_state(folder: Path) -> dict[str, tuple[str, object]]:
    """Path by path: mode and owner, and contents."""
    state = {}
    for path in sorted(folder.rglob("*")):
        info = path.lstat()
        about = f"{stat.filemode(info.st_mode)} {info.st_uid}:{info.st_gid}"
        contents: object = None
        if path.is_symlink():
            contents = path.readlink()
        elif path.is_file():
            contents = path.read_bytes()
        state[str(path.relative_to(folder))] = (about, contents)
    return state


def action(run: str, **fields: object) -> Action:
    """An action that is verified at once, unless told otherwise."""
    fields.setdefault("verify", Verify(run="true"))
    fields.setdefault("hold_s", 0)
    fields.setdefault("timeout_s", 20)
    return Action(title=fields.pop("title", "Change it"), run=run, **fields)


def two_steps(tree: Path) -> tuple[Action, Action]:
    """A file that is written over and kept, and one that is made and has an undo."""
    return (
        action(
            f"printf new >{tree}/config; chmod 600 {tree}/config; echo x >{tree}/extra",
            keep_files=(f"{tree}/config", f"{tree}/extra"),
            verify=Verify(run=f"grep -q new {tree}/config"),
            hold_s=3,
        ),
        action(
            f"cp -p {tree}/data {tree}/data.old && printf two >{tree}/data",
            undo=f"if [ -e {tree}/data.old ]; then mv {tree}/data.old {tree}/data; fi",
            pre_state=(f"cksum <{tree}/data",),
            verify=Verify(run=f"grep -q two {tree}/data"),
            hold_s=3,
        ),
    )


def fill(tree: Path) -> None:
    """What is there before."""
    (tree / "config").write_bytes(b"old\0\xff'%s\\n\n")
    (tree / "config").chmod(0o640)
    (tree / "data").write_text("one")


def wait_for(condition: Callable[[], object], limit_s: float = 60) -> None:
    """Wait until it is so; fail if it never is."""
    deadline = time.monotonic() + limit_s
    while not condition():
        assert time.monotonic() < deadline, "it never came about"
        time.sleep(0.02)


class CrashingJournal:
    """A journal whose process is killed before or after a write."""

    def __init__(self, store: ChangeStore, moment: str, crash_at: int) -> None:
        self._store = store
        self._moment = moment
        self._crash_at = crash_at
        self._writes = 0

    def save(self, change: Change, evidence: Sequence[Evidence] = ()) -> None:
        self._write(lambda: self._store.save(change, evidence))

    def keep(self, change: str, action: int, files: Sequence[KeptFile]) -> None:
        self._write(lambda: self._store.keep(change, action, files))

    def kept(self, change: str, action: int) -> list[KeptFile]:
        return self._store.kept(change, action)

    def forget(self, change: str) -> None:
        self._write(lambda: self._store.forget(change))

    def _write(self, write: Callable[[], None]) -> None:
        self._writes += 1
        if self._moment == "before" and self._writes == self._crash_at:
            os.kill(os.getpid(), signal.SIGKILL)
        write()
        if self._moment == "after" and self._writes == self._crash_at:
            os.kill(os.getpid(), signal.SIGKILL)


def main(base: str, moment: str, crash_at: str) -> None:
    site = Site(Path(base))
    if (site.store.path).exists():
        change = site.store.load("last")
    else:
        plan = Plan.model_validate_json((site.tree.parent / "plan.json").read_text())
        change = Change.begin(plan, actor="user ann", approvals=[APPROVAL])
    transaction = site.resume(change, CrashingJournal(site.store, moment, int(crash_at)))
    if moment == "back" and change.phase == "open":
        transaction.turn_back("somebody wants it back")
    for _ in transaction.advance():
        pass
    print(transaction.change.outcome)


if __name__ == "__main__":
    main(*sys.argv[1:])
