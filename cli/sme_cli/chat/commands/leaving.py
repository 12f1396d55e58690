"""`/export`, `/new`, `/help`, `/quit`."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING

from sme_cli.chat.commands.command import Command
from sme_tools.errors import StateError, UsageError

if TYPE_CHECKING:
    from sme_cli.chat.conversation import Chat

KEYS = """\
  Enter sends · Alt-Enter, or \\ at the end of a line, begins another line
  Ctrl-R searches what was typed before · Tab completes a command
  Ctrl-C stops a step, twice leaves · Ctrl-D leaves
  A long paste becomes evidence, of which the message shows [paste.1: 812 lines]"""


def _export(chat: Chat, words: list[str]) -> None:
    from sme_cli.chat.export import markdown

    if not words:
        raise UsageError("/export needs a file", remedy="For example: /export incident.md")
    path = Path(" ".join(words)).expanduser()
    try:
        with path.open("x", encoding="utf-8", errors="replace") as file:
            file.write(markdown(chat))
    except FileExistsError as error:
        raise UsageError(f"{path} is there already", remedy="Take another name.") from error
    except OSError as error:
        raise StateError(f"{path}: {error.strerror}", remedy="Take another place.") from error
    chat.face.put_text(f"  Written: {path}")


def _new(chat: Chat, words: list[str]) -> None:
    id = chat.talk.incident.id if chat.has_begun else ""
    chat.begin_anew()
    chat.opening.start()
    if id:
        chat.face.put_text(f"  A new conversation. The other one: sme chat --resume {id}")
    else:
        chat.face.put_text("  A new conversation.")


def _help(chat: Chat, words: list[str]) -> None:
    from sme_cli.chat.commands.table import COMMANDS, find

    if words:
        command = find(words[0].lstrip("/"))
        text = f"  /{command.name} {command.usage}".rstrip() + f": {command.about}"
        details = "".join(f"\n  {line}" for line in command.details.splitlines())
        chat.face.put_text(text + details)
        return
    width = max(len(f"{one.name} {one.usage}") for one in COMMANDS.values()) + 2
    lines = [f"  /{f'{one.name} {one.usage}'.ljust(width)}{one.about}" for one in COMMANDS.values()]
    undo = COMMANDS["undo"]
    about_undo = [f"  {line}" for line in undo.details.splitlines()]
    chat.face.put_text("\n".join([*lines, "", "  /undo, exactly:", *about_undo, "", KEYS]))


def _quit(chat: Chat, words: list[str]) -> None:
    chat.is_over = True


def _commands(chat: Chat) -> Iterable[str]:
    from sme_cli.chat.commands.table import COMMANDS

    return COMMANDS


COMMANDS = (
    Command("export", "FILE", "write the conversation and the worksheet as Markdown", _export),
    Command("new", "", "begin another conversation about the same hosts", _new),
    Command("help", "[COMMAND]", "this list, or more about one command", _help, _commands),
    Command("quit", "", "leave; nothing is lost", _quit),
)
