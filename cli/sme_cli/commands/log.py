"""`sme log`: the evolution log."""

from __future__ import annotations

from typing import Annotated

import typer

from sme_cli import exit_codes
from sme_cli.options import Json

app = typer.Typer(
    help="The evolution log: what was learned, confirmed or refuted.",
    epilog=exit_codes.HELP,
)


@app.callback(invoke_without_command=True)
def show(
    context: typer.Context,
    kind: Annotated[
        str | None, typer.Option("--kind", help="Only entries of this kind: incident.diagnosed …")
    ] = None,
    limit: Annotated[int, typer.Option("--limit", "-n", min=1, help="The latest so many.")] = 50,
    as_json: Json = False,
) -> None:
    """Print the latest entries; with `verify`, check the chain of hashes."""
    if context.invoked_subcommand is not None:
        return
    from sme_cli import session
    from sme_cli.render.out import print_json, print_table

    entries = session.evolution_log().read(kind=kind)[-limit:]
    if as_json:
        print_json([entry.model_dump(mode="json") for entry in entries])
        return
    rows = [
        (e.seq, e.at.astimezone().strftime("%F %T"), e.kind, e.subject, e.actor) for e in entries
    ]
    nothing = f"no entries of the kind {kind}" if kind else "the evolution log is empty"
    print_table(("SEQ", "AT", "KIND", "SUBJECT", "BY"), rows, empty=nothing)


@app.command("verify", epilog=exit_codes.HELP)
def verify(as_json: Json = False) -> None:
    """Check that no entry was altered, lost or put in between."""
    from sme_cli import session
    from sme_cli.render.out import print_json, print_text

    verified = session.evolution_log().verify()
    if as_json:
        print_json({"entries": verified.entries, "valid": True})
        return
    print_text(f"{verified.entries} entries, each chained to the one before")
