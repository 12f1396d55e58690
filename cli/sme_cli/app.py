"""The command `sme`: its commands, and the one edge where errors become exit codes."""

from __future__ import annotations

import sys
from typing import Annotated

import typer

from sme_cli import exit_codes
from sme_cli.commands import (
    checks,
    config,
    diagnose,
    doctor,
    facts,
    hosts,
    incidents,
    issues,
    log,
    probes,
    snapshot,
)

app = typer.Typer(
    name="sme",
    help="Finds what is wrong with a machine, proves it, and remembers. Start: sme diagnose",
    epilog=exit_codes.HELP,
    no_args_is_help=True,
    context_settings={"help_option_names": ["-h", "--help"]},
    pretty_exceptions_enable=False,
)
app.command("diagnose", epilog=exit_codes.HELP)(diagnose.diagnose)
app.command("snapshot", epilog=exit_codes.HELP)(snapshot.snapshot)
app.command("facts", epilog=exit_codes.HELP)(facts.facts)
app.add_typer(hosts.app, name="hosts")
app.add_typer(incidents.app, name="incidents")
app.add_typer(issues.app, name="issues")
app.add_typer(probes.app, name="probes")
app.add_typer(checks.app, name="checks")
app.add_typer(log.app, name="log")
app.add_typer(config.app, name="config")
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


def main() -> None:
    """Run the command line; every error ends as a message on stderr and an exit code."""
    try:
        app()
    except KeyboardInterrupt:
        sys.exit(exit_codes.INTERRUPTED)
    except BrokenPipeError:
        _silence_stdout()
        sys.exit(exit_codes.CLEAN)
    except Exception as error:  # noqa: BLE001 - the outermost edge
        sys.exit(report(error))


def report(error: Exception) -> int:
    """Say on stderr what failed and what to do next; returns the exit code."""
    from sme_tools.errors import HostError, Interrupted, SmeError, UsageError
    from sme_tools.safety.control import visible

    if not isinstance(error, SmeError):
        return _report_fault(error)
    typer.echo(f"sme: {visible(str(error))}", err=True)
    if error.remedy:
        typer.echo(f"     {visible(error.remedy)}", err=True)
    match error:
        case UsageError():
            return exit_codes.USAGE
        case HostError():
            return exit_codes.UNREACHABLE
        case Interrupted():
            return exit_codes.INTERRUPTED
        case _:
            return exit_codes.FAILURE


def _report_fault(error: Exception) -> int:
    """An error nobody foresaw: where it arose goes with it, without values of variables."""
    import traceback

    frames = traceback.extract_tb(error.__traceback__)
    where = f" ({frames[-1].filename}:{frames[-1].lineno})" if frames else ""
    typer.echo(f"sme: a fault of its own: {type(error).__name__}: {error}{where}", err=True)
    typer.echo("     Please report it, with the command you typed: sme --version", err=True)
    return exit_codes.FAILURE


def _silence_stdout() -> None:
    """The reader of our output has gone; the interpreter must not complain when it flushes."""
    import os

    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
