"""The tree of commands."""

from __future__ import annotations

from typing import Annotated

import typer

from sme_cli import exit_codes
from sme_cli.commands import (
    audit,
    checks,
    config,
    diagnose,
    doctor,
    facts,
    fix,
    hosts,
    incidents,
    issues,
    log,
    policy,
    probes,
    redact,
    snapshot,
)

app = typer.Typer(
    name="sme",
    help="Finds what is wrong with a machine, proves it, and remembers.\n\n"
    "Start with:  sme diagnose",
    epilog=exit_codes.HELP,
    no_args_is_help=True,
    context_settings={"help_option_names": ["-h", "--help"]},
    pretty_exceptions_enable=False,
    rich_markup_mode=None,  # help in half the time, and without frames in pipes
)
app.command("diagnose", epilog=exit_codes.HELP)(diagnose.diagnose)
app.command("fix", epilog=exit_codes.FIX_HELP)(fix.fix)
app.command("snapshot", epilog=exit_codes.HELP)(snapshot.snapshot)
app.command("facts", epilog=exit_codes.HELP)(facts.facts)
app.add_typer(hosts.app, name="hosts")
app.add_typer(incidents.app, name="incidents")
app.add_typer(issues.app, name="issues")
app.add_typer(probes.app, name="probes")
app.add_typer(checks.app, name="checks")
app.add_typer(log.app, name="log")
app.add_typer(audit.app, name="audit")
app.add_typer(policy.app, name="policy")
app.add_typer(config.app, name="config")
app.command("redact", epilog=exit_codes.HELP)(redact.redact)
app.command("doctor", epilog=exit_codes.HELP)(doctor.doctor)


def _print_version(wanted: bool) -> None:
    if wanted:
        from importlib.metadata import version

        typer.echo(f"sme {version('debug-sme')}")
        raise typer.Exit


@app.callback()
def options(
    version: Annotated[
        bool,
        typer.Option(
            "--version", callback=_print_version, is_eager=True, help="Print the version."
        ),
    ] = False,
) -> None:
    """Options of every command."""
