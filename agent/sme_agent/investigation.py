"""The door to an investigation: one generator of events, for every face and for scripts."""

from __future__ import annotations

import shlex
import threading
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field
from pathlib import Path

from sme_agent.case import Case
from sme_agent.events import Concluded, Event, NotKept
from sme_agent.mended import unrecorded
from sme_agent.nodes import baseline, first_look
from sme_agent.permission import Permission
from sme_agent.questions import Ask, nobody
from sme_agent.reach import Reach
from sme_agent.reasoner import Reasoner
from sme_agent.recall import recall
from sme_agent.repair import Repairs
from sme_agent.resolution import Wish
from sme_agent.rules import RuleReasoner
from sme_agent.running import run
from sme_agent.state import InvestigationState, new_state
from sme_agent.workspace import Knowledge, Workspace
from sme_memory.approvals import Approvals
from sme_memory.changes import ChangeStore
from sme_memory.evolution_log import EvolutionLog
from sme_memory.incident import Incident
from sme_memory.incident_lock import alone_with
from sme_memory.incidents import IncidentStore
from sme_tools.actions.host_lock import CANDIDATES
from sme_tools.actions.journal import Change
from sme_tools.actions.ports import Clock, SystemClock
from sme_tools.errors import Interrupted, StateError, UsageError
from sme_tools.facts import Facts
from sme_tools.hosts.host import Host
from sme_tools.hosts.purpose import this_user
from sme_tools.hosts.transport import Transport
from sme_tools.safety.guard import Guard
from sme_tools.safety.own_network import OwnNetwork


