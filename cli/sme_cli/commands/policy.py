"""`sme policy`: what may run on hosts."""

from __future__ import annotations

from typing import Annotated

import typer

from sme_cli import completion, exit_codes
from sme_cli.options import Json

app = typer.Typer(
    help="What may run on hosts: approvals.", no_args_is_help=True, epilog=exit_codes.HELP
)


@app.command("approvals", epilog=exit_codes.HELP)
def approvals(as_json: Json = False) -> None:
    """List what is approved always, what once, and what waits for an answer."""
    from sme_cli import session
    from sme_cli.render.approvals import print_approvals

    store = session.approvals()
    print_approvals(store.standing(), store.unused(), store.pending(), as_json=as_json)


@app.command("revoke", epilog=exit_codes.HELP)
def revoke(
    id: Annotated[
        str, typer.Argument(help="The id of an approval.", autocompletion=completion.approvals)
    ],
) -> None:
    """Take back an approval; what it allowed is asked for again."""
    from sme_cli import session
    from sme_cli.render.out import note
    from sme_tools.hosts.purpose import this_user

    revoked = session.approvals().revoke(id, by=this_user())
    note(f"{revoked.id} on {revoked.host} is revoked")
