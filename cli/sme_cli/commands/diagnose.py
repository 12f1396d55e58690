"""`sme diagnose`."""

from __future__ import annotations

from typing import Annotated

import typer

from sme_cli import completion
from sme_cli.options import Approve, Json, MinSeverity


def diagnose(
    words: Annotated[
        list[str] | None,
        typer.Argument(
            metavar='HOST|"SYMPTOM"',
            help="Hosts, @groups, user@address or snapshot files; this machine if none is given. "
            "What holds a space is the symptom: put it in quotes.",
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
    fix: Annotated[
        bool,
        typer.Option("--fix", help="Then fix it, as sme fix does; its exit codes hold then."),
    ] = False,
    approve: Approve = None,
    rules: Annotated[
        bool, typer.Option("--rules", help="Ask no model, whatever the settings name.")
    ] = False,
    resume: Annotated[
        str | None,
        typer.Option(
            "--resume",
            metavar="INCIDENT",
            help="Go on with one that was interrupted; “last” will do.",
            autocompletion=completion.incidents,
        ),
    ] = None,
) -> None:
    """Find out what is wrong with a machine, and prove it."""
    from sme_cli import session
    from sme_cli.diagnosing import FixIt, Screen, diagnose_hosts, resume_incident
    from sme_tools.errors import UsageError

    if approve and not fix:
        raise UsageError("--approve goes with --fix", remedy="Without it nothing is changed.")
    screen = Screen(
        as_json=as_json,
        verbose=verbose,
        minimum=min_severity or session.settings().min_severity,
    )
    then = FixIt(tuple(approve or ())) if fix else None
    if resume is None:
        code = diagnose_hosts(words or [], symptom, timeout, screen, then, by_rules=rules)
    elif words or symptom:
        raise UsageError(
            "--resume goes on with the hosts and the symptom of its incident",
            remedy=f"Leave the others out: sme diagnose --resume {resume}",
        )
    else:
        code = resume_incident(resume, timeout, screen, then, by_rules=rules)
    raise typer.Exit(code)
