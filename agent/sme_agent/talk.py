"""A conversation with a person about the hosts of one incident, turn by turn."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, closing
from dataclasses import asdict
from datetime import UTC, datetime

from sme_agent.case import Case
from sme_agent.events import Concluded, Event
from sme_agent.investigation import Colleague
from sme_agent.questions import Ask, nobody
from sme_agent.reach import Reach
from sme_agent.reasoner import Desk, Reasoner
from sme_agent.repair import Repairs
from sme_agent.resolution import Wish
from sme_agent.running import run, stands_between_steps
from sme_agent.state import InvestigationState, new_state
from sme_memory.incident import Incident, TimelineEntry
from sme_memory.incident_lock import alone_with
from sme_tools.errors import UsageError
from sme_tools.hosts.evidence import Evidence
from sme_tools.hosts.host import Host
from sme_tools.hosts.transport import Closing

FRESH_S = 600.0
"""So long a look at a host counts; then the next turn begins with another."""
PERSON = "you"
"""Stands for the host of what a person brings along: `you/paste.1#0`."""


class Talk(Closing):
    """One conversation. What was said and found is on disk at each step. Close it.

    No other process can work on the incident until then.
    """

    def __init__(
        self,
        colleague: Colleague,
        incident: Incident,
        hosts: Sequence[Host],
        *,
        ask: Ask = nobody,
        is_new: bool = True,
    ) -> None:
        self._colleague = colleague
        self._ask = ask
        self._is_new = is_new
        self._cancelled = threading.Event()
        self._looked: dict[str, float] = {}
        self._open = ExitStack()
        self._open.enter_context(alone_with(incident.id, colleague.incidents.path.parent))
        reach = Reach(
            {host.name: host for host in hosts},
            colleague.open_transport,
            colleague.timeout_s,
            self._cancelled,
            colleague.guard.redactor,
        )
        self._reach = self._open.enter_context(reach)
        self._workspace = colleague.workspace(incident, reach, None, asks=ask is not nobody)

    @property
    def case(self) -> Case:
        """What is known so far."""
        return self._workspace.case

    @property
    def incident(self) -> Incident:
        """The incident that the talk is about; on disk from the first word on."""
        return self._workspace.case.incident

    @property
    def reasoner(self) -> Reasoner:
        """Who answers."""
        return self._workspace.reasoner

    def use(self, hosts: Sequence[Host], targets: Sequence[str] = ()) -> None:
        """Let the conversation be about these hosts too; the next turn looks at them."""
        for host in hosts:
            self._reach.hosts[host.name] = host
        self.incident.hosts = list(self._reach.hosts)
        self.incident.targets = [*dict.fromkeys([*self.incident.targets, *targets])]

    def attach(self, name: str, text: str) -> Evidence:
        """Keep what a person brings along, without its secrets, as evidence.

        `name` says what it is in one word: `stdin`, `paste`. Its id is `you/NAME.NUMBER#0`.
        """
        self._begin()
        number = sum(item.host == PERSON for item in self.case.evidence.values()) + 1
        step = f"{name}.{number}"
        evidence = self._reach.redactor.evidence(
            Evidence(
                id=f"{PERSON}/{step}#0",
                host=PERSON,
                step=step,
                command=name,
                stdout=text,
                stderr="",
                exit_code=0,
                outcome="completed",
                privilege="user",
                started_at=datetime.now(UTC),
                duration_s=0.0,
            )
        )
        self.case.keep(evidence)
        entry = TimelineEntry(
            step="observe", text=f"a person brought {name}", evidence=[evidence.id]
        )
        self._colleague.incidents.save_step(self.incident, [evidence], entry)
        self.case.unsaved.clear()
        return evidence

    def say(self, text: str, attached: Sequence[Evidence] = ()) -> Iterator[Event]:
        """Have an answer found to what a person says; with `Concluded` where it is a diagnosis.

        Raises:
            Interrupted: `stop` was called; what was found until then is kept.
            StateError: our own disk did not take it.
        """
        text = self._reach.redactor.text(text)
        if self.incident.symptom is None and text.strip():
            self.incident.symptom = text
        self._begin()
        self.reasoner.hear(self.case, text, attached)
        state = new_state(
            self.incident.id, "talk", look=self._to_look_at(), round=self._latest_round()
        )
        yield from self._run(state)

    def go_on(self) -> Iterator[Event]:
        """Go on with a turn that was killed or stopped, from the step it had reached.

        What is planned and not over is told again first.
        """
        changes = self._colleague.changes.to_resume(self.incident.id)
        with closing(Repairs(self._workspace)) as repairs:
            yield from [repairs.preview(change) for change in changes]
        yield from self._run(None)

    @property
    def is_unfinished(self) -> bool:
        """Whether a turn was killed or stopped, so that `go_on` has something to go on with."""
        return stands_between_steps(self._workspace, self._colleague.checkpoints)

    def mend(self, wish: Wish) -> Iterator[Event]:
        """Mend what the diagnosis found; each step is asked for.

        Raises:
            UsageError: there is no diagnosis yet.
        """
        if self.incident.diagnosis is None:
            raise UsageError(
                "there is no diagnosis yet",
                remedy="Say what is wrong, or have it concluded: “state the diagnosis”.",
            )
        yield from self._run(new_state(self.incident.id, "fix", asdict(wish)))

    def fix(self, *, undo: bool = False) -> Iterator[Event]:
        """Go on with changes that stood still, or take them back."""
        yield from self._run(new_state(self.incident.id, "undo" if undo else "resume"))

    def learn(self) -> Iterator[Event]:
        """Have the reasoner say what is to be kept of this incident.

        Raises:
            Interrupted: `stop` was called.
            StateError: our own disk did not take it.
        """
        self._cancelled.clear()
        told: list[Event] = []
        at = self._workspace
        desk = Desk(told.append, self._cancelled, at.retriever, at.incidents)
        self.reasoner.learn(self.case, desk)
        yield from told

    def stop(self) -> None:
        """End the turn at the next chance. May be called from any thread."""
        self._cancelled.set()

    def close(self) -> None:
        """End the connections and let others work on the incident."""
        self._open.close()

    def _begin(self) -> None:
        if self._is_new:
            self._colleague.incidents.create(self.incident)
            self._is_new = False

    def _run(self, state: InvestigationState | None) -> Iterator[Event]:
        self._cancelled.clear()
        before = self.incident.diagnosis
        try:
            yield from run(self._workspace, self._colleague.checkpoints, state, self._ask)
        except BaseException:
            self._colleague.keep_so_far(self.case)
            raise
        finally:
            self._looked |= dict.fromkeys(state["look"] if state else (), time.monotonic())
        if self.incident.diagnosis is not None and self.incident.diagnosis is not before:
            yield Concluded(self.incident)

    def _to_look_at(self) -> list[str]:
        now = time.monotonic()
        return [
            host
            for host in self._reach.hosts
            if host not in self.case.facts or now - self._looked.get(host, -FRESH_S) >= FRESH_S
        ]

    def _latest_round(self) -> int:
        return max((int(id.rpartition("#")[2]) for id in self.case.evidence), default=0)
