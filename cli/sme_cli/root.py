"""The tree of commands."""

from __future__ import annotations

from typing import Annotated

import typer

from sme_cli import exit_codes
from sme_cli.commands import (
    ask,
    audit,
    chat,
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
    model,
    policy,
    probes,
    redact,
    snapshot,
)

app = typer.Typer(
    name="sme",
    help="Finds what is wrong with a machine, proves it, and remembers.\n\n"
    "Start with:  sme diagnose\n\n"
    "On a terminal sme alone begins a conversation, as sme chat does.",
    epilog=exit_codes.HELP,
    invoke_without_command=True,
    context_settings={"help_option_names": ["-h", "--help"]},
    pretty_exceptions_enable=False,
    rich_markup_mode=None,  # help in half the time, and without frames in pipes
)
app.command("diagnose", epilog=exit_codes.HELP)(diagnose.diagnose)
app.command("chat", epilog=exit_codes.HELP)(chat.chat)
app.command("ask", epilog=exit_codes.ASK_HELP)(ask.ask)
app.command("fix", epilog=exit_codes.FIX_HELP)(fix.fix)
app.command("snapshot", epilog=exit_codes.HELP)(snapshot.snapshot)
app.command("facts", epilog=exit_codes.HELP)(facts.facts)
app.add_typer(hosts.app, name="hosts")
app.add_typer(incidents.app, name="incidents")
app.add_typer(issues.app, name="issues")
app.add_typer(model.app, name="model")
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
    context: typer.Context,
    version: Annotated[
        bool,
        typer.Option(
            "--version", callback=_print_version, is_eager=True, help="Print the version."
        ),
    ] = False,
) -> None:
    """Options of every command."""
    if context.invoked_subcommand is None:
        _without_a_command(context)


def _without_a_command(context: typer.Context) -> None:
    """Begin a conversation where there is a terminal for one; else say what there is."""
    from sme_cli.chat.running import is_terminal

    if is_terminal():
        chat.chat()
    typer.echo(context.get_help(), err=True)
    raise typer.Exit(exit_codes.USAGE)
