"""Reaching hosts: connections that are kept, and looks at several hosts at once."""

from __future__ import annotations

import queue
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass, field

from sme_agent.events import CommandDone, HostFailed
from sme_tools.errors import HostError, Interrupted
from sme_tools.hosts.evidence import Evidence
from sme_tools.hosts.host import Host
from sme_tools.hosts.transport import Closing, Transport
from sme_tools.observe import Observation, observe
from sme_tools.probes.registry import Probe, find_probe
from sme_tools.safety.redaction import Redactor

HOSTS_AT_ONCE = 16

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
    _transports: dict[str, Transport] = field(default_factory=dict)
    _redactor: Redactor = field(default_factory=Redactor)
    _early: Look | None = None

    def look_early(self, plan: Plan) -> None:
        """Begin the first look in the background; the next `look` takes it over."""
        self._early = Look(self, plan, round=1)

    def look(self, plan: Plan, round: int) -> Iterator[CommandDone | Observation | HostFailed]:
        """Run probes on several hosts at once and yield what happens, each host's facts included.

        A host that can't be reached, or is lost, is a HostFailed; the others go on.

        Raises:
            Interrupted: `cancelled` was set.
        """
        look, self._early = self._early or Look(self, plan, round), None
        yield from look.events()

    def heed_cancellation(self) -> None:
        """Raise Interrupted if the user wants to stop."""
        if self.cancelled.is_set():
            raise Interrupted("stopped")

    def observe(self, host: str, probes: Sequence[Probe], round: int, done: Done) -> Observation:
        """One look at one host over its connection, which is opened on first use and kept."""
        if host not in self._transports:
            self._transports[host] = self.open_transport(self.hosts[host])
        found = observe(
            self.hosts[host],
            self._transports[host],
            probes,
            timeout_s=self.timeout_s,
            round=round,
            redactor=self._redactor,
            progress=lambda evidence: done.put((host, evidence)),
        )
        if found.lost is not None:
            self._forget(host)
        return found

    def _forget(self, host: str) -> None:
        transport = self._transports.pop(host, None)
        if transport is not None:
            transport.close()

    def close(self) -> None:
        """End the connections, and with them whatever still runs over them."""
        if self._early is not None:
            self._early.abandon()
        for host in list(self._transports):
            self._forget(host)


Done = queue.SimpleQueue[tuple[str, Evidence | Observation | HostError]]
"""What the threads of a look report: a command that ended, then how the host ended."""


class Look:
    """Probes running on several hosts at once; their events are read from one thread."""

    def __init__(self, reach: Reach, plan: Plan, round: int) -> None:
        self._reach = reach
        self._plan = {host: [find_probe(id) for id in ids] for host, ids in plan.items() if ids}
        self._round = round
        self._done: Done = queue.SimpleQueue()
        self._pool = ThreadPoolExecutor(HOSTS_AT_ONCE, thread_name_prefix="host")
        self._futures: list[Future[None]] = [
            self._pool.submit(self._run, host, probes) for host, probes in self._plan.items()
        ]

    def events(self) -> Iterator[CommandDone | Observation | HostFailed]:
        """Yield what happens until every host has answered or failed."""
        waiting = set(self._plan)
        total = sum(len(probes) for probes in self._plan.values())
        done = 0
        try:
            while waiting:
                host, what = self._next()
                if isinstance(what, Evidence):
                    done += 1
                    yield CommandDone(host, what.step, what.exit_code, what.duration_s, done, total)
                    continue
                waiting.discard(host)
                if isinstance(what, Observation):
                    yield what
                error = what.lost if isinstance(what, Observation) else what
                if error is not None:
                    yield HostFailed(host, error.message, error.remedy)
        finally:
            self.abandon()

    def abandon(self) -> None:
        """Start nothing more; what runs ends when its connection is closed."""
        self._pool.shutdown(wait=False, cancel_futures=True)

    def _run(self, host: str, probes: list[Probe]) -> None:
        try:
            self._done.put((host, self._reach.observe(host, probes, self._round, self._done)))
        except HostError as error:
            self._done.put((host, error))

    def _next(self) -> tuple[str, Evidence | Observation | HostError]:
        while True:
            self._reach.heed_cancellation()
            with suppress(queue.Empty):
                return self._done.get(timeout=0.2)
            for future in self._futures:
                if future.done():
                    future.result()  # a fault of our own must not look like a slow host
