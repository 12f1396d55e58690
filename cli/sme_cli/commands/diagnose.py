"""`sme diagnose`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from sme_cli import completion, exit_codes
from sme_cli.options import Json, MinSeverity

if TYPE_CHECKING:
    from sme_memory.incident import Incident
    from sme_tools.checks.finding import Severity


def diagnose(
    words: Annotated[
        list[str] | None,
        typer.Argument(
            metavar='[HOST…] ["SYMPTOM"]',
            help="Hosts, @groups, user@address, or snapshot files; this machine if none is given. "
            "Then the symptom, in quotes.",
            autocompletion=completion.hosts,
        ),
    ] = None,
    symptom: Annotated[
        str | None, typer.Option("--symptom", "-s", help="The symptom, if it is a single word.")
    ] = None,
    as_json: Json = False,
    verbose: Annotated[
        bool, typer.Option("--verbose", "-v", help="Show all findings, hypotheses and evidence.")
    ] = False,
    min_severity: MinSeverity = None,
    timeout: Annotated[
        float | None,
        typer.Option("--timeout", min=1, metavar="SECONDS", help="For one look at one host."),
    ] = None,
    resume: Annotated[
        str | None,
        typer.Option(
            "--resume", metavar="INCIDENT", help="Go on with an interrupted one; “last” will do."
        ),
    ] = None,
) -> None:
    """Find out what is wrong with a machine, and prove it."""
    import threading

    from sme_cli import session
    from sme_cli.render import progress
    from sme_cli.render.diagnosis import show

    colleague = session.colleague(timeout)
    cancelled = threading.Event()
    minimum = min_severity or session.settings().min_severity
    if resume is not None:
        incident = colleague.incidents.load(resume)
        hosts = session.inventory().select(incident.targets)
        events = colleague.resume(incident, hosts, cancelled=cancelled)
    else:
        targets, spoken = session.hosts_and_symptom(words or [], symptom)
        hosts = session.select(targets)
        events = colleague.investigate(hosts, spoken, targets=targets, cancelled=cancelled)
    incident = progress.follow(events, cancelled)
    show(incident, colleague.incidents, as_json=as_json, verbose=verbose, minimum=minimum)
    raise typer.Exit(_exit_code(incident, minimum))


def _exit_code(incident: Incident, minimum: Severity) -> int:
    from sme_tools.checks.finding import at_least

    if incident.unreachable:
        return exit_codes.UNREACHABLE
    graver = any(at_least(finding.severity, minimum) for finding in incident.findings)
    return exit_codes.FINDINGS if graver else exit_codes.CLEAN
