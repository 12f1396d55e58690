"""Reaching hosts: connections that are kept, and looks at several hosts at once."""

from __future__ import annotations

import queue
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from types import TracebackType
from typing import Any

from sme_agent.events import CommandDone, HostFailed
from sme_tools.errors import HostError, HostLost, Interrupted
from sme_tools.hosts.evidence import Evidence
from sme_tools.hosts.host import Host
from sme_tools.hosts.purpose import Purpose
from sme_tools.hosts.script import Script, Step
from sme_tools.hosts.transport import Closing, Transport
from sme_tools.observe import Observation, observe, observed_so_far
from sme_tools.probes.registry import Probe, find_probe
from sme_tools.safety.redaction import Redactor

HOSTS_AT_ONCE = 16
GRACE_S = 5.0
"""For the round trip of a single command, beyond its own limit."""
CLOSE_LIMIT_S = 1.0
"""For all connections together. One that is still being made can't be closed: the program's end
ends it."""

COMMANDS_AT_ONCE = 4
"""Of those that are no probes: sshd allows ten sessions a connection."""


@dataclass(frozen=True)
class Command:
    """A command that is no probe, and may run."""

    host: str
    name: str
    """Of the step, for its evidence id."""
    text: str
    purpose: Purpose


Plan = Mapping[str, Sequence[str]]
"""Ids of probes, by host."""


@dataclass
class Reach(Closing):
    """The hosts of one investigation and the connections to them. Close it."""

    hosts: dict[str, Host]
    open_transport: Callable[[Host], Transport]
    timeout_s: float
    """For one look at one host."""
    cancelled: threading.Event
    """Set from outside to end the investigation at the next chance."""
    redactor: Redactor
    """For hosts whose transport is not guarded."""
    _transports: dict[str, Transport] = field(default_factory=dict)
    _early: Look | None = None
    _lock: threading.Lock = field(default_factory=threading.Lock)
    """Over the transports."""

    def look_early(self, plan: Plan, purpose: Purpose) -> None:
        """Begin the first look in the background; the next `look` takes it over."""
        self._early = Look(self, plan, purpose, round=1)

    def look(
        self, plan: Plan, purpose: Purpose, round: int
    ) -> Iterator[CommandDone | Observation | HostFailed]:
        """Run probes on several hosts at once and yield what happens, each host's facts included.

        A host that can't be reached, or is lost, is a HostFailed; the others go on.

        Raises:
            Interrupted: `cancelled` was set.
        """
        look, self._early = self._early or Look(self, plan, purpose, round), None
        yield from look.events()

    def heed_cancellation(self) -> None:
        """Raise Interrupted if the user wants to stop."""
        if self.cancelled.is_set():
            raise Interrupted("stopped")

    def observe(
        self, host: str, probes: Sequence[Probe], purpose: Purpose, round: int, done: Done
    ) -> Observation:
        """One look at one host over its connection, which is opened on first use and kept."""
        found = observe(
            self.hosts[host],
            self._transport(host),
            probes,
            timeout_s=self.timeout_s,
            purpose=purpose,
            round=round,
            redactor=self.redactor,
            progress=lambda evidence: done.put((host, evidence)),
        )
        if found.lost is not None:
            self._forget(host)
        return found

    def run(
        self, commands: Sequence[Command], round: int
    ) -> Iterator[tuple[int, Evidence | HostError]]:
        """Run commands that are no probes side by side; yields each one's number and what came.

        What they say comes back without its secrets.

        Raises:
            Interrupted: `cancelled` was set.
        """
        done: queue.SimpleQueue[tuple[int, Evidence | BaseException]] = queue.SimpleQueue()
        waiting = queue.SimpleQueue[int]()
        for number in range(len(commands)):
            waiting.put(number)

        def work() -> None:
            with suppress(queue.Empty):
                while True:
                    number = waiting.get_nowait()
                    with _Reporting(done, number):
                        done.put((number, self._run(commands[number], round)))

        for number in range(min(len(commands), COMMANDS_AT_ONCE)):
            threading.Thread(target=work, daemon=True, name=f"command {number}").start()
        for _ in commands:
            number, result = self._next_of(done)
            if not isinstance(result, Evidence | HostError):
                raise result
            yield number, result

    def _next_of(
        self, done: queue.SimpleQueue[tuple[int, Evidence | BaseException]]
    ) -> tuple[int, Evidence | BaseException]:
        while True:
            self.heed_cancellation()
            with suppress(queue.Empty):
                return done.get(timeout=0.2)

    def _run(self, command: Command, round: int) -> Evidence:
        step = Step(command.name, command.text, int(self.timeout_s))
        script = Script([step], round=round, purpose=command.purpose)
        transport = self._transport(command.host)
        try:
            for evidence in transport.run(script, timeout_s=self.timeout_s + GRACE_S):
                return self.redactor.evidence(evidence)
        except HostError:
            self._forget(command.host)
            raise
        raise HostLost(f"{command.text} left no answer", host=command.host)

    def account(self, host: str) -> str:
        """The account that commands run as, before any sudo; empty for a snapshot."""
        return self._transport(host).account or ""

    def _transport(self, host: str) -> Transport:
        with self._lock:
            if host not in self._transports:
                self._transports[host] = self.open_transport(self.hosts[host])
            return self._transports[host]

    def _forget(self, host: str) -> None:
        with self._lock:
            transport = self._transports.pop(host, None)
        if transport is not None:
            transport.close()

    def close(self) -> None:
        """End the connections, and with them whatever still runs over them."""
        if self._early is not None:
            self._early.abandon()
        closers = [
            threading.Thread(target=transport.close, daemon=True)
            for transport in self._transports.values()
        ]
        self._transports.clear()
        for closer in closers:
            closer.start()
        deadline = time.monotonic() + CLOSE_LIMIT_S
        for closer in closers:
            closer.join(max(deadline - time.monotonic(), 0))


