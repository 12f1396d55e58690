"""One fix from the words on the command line to the exit code."""

from __future__ import annotations

import shlex
import sys
import threading
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from sme_agent.events import Asked, Changing, Event, Planned, Unplanned
from sme_agent.questions import Ask, nobody
from sme_cli import exit_codes, session
from sme_cli.approving import Approver
from sme_cli.asking import Prompt, somebody_is_there
from sme_cli.render import progress
from sme_cli.render.changing import Told
from sme_cli.render.out import complain, console, note, print_json, reader_may_leave
from sme_tools.actions.outcome import Outcome

if TYPE_CHECKING:
    from sme_agent.investigation import Colleague
    from sme_agent.resolution import Wish
    from sme_memory.incident import Incident
    from sme_tools.actions.journal import Change
    from sme_tools.hosts.host import Host

Begin = Callable[[Ask, threading.Event], Iterator[Event]]

_CODES = {"new": 0, "former": 1, "unchanged": 1, "unknown": 3, "between": 4}
"""By the state that the host is in."""
_GRAVEST_FIRST = (
    exit_codes.INTERRUPTED,
    exit_codes.FAILURE,
    exit_codes.UNREACHABLE,
    exit_codes.APPROVAL,
    exit_codes.FINDINGS,
)


@dataclass
class Fix:
    """One incident to be mended."""

    colleague: Colleague
    incident: Incident
    hosts: Sequence[Host]
    approve: Sequence[str] = ()
    as_json: bool = False
    diagnosis: dict[str, Any] | None = None
    """Becomes part of the JSON document, where a diagnosis came right before."""
    _plans: list[Planned] = field(default_factory=list)
    _unplanned: list[Unplanned] = field(default_factory=list)
    _asked: Asked | None = None
    _told: Told = field(default_factory=Told)
    _changes: dict[str, None] = field(default_factory=dict)

    @classmethod
    def of(cls, id: str, approve: Sequence[str] = (), *, as_json: bool) -> Fix:
        """The fix of the incident with this id."""
        colleague = session.colleague(guard=session.guard())
        incident = colleague.incidents.load(id)
        return cls(colleague, incident, session.select(incident.targets), approve, as_json)

    def preview(self, wish: Wish, words: Sequence[str]) -> int:
        """Show the plans and how to approve them; `words` are those that led to them."""
        for event in self.colleague.preview(self.incident, self.hosts, wish):
            self._hear(event, progress.Live())
        if self.as_json:
            self._print_document([])
        elif self._plans:
            named = [word for planned in self._plans for word in ("--approve", planned.digest)]
            command = shlex.join(["sme", "fix", self.incident.id, *words, *named])
            with reader_may_leave():
                sys.stdout.write("\nNothing was done. To have it done with no more questions:\n")
                sys.stdout.write(f"  {command}\n")
        return exit_codes.CLEAN if self._plans else exit_codes.FINDINGS

    def carry_out(self, wish: Wish) -> int:
        """Plan, ask, and do it."""

        def begin(ask: Ask, cancelled: threading.Event) -> Iterator[Event]:
            return self.colleague.fix(self.incident, self.hosts, wish, ask=ask, cancelled=cancelled)

        return self._follow(begin)

    def leave_it(self) -> int:
        """Nothing is wrong, so nothing is done; the answer to a program has the same form."""
        if self.as_json:
            self._print_document([])
        return exit_codes.CLEAN

    def resume(self, *, undo: bool) -> int:
        """Go on with what stood still or waits, or take it back."""

        def begin(ask: Ask, cancelled: threading.Event) -> Iterator[Event]:
            return self.colleague.resume_fix(
                self.incident, self.hosts, undo=undo, ask=ask, cancelled=cancelled
            )

        return self._follow(begin, undo=undo)

    def _follow(self, begin: Begin, *, undo: bool = False) -> int:
        cancelled = threading.Event()
        live = progress.Live()
        person: Ask = Prompt(live.paused, cancelled) if somebody_is_there() else nobody
        approver = Approver(self.approve, person, self._plans)
        outcome = progress.follow(
            begin(approver, cancelled),
            cancelled,
            screen_follows=False,
            live=live,
            hear=lambda event: self._hear(event, live),
            go_on=f"sme fix --resume {self.incident.id}",
        )
        approver.name_what_fits_nothing()
        self.incident = outcome.incident
        with reader_may_leave():
            self._show()
        return self._exit_code(undo=undo) if outcome.kept else exit_codes.FAILURE

    def _hear(self, event: Event, live: progress.Live) -> None:
        match event:
            case Planned():
                self._plans.append(event)
                self._changes[event.change] = None
                self._told.learn(event)
                with live.paused():
                    self._print_plan(event)
            case Unplanned():
                self._unplanned.append(event)
                with live.paused():
                    complain(f"{event.host}: {event.reason}", event.remedy)
            case Asked():
                self._asked = event
            case Changing():
                self._changes[event.change] = None
                if line := self._told.line(event):
                    with live.paused():
                        note(line)
            case _:
                return

    def _print_plan(self, planned: Planned) -> None:
        from sme_cli.render.plans import print_plan

        with reader_may_leave():
            screen = console(stderr=self.as_json)
            if len(self._plans) > 1:
                screen.print()
            print_plan(planned, screen)

    def _show(self) -> None:
        from sme_agent.resolution import digest
        from sme_cli.render.outcomes import print_left, print_outcome, print_waiting

        if self.as_json:
            self._print_document(self._ended())
            return
        asked = self._asked.question if self._asked else None
        for change in self._ended():
            sys.stdout.write("\n")
            if change.outcome is not None:
                print_outcome(change, self.incident)
            else:
                its_own = asked if asked and asked.host == change.plan.host else None
                print_waiting(change, its_own, digest(change.plan), self.incident.id)
        print_left(self.incident)

    def _ended(self) -> list[Change]:
        """The changes of this fix, as they are on record."""
        return [self.colleague.changes.load(id) for id in self._changes]

    def _print_document(self, changes: Sequence[Change]) -> None:
        from sme_agent.mended import left
        from sme_cli.render.outcomes import approve_all, change_document
        from sme_cli.render.plans import document

        waits = self._asked.question if self._asked else None
        fix: dict[str, Any] = {
            "incident": self.incident.id,
            "status": self.incident.status,
            "plans": [document(planned) for planned in self._plans],
            "unplanned": [
                {"host": one.host, "reason": one.reason, "remedy": one.remedy}
                for one in self._unplanned
            ],
            "changes": [change_document(change) for change in changes],
            "left": [
                {"host": host, "cause": claim.text, "known_issue": claim.known_issue}
                for host, claim in left(self.incident)
            ],
            "waits": None,
        }
        if waits is not None and waits.digest is not None:
            approve = approve_all(self.incident.id, [waits.digest])
            fix["waits"] = {**waits.document(), "approve": approve}
        if self.diagnosis is not None:
            fix["diagnosis"] = self.diagnosis
        print_json(fix)

    def _exit_code(self, *, undo: bool) -> int:
        codes = {exit_codes.FINDINGS} if self._unplanned else set()
        for change in self._ended():
            codes.add(_code_of(change, undo=undo))
        return next((code for code in _GRAVEST_FIRST if code in codes), exit_codes.CLEAN)


def _code_of(change: Change, *, undo: bool) -> int:
    if change.outcome is None:
        return exit_codes.APPROVAL
    if change.outcome is Outcome.INTERRUPTED:
        return exit_codes.INTERRUPTED
    state = change.outcome.host_state
    if undo and state in ("former", "unchanged"):
        return exit_codes.CLEAN
    return _CODES[state]