@dataclass(frozen=True)
class Colleague:
    """Everything an investigation needs that outlives it."""

    load_knowledge: Callable[[], Knowledge]
    """Called while the hosts already answer."""
    incidents: IncidentStore
    log: EvolutionLog
    checkpoints: Path
    changes: ChangeStore
    approvals: Approvals
    open_transport: Callable[[Host], Transport]
    guard: Guard
    """The one of the transports: what was refused goes to the same audit log."""
    timeout_s: float = 60.0
    """For one look at one host."""
    reasoner: Callable[[], Reasoner] = RuleReasoner
    clock: Clock = field(default_factory=SystemClock)
    """For the time that a verification has to hold."""
    lock_folders: tuple[str, ...] = CANDIDATES
    """Where on a host the lock may be that keeps two changes apart; the same for everybody."""
    own_network: Callable[[], OwnNetwork] = OwnNetwork
    """The user's own hosts, whom a model may ask anything; those of the incident come to them."""

    def investigate(
        self,
        hosts: Sequence[Host],
        symptom: str | None = None,
        *,
        targets: Sequence[str] = (),
        ask: Ask = nobody,
        cancelled: threading.Event | None = None,
    ) -> Iterator[Event]:
        """Find out what is wrong with these hosts; ends with `Concluded`.

        `targets` are the hosts as the user named them, from which `resume` finds them again.
        `ask` is called for a command that the reasoner wants and that needs approval; with nobody
        to answer it is denied. Setting `cancelled` ends the investigation at the next chance.

        An investigation that ends early, cancelled or closed, keeps what it found so far: the
        incident is marked as interrupted and can be resumed.

        Raises:
            Interrupted: it was cancelled.
            UsageError, StateError: see the messages. A host that fails is an event, no exception.
        """
        symptom = self.guard.redactor.text(symptom) if symptom else None
        incident = Incident.begin([host.name for host in hosts], symptom, targets)
        with alone_with(incident.id, self.incidents.path.parent):
            state = new_state(incident.id, look=incident.hosts)
            yield from self._run(incident, hosts, state, cancelled, ask)

    def fix(
        self,
        incident: Incident,
        hosts: Sequence[Host],
        wish: Wish,
        *,
        ask: Ask = nobody,
        cancelled: threading.Event | None = None,
    ) -> Iterator[Event]:
        """Mend what an incident's diagnosis found; ends with `Concluded`.

        `ask` is called for each step that needs approval; with nobody to answer it waits (`Asked`).

        Raises:
            UsageError: it has no diagnosis yet, a change of it is not over, or another process
                works on it.
        """
        with self._alone_with(incident):
            self._must_be_diagnosed(incident)
            begun = self.begun(incident)
            if begun:
                raise UsageError(
                    f"change {begun[0].id} of incident {incident.id} is not over",
                    remedy=f"Go on with it: sme fix --resume {incident.id}. "
                    f"Or take it back: sme fix --resume {incident.id} --undo",
                )
            state = new_state(incident.id, "fix", asdict(wish))
            yield from self._run(incident, hosts, state, cancelled, ask)

    def preview(self, incident: Incident, hosts: Sequence[Host], wish: Wish) -> Iterator[Event]:
        """What `fix` would do: `Planned` and `Unplanned` events; nothing is kept, nothing done."""
        self._must_be_diagnosed(incident)
        by_name = {host.name: host for host in hosts}
        with Reach(
            by_name, self.open_transport, self.timeout_s, threading.Event(), self.guard.redactor
        ) as reach:
            workspace = self.workspace(incident, reach, this_user())
            yield from Repairs(workspace).previews(wish)

    def resume_fix(
        self,
        incident: Incident,
        hosts: Sequence[Host],
        *,
        undo: bool = False,
        ask: Ask = nobody,
        cancelled: threading.Event | None = None,
    ) -> Iterator[Event]:
        """Go on with a fix that stood still, was killed or waits for an answer; or take it back.

        Raises:
            UsageError: no change of this incident waits.
        """
        with self._alone_with(incident):
            waiting = self.changes.to_resume(incident.id, back=undo)
            if not waiting and not unrecorded(incident, self.changes.of_incident(incident.id)):
                raise UsageError(
                    f"no change of incident {incident.id} waits",
                    remedy=f"See what was done: sme incidents show {incident.id}",
                )
            absent = {change.plan.host for change in waiting} - {host.name for host in hosts}
            if absent:
                raise UsageError(
                    f"a change on {', '.join(sorted(absent))} waits, but the inventory does not "
                    "have it among the hosts of this incident any more",
                    remedy=f"It was diagnosed as: {shlex.join(incident.targets)}",
                )
            state = new_state(incident.id, "undo" if undo else "resume", {})
            yield from self._run(incident, hosts, state, cancelled, ask)

    def _must_be_diagnosed(self, incident: Incident) -> None:
        if incident.diagnosis is None:
            raise UsageError(
                f"incident {incident.id} has no diagnosis yet",
                remedy=f"Go on with it: sme diagnose --resume {incident.id}",
            )

    def begun(self, incident: Incident) -> list[Change]:
        """The changes of an incident that are not over and may have left something on a host."""
        waiting = self.changes.to_resume(incident.id)
        return [change for change in waiting if change.has_begun or change.epoch is not None]

    def resume(
        self,
        incident: Incident,
        hosts: Sequence[Host],
        *,
        ask: Ask = nobody,
        cancelled: threading.Event | None = None,
    ) -> Iterator[Event]:
        """Go on with an investigation that was interrupted, from the step it had reached.

        Raises:
            UsageError: it has been concluded already, or never took its first step.
        """
        with self._alone_with(incident):
            if incident.diagnosis is not None and incident.status in ("diagnosed", "resolved"):
                raise UsageError(
                    f"incident {incident.id} is concluded",
                    remedy=f"Read it: sme incidents show {incident.id}",
                )
            incident.status = "open"
            yield from self._run(incident, hosts, None, cancelled, ask)

    @contextmanager
    def _alone_with(self, incident: Incident) -> Iterator[None]:
        """Keep other processes from this incident; it becomes what is on record by now."""
        with alone_with(incident.id, self.incidents.path.parent):
            stored = self.incidents.load(incident.id)
            for name in Incident.model_fields:
                setattr(incident, name, getattr(stored, name))
            yield

    def _run(
        self,
        incident: Incident,
        hosts: Sequence[Host],
        state: InvestigationState | None,
        cancelled: threading.Event | None,
        ask: Ask,
    ) -> Iterator[Event]:
        begins = state is not None and state["goal"] == "diagnose"
        by_name = {host.name: host for host in hosts}
        stop = cancelled or threading.Event()
        with Reach(
            by_name, self.open_transport, self.timeout_s, stop, self.guard.redactor
        ) as reach:
            if begins:
                # The hosts answer while checks, known issues and langgraph are still being read.
                reach.look_early(baseline(by_name), first_look(incident))
            # A fix is what a person asked for; what an investigation wants, its reasoner wants.
            person = this_user() if state is not None and not begins else None
            workspace = self.workspace(incident, reach, person)
            if begins:
                self.incidents.create(incident)
            try:
                yield from run(workspace, self.checkpoints, state, ask)
            except StateError as error:
                if incident.diagnosis is None or incident.repairs or not begins:
                    self.keep_so_far(workspace.case)
                    raise
                # What our own disk could not take is still worth reading.
                yield NotKept(str(error), error.remedy)
            except Interrupted as error:
                self.keep_so_far(workspace.case)
                raise self._stopped(incident, begins=begins) from error
            except BaseException:
                self.keep_so_far(workspace.case)
                raise
        yield Concluded(incident)

    def _stopped(self, incident: Incident, *, begins: bool) -> Interrupted:
        """What was stopped, and how to go on."""
        if begun := self.begun(incident):
            return Interrupted(
                f"stopped in the middle of a change on {begun[0].plan.host}; the host stays locked",
                remedy=f"Go on with it: sme fix --resume {incident.id}. "
                f"Or take it back: sme fix --resume {incident.id} --undo",
            )
        if not begins and self.changes.to_resume(incident.id):
            return Interrupted(
                "stopped before anything was changed",
                remedy=f"Go on: sme fix --resume {incident.id}",
            )
        found = len(incident.findings)
        return Interrupted(
            f"stopped; what was found so far ({found} finding{'' if found == 1 else 's'}) is kept: "
            f"sme incidents show {incident.id}",
            remedy=f"Go on from there: sme diagnose --resume {incident.id}",
        )

    def keep_so_far(self, case: Case) -> None:
        """Save what an investigation that ends early has found until then."""
        if case.incident.diagnosis is None:
            case.incident.status = "interrupted"
        self.incidents.save_step(case.incident, [case.evidence[id] for id in case.unsaved])
        case.unsaved.clear()

    def workspace(
        self, incident: Incident, reach: Reach, person: str | None, *, asks: bool = False
    ) -> Workspace:
        """What the nodes work with; `person` is who wants the commands, if not the reasoner."""
        knowledge = self.load_knowledge()
        reasoner = self.reasoner()
        return Workspace(
            case=self._case(incident, reach, knowledge),
            reach=reach,
            reasoner=reasoner,
            retriever=knowledge.retriever,
            incidents=self.incidents,
            log=self.log,
            changes=self.changes,
            permission=Permission(
                self.approvals,
                incident.id,
                lambda: person or reasoner.name,
                reach.account,
                self.guard,
                by_model=person is None and reasoner.is_model,
                own_network=lambda: self.own_network() | _network_of(reach.hosts.values()),
            ),
            clock=self.clock,
            lock_folders=self.lock_folders,
            person_is_there=asks,
        )

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


def _network_of(hosts: Iterable[Host]) -> OwnNetwork:
    return OwnNetwork.of([text for host in hosts for text in (host.name, host.address)])