Done = queue.SimpleQueue[tuple[str, Evidence | Observation | BaseException]]
"""What the threads of a look report: a command that ended, then how the host ended. Any other
exception is a fault of our own, which must not look like a slow host."""


class Look:
    """Probes running on several hosts at once; their events are read from one thread.

    The threads are daemons: the end of the program, Ctrl-C too, waits for no silent host.
    """

    def __init__(self, reach: Reach, plan: Plan, purpose: Purpose, round: int) -> None:
        self._reach = reach
        self._purpose = purpose
        self._plan = {host: [find_probe(id) for id in ids] for host, ids in plan.items() if ids}
        self._round = round
        self._done: Done = queue.SimpleQueue()
        self._so_far: dict[str, list[Evidence]] = {host: [] for host in self._plan}
        self._hosts: queue.SimpleQueue[str] = queue.SimpleQueue()
        for host in self._plan:
            self._hosts.put(host)
        for number in range(min(len(self._plan), HOSTS_AT_ONCE)):
            threading.Thread(target=self._work, daemon=True, name=f"hosts {number}").start()

    def events(self) -> Iterator[CommandDone | Observation | HostFailed]:
        """Yield what happens until every host has answered or failed.

        Raises:
            Interrupted: `cancelled` was set. What the hosts had answered until then comes first.
        """
        total = sum(len(probes) for probes in self._plan.values())
        done = 0
        try:
            while self._so_far:
                host, what = self._next()
                if isinstance(what, Evidence):
                    done += 1
                    self._so_far[host].append(what)
                    yield CommandDone(host, what.step, what.exit_code, what.duration_s, done, total)
                    continue
                del self._so_far[host]
                if isinstance(what, Observation):
                    yield what
                error = what.lost if isinstance(what, Observation) else what
                if isinstance(error, HostError):
                    yield HostFailed(host, error.message, error.remedy)
        except Interrupted:
            yield from self._unfinished()
            raise
        finally:
            self.abandon()

    def abandon(self) -> None:
        """Start nothing more; what runs ends when its connection is closed."""
        with suppress(queue.Empty):
            while True:
                self._hosts.get_nowait()

    def _unfinished(self) -> Iterator[Observation]:
        for host, evidence in self._so_far.items():
            if evidence:
                yield observed_so_far(host, self._plan[host], evidence, "it was stopped before")

    def _work(self) -> None:
        with suppress(queue.Empty):
            while True:
                self._look_at(self._hosts.get_nowait())

    def _look_at(self, host: str) -> None:
        with _Reporting(self._done, host):
            probes = self._plan[host]
            found = self._reach.observe(host, probes, self._purpose, self._round, self._done)
            self._done.put((host, found))

    def _next(self) -> tuple[str, Evidence | Observation | HostError]:
        while True:
            self._reach.heed_cancellation()
            with suppress(queue.Empty):
                host, what = self._done.get(timeout=0.2)
                if isinstance(what, Evidence | Observation | HostError):
                    return host, what
                raise what


@dataclass
class _Reporting:
    """Hands what a thread dies of to the thread that reads."""

    done: queue.SimpleQueue[Any]
    key: object

    def __enter__(self) -> None: ...

    def __exit__(
        self, kind: object, error: BaseException | None, traceback: TracebackType | None
    ) -> bool:
        if error is not None:
            self.done.put((self.key, error))
        return True
