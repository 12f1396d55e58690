"""`sme chat`, and `sme` alone on a terminal."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from sme_cli import completion

if TYPE_CHECKING:
    from sme_cli.chat.conversation import Chat

LOCALHOST = "localhost"
"""As `sme_tools.hosts.host` has it, which is not read before the first prompt."""


def chat(
    words: Annotated[
        list[str] | None,
        typer.Argument(
            metavar="[HOST]…",
            help="What to talk about: hosts, @groups, user@address or snapshot files; this machine "
            "if none is given. With --resume: the id of the conversation.",
            autocompletion=completion.hosts_and_incidents,
        ),
    ] = None,
    resume: Annotated[
        bool,
        typer.Option(
            "--resume", help="Come back to a conversation; without an id there is a list."
        ),
    ] = False,
    continue_: Annotated[
        bool, typer.Option("--continue", help="Come back to the last conversation.")
    ] = False,
    model: Annotated[
        str | None,
        typer.Option(metavar="NAME", help="Who is to answer first."),
    ] = None,
    timeout: Annotated[
        float | None,
        typer.Option("--timeout", min=1, metavar="SECONDS", help="For one look at one host."),
    ] = None,
    as_json: Annotated[
        bool, typer.Option("--json", help="Print each event as a JSON object on a line.")
    ] = False,
) -> None:
    """Talk about what is wrong, with evidence at hand.

    Without a terminal each line of standard input is a message.
    """
    from sme_cli.chat.conversation import Chat
    from sme_cli.chat.running import (
        is_terminal,
        json_face,
        on_terminal,
        over_lines,
        plain_face,
        somebody_is_there,
        terminal_face,
    )

    on_screen = is_terminal() and not as_json
    face = terminal_face if on_screen else json_face if as_json else plain_face
    one = Chat(face, asks=not as_json and somebody_is_there(), timeout_s=timeout, model=model)
    if not _choose(one, words or [], resume=resume, continue_=continue_, on_screen=on_screen):
        raise typer.Exit
    is_resumed = resume or continue_
    raise typer.Exit(on_terminal(one, is_resumed=is_resumed) if on_screen else over_lines(one))


def _choose(one: Chat, words: list[str], *, resume: bool, continue_: bool, on_screen: bool) -> bool:
    """Settle what the conversation is about; False if the person wants none of those there are."""
    from sme_cli import session
    from sme_cli.chat.resuming import NO_ONE, choose, earlier
    from sme_tools.errors import UsageError

    if not (resume or continue_):
        one.targets = words or [LOCALHOST]
        if words:
            one.hosts = session.select(words)
            session.complain_of_unheard_settings(one.hosts)
        return True
    if len(words) > (1 if resume and not continue_ else 0):
        raise UsageError(
            "a conversation goes on with the hosts that it had",
            remedy="Leave them out; /use HOST adds one later.",
        )
    if words:
        found = session.incidents().load(words[0])
    elif continue_:
        listed = earlier(1)
        if not listed:
            raise NO_ONE
        found = listed[0].incident
    elif not on_screen:
        raise UsageError(
            "--resume needs the id of a conversation here", remedy="See them: sme incidents list"
        )
    else:
        chosen = choose()
        if chosen is None:
            return False
        found = chosen
    one.resume(found)
    return True
