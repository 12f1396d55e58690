"""A conversation from its first prompt to its end: on a terminal, or over lines of text."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from typing import TYPE_CHECKING

from sme_cli import exit_codes, session
from sme_cli.chat.conversation import Chat
from sme_tools.safety.control import one_line

if TYPE_CHECKING:
    from sme_cli.chat.faces import Face
    from sme_cli.chat.prompt import Prompter


def is_terminal() -> bool:
    """Whether a person can write and read here, on a terminal that can move its cursor."""
    import os

    return sys.stdin.isatty() and sys.stdout.isatty() and os.environ.get("TERM", "dumb") != "dumb"


def somebody_is_there() -> bool:
    """Whether a question can be seen and answered, on whatever terminal."""
    return sys.stdin.isatty() and sys.stderr.isatty()


def terminal_face(chat: Chat) -> Face:
    """A terminal, to write on and to read from."""
    from sme_cli.chat.faces import TerminalFace
    from sme_cli.chat.screen import Screen
    from sme_cli.chat.shelf import Shelf

    return TerminalFace(Screen(sys.stdout), Shelf(), chat.conclude)


def plain_face(chat: Chat) -> Face:
    """Text on standard output."""
    from sme_cli.chat.faces import PlainFace

    return PlainFace(chat.conclude)


def json_face(chat: Chat) -> Face:
    """JSON objects on standard output."""
    from sme_cli.chat.faces import JsonFace

    return JsonFace(chat.conclude)


def on_terminal(chat: Chat, *, is_resumed: bool) -> int:
    """Talk with a person; returns the exit code."""
    from sme_cli.chat.prompt import Prompter

    prompter = Prompter(chat, lambda: session.settings().state_dir)
    try:
        if is_resumed:
            _come_back(chat)
        else:
            sys.stdout.write(_greeting())
        _read_and_answer(chat, prompter)
        if chat.opening.has_failed:
            chat.opening.wait()  # raises why
    finally:
        _leave(chat)
    return exit_codes.CLEAN


def _greeting() -> str:
    hello = "Say what is wrong, or ask. /help lists the commands.\n"
    if set(session.settings().models) <= {"rules"}:
        hello += "No model is configured, so the rules answer; to set one: sme model list\n"
    return hello + "\n"


def over_lines(chat: Chat) -> int:
    """Take each line of standard input as a message; returns the exit code."""
    ended_well = True
    try:
        chat.opening.wait()
        chat.tell_opened()
        for message in _messages():
            ended_well = chat.handle(message)
            chat.tell_done(stopped=not ended_well)
            if chat.is_over or not ended_well:
                break
    finally:
        _leave(chat)
    return exit_codes.CLEAN if ended_well else exit_codes.INTERRUPTED


def _messages() -> Iterator[str]:
    """The lines of standard input; one that ends with a backslash goes on in the next."""
    begun: list[str] = []
    _ask_for_a_line()
    for raw in iter(sys.stdin.buffer.readline, b""):
        line = raw.decode("utf-8", "replace").rstrip("\r\n")
        if line.endswith("\\"):
            begun.append(line[:-1])
            continue
        yield "\n".join([*begun, line])
        begun = []
        _ask_for_a_line()
    if begun:
        yield "\n".join(begun)


def _ask_for_a_line() -> None:
    """Show that it is the person's turn, where a person types on a terminal without a cursor."""
    if somebody_is_there():
        sys.stderr.write("> ")
        sys.stderr.flush()


def _come_back(chat: Chat) -> None:
    from sme_cli.chat.resuming import go_on, show_last

    chat.opening.wait()
    show_last(chat)
    chat.try_out(lambda: go_on(chat))


def _read_and_answer(chat: Chat, prompter: Prompter) -> None:
    warned = False
    while not chat.is_over:
        try:
            typed = prompter.read()
        except EOFError:
            return
        except KeyboardInterrupt:
            if warned:
                return
            warned = True
            sys.stdout.write("Ctrl-C again leaves, and so does Ctrl-D.\n")
            continue
        warned = False
        chat.handle(typed.text, typed.brought)
        sys.stdout.write("\n")


def _leave(chat: Chat) -> None:
    """Close what is open, and say how to come back."""
    opened = chat.opening.now
    if opened is not None and opened.is_kept and chat.has_begun and sys.stderr.isatty():
        sys.stderr.write(f"Come back: sme chat --resume {one_line(opened.talk.incident.id)}\n")
    chat.leave()
    chat.opener.close()
