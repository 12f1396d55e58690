"""The door to an investigation: one generator of events, for every face and for scripts."""

from __future__ import annotations

import shlex
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

from sme_agent.case import Case
from sme_agent.events import Concluded, Event, NotKept
from sme_agent.nodes import Nodes, baseline, first_look
from sme_agent.reach import Reach
from sme_agent.recall import recall
from sme_agent.rules import RuleReasoner
from sme_agent.state import InvestigationState, new_state
from sme_agent.workspace import Knowledge, Workspace
from sme_memory.database import BUSY_TIMEOUT_S, write_ahead
from sme_memory.evolution_log import EvolutionLog
from sme_memory.incident import Incident
from sme_memory.incidents import IncidentStore
from sme_tools.errors import Interrupted, StateError, UsageError
from sme_tools.facts import Facts
from sme_tools.hosts.host import Host
from sme_tools.hosts.transport import Transport
from sme_tools.safety.redaction import Redactor

if TYPE_CHECKING:
    from langgraph.checkpoint.sqlite import SqliteSaver


@dataclass(frozen=True)
class Colleague:
    """Everything an investigation needs that outlives it."""

    load_knowledge: Callable[[], Knowledge]
    """Called while the hosts already answer."""
    incidents: IncidentStore
    log: EvolutionLog
    checkpoints: Path
    open_transport: Callable[[Host], Transport]
    timeout_s: float = 60.0
    """For one look at one host."""
    redactor: Redactor = field(default_factory=Redactor)
    """The one of the guarded transports, if `open_transport` gives such."""

    def investigate(
        self,
        hosts: Sequence[Host],
        symptom: str | None = None,
        *,
        targets: Sequence[str] = (),
        cancelled: threading.Event | None = None,
    ) -> Iterator[Event]:
        """Find out what is wrong with these hosts; ends with `Concluded`.

        `targets` are the hosts as the user named them, from which `resume` finds them again.
        Setting `cancelled` ends the investigation at the next chance.

        An investigation that ends early, cancelled or closed, keeps what it found so far: the
        incident is marked as interrupted and can be resumed.

        Raises:
            Interrupted: it was cancelled.
            UsageError, StateError: see the messages. A host that fails is an event, no exception.
        """
        symptom = self.redactor.text(symptom) if symptom else None
        incident = Incident.begin([host.name for host in hosts], symptom, targets)
        yield from self._run(incident, hosts, new_state(incident.id), cancelled)

    def resume(
        self,
        incident: Incident,
        hosts: Sequence[Host],
        *,
        cancelled: threading.Event | None = None,
    ) -> Iterator[Event]:
        """Go on with an investigation that was interrupted, from the step it had reached.

        Raises:
            UsageError: it has been concluded already, or never took its first step.
        """
        if incident.diagnosis is not None and incident.status == "diagnosed":
            raise UsageError(
                f"incident {incident.id} is concluded",
                remedy=f"Read it: sme incidents show {incident.id}",
            )
        incident.status = "open"
        yield from self._run(incident, hosts, None, cancelled)

    def _run(
        self,
        incident: Incident,
        hosts: Sequence[Host],
        state: InvestigationState | None,
        cancelled: threading.Event | None,
    ) -> Iterator[Event]:
        by_name = {host.name: host for host in hosts}
        stop = cancelled or threading.Event()
        with Reach(by_name, self.open_transport, self.timeout_s, stop, self.redactor) as reach:
            if state is not None:
                # The hosts answer while checks, known issues and langgraph are still being read.
                reach.look_early(baseline(by_name), first_look(incident))
            workspace = self._workspace(incident, reach)
            if state is not None:
                self.incidents.create(incident)
            try:
                yield from self._stream(workspace, state)
            except StateError as error:
                if incident.status != "diagnosed":
                    self._keep_so_far(workspace.case)
                    raise
                # What our own disk could not take is still worth reading.
                yield NotKept(str(error), error.remedy)
            except Interrupted as error:
                self._keep_so_far(workspace.case)
                raise _stopped(incident) from error
            except BaseException:
                self._keep_so_far(workspace.case)
                raise
        yield Concluded(incident)

    def _keep_so_far(self, case: Case) -> None:
        case.incident.status = "interrupted"
        self.incidents.save_step(case.incident, [case.evidence[id] for id in case.unsaved])
        case.unsaved.clear()

    def _workspace(self, incident: Incident, reach: Reach) -> Workspace:
        knowledge = self.load_knowledge()
        return Workspace(
            case=self._case(incident, reach, knowledge),
            reach=reach,
            reasoner=RuleReasoner(),
            retriever=knowledge.retriever,
            incidents=self.incidents,
            log=self.log,
        )

    def _stream(self, workspace: Workspace, state: InvestigationState | None) -> Iterator[Event]:
        from sme_agent.graph import build_graph

        thread: Any = {"configurable": {"thread_id": workspace.case.incident.id}}
        with _checkpoints(self.checkpoints) as saver:
            graph = build_graph(Nodes(workspace), saver)
            if state is None and not graph.get_state(thread).values:
                incident = workspace.case.incident
                words = [*incident.targets, *(["-s", incident.symptom] if incident.symptom else [])]
                raise UsageError(
                    f"incident {incident.id} stopped before its first step",
                    remedy=f"Begin anew: sme diagnose {shlex.join(words)}",
                )
            for event in graph.stream(state, thread, stream_mode="custom", durability="sync"):
                yield cast(Event, event)

    def _case(self, incident: Incident, reach: Reach, knowledge: Knowledge) -> Case:
        case = Case(
            incident=incident,
            hosts=reach.hosts,
            checks=list(knowledge.checks),
            issues=knowledge.issues.current(),
        )
        for host, document in incident.facts.items():
            case.facts[host] = Facts.from_document(document, f"incident {incident.id}")
        for id in self.incidents.evidence_ids(incident.id):
            case.evidence[id] = self.incidents.evidence(incident.id, id)
        if case.facts:
            case.judge()
            recall(case, knowledge.retriever, self.incidents)
        return case


def _stopped(incident: Incident) -> Interrupted:
    found = len(incident.findings)
    return Interrupted(
        f"stopped; what was found so far ({found} finding{'' if found == 1 else 's'}) is kept: "
        f"sme incidents show {incident.id}",
        remedy=f"Go on from there: sme diagnose --resume {incident.id}",
    )


@contextmanager
def _checkpoints(path: Path) -> Iterator[SqliteSaver]:
    """The checkpoints' database, closed at the end of the block."""
    import sqlite3

    from langgraph.checkpoint.sqlite import SqliteSaver

    try:
        path.touch(mode=0o600)
        with closing(
            sqlite3.connect(path, check_same_thread=False, timeout=BUSY_TIMEOUT_S)
        ) as connection:
            write_ahead(connection)
            saver = SqliteSaver(connection)
            saver.setup()
            yield saver
    except (OSError, sqlite3.Error) as error:
        raise StateError(f"{path}: {error}", remedy=_remedy(path, str(error))) from error


def _remedy(path: Path, problem: str) -> str:
    if "locked" in problem:
        return f"Another sme is writing. Wait, or find it: fuser {path}"
    if "not a database" in problem or "malformed" in problem:
        return f"Only resuming needs it, so it may go: rm -f {path} {path}-wal {path}-shm"
    return f"Free space on the disk of {path.parent} and make it writable, or set SME_STATE_DIR."
