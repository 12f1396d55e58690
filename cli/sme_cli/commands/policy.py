"""`sme policy`: what may run on hosts."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Annotated

import typer

from sme_cli import completion, exit_codes
from sme_cli.options import Json

app = typer.Typer(
    help="What may run on hosts: judgements and approvals.",
    no_args_is_help=True,
    epilog=exit_codes.HELP,
)


@app.command("check", epilog=exit_codes.HELP)
def check(
    commands: Annotated[
        list[str] | None,
        typer.Argument(
            metavar='"COMMAND LINE"',
            help="Each argument is one whole command line: put it in quotes. Without any, lines "
            "are read from standard input.",
        ),
    ] = None,
    host: Annotated[
        str | None,
        typer.Option(
            help="Also say what happens there, under this host's rules.",
            autocompletion=completion.hosts,
        ),
    ] = None,
    as_json: Annotated[
        bool,
        typer.Option(
            "--json",
            help="Read one JSON string a line, and print one JSON object a line: command, verdict "
            "(read-only, change, refused), reason, and whom it reaches outside.",
        ),
    ] = False,
) -> None:
    """Say whether a command would run, need approval or be refused, and why. Nothing is run.

    With --host it is judged as sme runs it there, in the folder /; else as in any other.
    """
    from datetime import datetime

    from sme_cli import session
    from sme_cli.render.out import reader_may_leave
    from sme_cli.render.policy import print_judgement
    from sme_tools.safety.decision import decide
    from sme_tools.safety.policy.judge import HOME_OF_SCRIPTS, ORDINARY_FOLDER, judge

    rules = session.select([host])[0].policy if host else None
    folder = HOME_OF_SCRIPTS if host else ORDINARY_FOLDER
    with reader_may_leave():
        for line in commands or _lines(as_json=as_json):
            judgement = judge(line, folder)
            decision = None if rules is None else decide(judgement, rules, datetime.now())
            print_judgement(judgement, decision, as_json=as_json)


def _lines(*, as_json: bool) -> Iterator[str]:
    """Command lines from standard input; as JSON, one string a line, which may hold newlines."""
    import json
    import sys

    from sme_tools.errors import UsageError

    if sys.stdin.isatty():
        sys.stderr.write("Type a command line and Enter; Ctrl-D ends.\n")
    for number, raw in enumerate(sys.stdin.buffer, 1):
        text = raw.decode("utf-8", "surrogateescape").rstrip("\n")
        if not text.strip():
            continue
        if not as_json:
            yield text
            continue
        try:
            line = json.loads(text)
        except ValueError:
            line = None
        if not isinstance(line, str):
            raise UsageError(
                f"standard input, line {number}: not a JSON string",
                remedy='One looks like this: "systemctl status nginx"',
            )
        yield line


@app.command("approvals", epilog=exit_codes.HELP)
def approvals(as_json: Json = False) -> None:
    """List what is approved always, what once, and what waits for an answer."""
    from sme_cli import session
    from sme_cli.render.approvals import print_approvals

    store = session.approvals()
    print_approvals(store.standing(), store.unused(), store.pending(), as_json=as_json)


@app.command("approve", epilog=exit_codes.HELP)
def approve(
    id: Annotated[
        str,
        typer.Argument(help="The id of what waits.", autocompletion=completion.questions),
    ],
) -> None:
    """Allow a command that waits for an answer to run once, within a quarter of an hour."""
    from sme_cli import session
    from sme_cli.render.out import note
    from sme_tools.hosts.purpose import this_user

    granted = session.approvals().approve(id, by=this_user())
    note(f"{granted.user} may run this once on {granted.host} ({granted.id}):\n{granted.command}")


@app.command("deny", epilog=exit_codes.HELP)
def deny(
    id: Annotated[
        str,
        typer.Argument(help="The id of what waits.", autocompletion=completion.questions),
    ],
) -> None:
    """Answer no to what waits for an answer."""
    from sme_cli import session
    from sme_cli.render.out import note
    from sme_tools.hosts.purpose import this_user

    denied = session.approvals().deny(id, by=this_user())
    note(f"{denied.id} on {denied.host} is denied")


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
