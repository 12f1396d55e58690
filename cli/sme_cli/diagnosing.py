"""One diagnosis from the words on the command line to the exit code."""

from __future__ import annotations

import sys
import threading
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from sme_cli import exit_codes, session
from sme_cli.render import progress
from sme_cli.render.diagnosis import Screen, document, show
from sme_cli.render.out import complain, note, reader_may_leave
from sme_tools.checks.finding import at_least
from sme_tools.errors import Interrupted, StateError

if TYPE_CHECKING:
    from sme_agent.events import Event
    from sme_agent.investigation import Colleague
    from sme_memory.incident import Incident
    from sme_tools.hosts.host import Host

Begin = Callable[["Colleague", threading.Event], Iterator["Event"]]

__all__ = ["FixIt", "Screen", "diagnose_hosts", "resume_incident"]


def diagnose_hosts(
    words: Sequence[str],
    symptom: str | None,
    timeout_s: float | None,
    screen: Screen,
    then: FixIt | None = None,
    *,
    by_rules: bool = False,
) -> int:
    """Diagnose what the words name, and show it; returns the exit code.

    Where our own disk fails (it may be the very trouble that is looked for), the diagnosis is made
    in a folder that does not stay, and the exit code says that it was not kept.
    """
    targets, spoken = session.hosts_and_symptom(words, symptom)
    hosts = session.select(targets)
    session.complain_of_unheard_settings(hosts)

    def begin(colleague: Colleague, cancelled: threading.Event) -> Iterator[Event]:
        return colleague.investigate(hosts, spoken, targets=targets, cancelled=cancelled)

    guard = session.guard()
    try:
        colleague = session.colleague(timeout_s, guard=guard, by_rules=by_rules)
        return _follow(colleague, begin, screen, hosts, then)
    except StateError as error:
        complain(str(error), error.remedy)
    with session.scratch_folder() as folder:
        note("sme: looking without a memory: this diagnosis is not kept")
        try:
            colleague = session.colleague(timeout_s, guard=guard, folder=folder, by_rules=by_rules)
            _follow(colleague, begin, screen.unkept(), hosts)
        except Interrupted as error:
            raise Interrupted("stopped; nothing is kept") from error
    return exit_codes.FAILURE


def resume_incident(
    id: str,
    timeout_s: float | None,
    screen: Screen,
    then: FixIt | None = None,
    *,
    by_rules: bool = False,
) -> int:
    """Go on with an interrupted incident, and show it; returns the exit code."""
    colleague = session.colleague(timeout_s, guard=session.guard(), by_rules=by_rules)
    incident = colleague.incidents.load(id)
    hosts = session.select(incident.targets)

    def begin(colleague: Colleague, cancelled: threading.Event) -> Iterator[Event]:
        return colleague.resume(incident, hosts, cancelled=cancelled)

    return _follow(colleague, begin, screen, hosts, then)


def _follow(
    colleague: Colleague,
    begin: Begin,
    screen: Screen,
    hosts: Sequence[Host],
    then: FixIt | None = None,
) -> int:
    cancelled = threading.Event()
    tells_all = sys.stdout.isatty() and not screen.as_json
    outcome = progress.follow(begin(colleague, cancelled), cancelled, screen_follows=tells_all)
    fixes = then is not None and outcome.kept
    if not (fixes and screen.as_json):
        with reader_may_leave():
            show(outcome.incident, colleague.incidents, screen)
    if not outcome.kept:
        return exit_codes.FAILURE
    code = _exit_code(outcome.incident, screen)
    return then.carry_out(colleague, outcome.incident, hosts, screen, code) if then else code


@dataclass(frozen=True)
class FixIt:
    """What is to be done right after a diagnosis."""

    approve: tuple[str, ...] = ()

    def carry_out(
        self,
        colleague: Colleague,
        incident: Incident,
        hosts: Sequence[Host],
        screen: Screen,
        code: int,
    ) -> int:
        """Fix what was found; `code` is the exit code if there is nothing to fix."""
        from sme_agent.resolution import Wish
        from sme_cli.fixing import Fix

        diagnosis = document(incident) if screen.as_json else None
        fix = Fix(colleague, incident, hosts, self.approve, screen.as_json, diagnosis)
        if code == exit_codes.CLEAN:
            return fix.leave_it()
        fixed = fix.carry_out(Wish())
        return (
            code
            if fixed in (exit_codes.CLEAN, exit_codes.FINDINGS) and code == exit_codes.UNREACHABLE
            else fixed
        )


def _exit_code(incident: Incident, screen: Screen) -> int:
    # A host on which too little could be read was not reached either, and is not clean.
    if incident.unreachable or (incident.diagnosis and incident.diagnosis.verdict == "incomplete"):
        return exit_codes.UNREACHABLE
    graver = any(at_least(finding.severity, screen.minimum) for finding in incident.findings)
    return exit_codes.FINDINGS if graver else exit_codes.CLEAN
