"""`sme audit`: what was run on hosts, by whom, and by what right."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Literal

import typer

from sme_cli import completion, exit_codes
from sme_cli.options import Json

if TYPE_CHECKING:
    pass

app = typer.Typer(
    help="The audit log: every command on every host, and every approval.",
    no_args_is_help=True,
    epilog=exit_codes.HELP,
)


@app.command("log", epilog=exit_codes.HELP)
def show(
    host: Annotated[
        str | None,
        typer.Option("--host", help="Only of this host.", autocompletion=completion.hosts),
    ] = None,
    since: Annotated[
        str | None,
        typer.Option("--since", help="Only from then on: 30m, 2h, 7d, 2026-11-20T09:30."),
    ] = None,
    verdict: Annotated[
        Literal["read-only", "change", "refused"] | None,
        typer.Option("--verdict", help="Only commands that the policy judged so."),
    ] = None,
    actor: Annotated[
        str | None,
        typer.Option("--actor", help="Only what was asked by these: rules, user, “user ann” …"),
    ] = None,
    limit: Annotated[int, typer.Option("--limit", "-n", min=1, help="The latest so many.")] = 50,
    as_json: Json = False,
) -> None:
    """Print the latest entries; with --json, all that is known of each."""
    from sme_cli import session
    from sme_cli.moment import moment
    from sme_cli.render.audit import print_entries
    from sme_cli.render.out import print_json

    begin = None if since is None else moment(since)
    log = session.audit_log()
    found = log.read(host=host, since=begin, verdict=verdict, actor=actor)[-limit:]
    if as_json:
        print_json([entry.model_dump(mode="json") for entry in found])
    else:
        print_entries(found)


@app.command("verify", epilog=exit_codes.HELP)
def verify(as_json: Json = False) -> None:
    """Check that no entry was altered, lost or put in between."""
    from sme_cli import session
    from sme_cli.render.out import print_json, print_text

    verified = session.audit_log().verify()
    if as_json:
        print_json({"entries": verified.entries, "valid": True, "head": verified.head})
        return
    print_text(
        f"{verified.entries} entries, each chained to the one before\n"
        f"Keep this elsewhere to prove later that nothing was cut off: {verified.head}"
    )
