"""`sme ask`: one question, one answer."""

from __future__ import annotations

import os
import sys
from typing import Annotated

import typer

from sme_cli import completion


def ask(
    question: Annotated[str, typer.Argument(metavar='"QUESTION"', help="In quotes.")],
    on: Annotated[
        list[str] | None,
        typer.Option(
            "--on",
            metavar="HOST",
            help="Look at this host, @group or snapshot file for it; repeatable. No other host is "
            "touched.",
            autocompletion=completion.hosts,
        ),
    ] = None,
    model: Annotated[
        str | None, typer.Option(metavar="NAME", help="Who is to answer first.")
    ] = None,
    timeout: Annotated[
        float | None,
        typer.Option("--timeout", min=1, metavar="SECONDS", help="For one look at one host."),
    ] = None,
    as_json: Annotated[
        bool, typer.Option("--json", help="Print each event as a JSON object on a line.")
    ] = False,
) -> None:
    """Ask one question; what comes by a pipe is attached.

    The answer goes to standard output, all else to standard error. Nobody is there to approve, so
    nothing is changed.
    """
    from sme_cli.chat.asking import ask as put
    from sme_tools.errors import UsageError

    question = os.fsencode(question).decode("utf-8", "replace")
    if not question.strip():
        raise UsageError("there is no question", remedy='For example: sme ask "what is a zombie?"')
    brought = "" if sys.stdin.isatty() else sys.stdin.buffer.read().decode("utf-8", "replace")
    code = put(question, brought, on or [], model=model, timeout_s=timeout, as_json=as_json)
    raise typer.Exit(code)
