"""What the nodes work with: hosts, knowledge, memory. Made once for an investigation."""

from __future__ import annotations

import queue
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass, field
from types import TracebackType
from typing import Self

from sme_agent.case import Case
from sme_agent.events import CommandDone, HostFailed
from sme_agent.reasoner import Reasoner
from sme_knowledge.retrieval import Retriever
from sme_memory.evolution_log import EvolutionLog
from sme_memory.incidents import IncidentStore
from sme_tools.errors import HostError, Interrupted
from sme_tools.hosts.evidence import Evidence
from sme_tools.hosts.host import Host
from sme_tools.hosts.transport import Transport
from sme_tools.observe import Observation, observe
from sme_tools.probes.registry import Probe, find_probe
from sme_tools.safety.redaction import Redactor

HOSTS_AT_ONCE = 16


@dataclass
class Workspace:
    """The tools of one investigation. Close it: it holds connections."""

    case: Case
    reasoner: Reasoner
    retriever: Retriever
    incidents: IncidentStore
    log: EvolutionLog
    open_transport: Callable[[Host], Transport]
    timeout_s: float
    """For one look at one host."""
    cancelled: threading.Event
    """Set from outside to end the investigation at the next chance."""
    _transports: dict[str, Transport] = field(default_factory=dict)
    _redactor: Redactor = field(default_factory=Redactor)
    _early: dict[str, Look] = field(default_factory=dict)

    def look_early(self, plan: Mapping[str, Sequence[str]]) -> None:
        """Begin the first look at once, in the background; `look` with round 1 takes it over."""
        self._early = {"1": Look(self, plan, round=1)}

    def look(
        self, plan: Mapping[str, Sequence[str]], round: int
    ) -> Iterator[CommandDone | HostFailed]:
        """Run probes on several hosts at once (`plan`: probe ids by host) and take what they say.

        A host that can't be reached is noted in the incident; the others go on.
        """
        early = self._early.pop(str(round), None)
        yield from (early or Look(self, plan, round=round)).events()

    def heed_cancellation(self) -> None:
        """Raise Interrupted if the user wants to stop."""
        if self.cancelled.is_set():
            id = self.case.incident.id
            raise Interrupted(
                f"stopped; what was found is kept: sme incidents show {id}",
                remedy=f"Go on from there: sme diagnose --resume {id}",
            )

    def transport(self, host: Host) -> Transport:
        """The host's connection, opened on first use and kept."""
        if host.name not in self._transports:
            self._transports[host.name] = self.open_transport(host)
        return self._transports[host.name]

    def forget_transport(self, host: str) -> None:
        """Drop a connection that broke; the next look opens a new one."""
        transport = self._transports.pop(host, None)
        if transport is not None:
            transport.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        exc_type: type[BaseException] | None,
        exc: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        for name in list(self._transports):
            self.forget_transport(name)


class Look:
    """Probes running on several hosts at once; their events are read from one thread."""

    def __init__(self, workspace: Workspace, plan: Mapping[str, Sequence[str]], round: int) -> None:
        self._workspace = workspace
        self._plan = {host: [find_probe(id) for id in ids] for host, ids in plan.items() if ids}
        self._round = round
        self._done: queue.SimpleQueue[tuple[str, Evidence | Observation | HostError]] = (
            queue.SimpleQueue()
        )
        self._pool = ThreadPoolExecutor(HOSTS_AT_ONCE, thread_name_prefix="host")
        self._futures: list[Future[None]] = [
            self._pool.submit(self._run, workspace.case.hosts[name], probes)
            for name, probes in self._plan.items()
        ]

    def _run(self, host: Host, probes: list[Probe]) -> None:
        try:
            observation = observe(
                host,
                self._workspace.transport(host),
                probes,
                timeout_s=self._workspace.timeout_s,
                round=self._round,
                redactor=self._workspace._redactor,
                progress=lambda evidence: self._done.put((host.name, evidence)),
            )
        except HostError as error:
            self._done.put((host.name, error))
        else:
            self._done.put((host.name, observation))

    def events(self) -> Iterator[CommandDone | HostFailed]:
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
                yield from self._finish(host, what)
        finally:
            self._pool.shutdown(wait=False, cancel_futures=True)

    def _next(self) -> tuple[str, Evidence | Observation | HostError]:
        while True:
            self._workspace.heed_cancellation()
            with suppress(queue.Empty):
                return self._done.get(timeout=0.2)
            for future in self._futures:
                if future.done():
                    future.result()  # a fault of our own must not look like a slow host

    def _finish(self, host: str, what: Evidence | Observation | HostError) -> Iterator[HostFailed]:
        case = self._workspace.case
        if isinstance(what, HostError):
            case.incident.unreachable[host] = what.message
            yield HostFailed(host, what.message, what.remedy)
        elif isinstance(what, Observation):
            case.take(what.facts, what.evidence)
            if what.lost is not None:
                self._workspace.forget_transport(host)
                case.incident.unreachable[host] = what.lost.message
                yield HostFailed(host, what.lost.message, what.lost.remedy)
