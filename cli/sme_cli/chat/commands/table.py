"""All commands of a conversation, in the order in which `/help` lists them."""

from __future__ import annotations

import difflib
import shlex
from typing import TYPE_CHECKING

from sme_cli.chat.commands import found, hosts, knowing, leaving, mending, models
from sme_cli.chat.commands.command import Command
from sme_tools.errors import UsageError

if TYPE_CHECKING:
    from sme_cli.chat.conversation import Chat

PREFIX = "/"
NEAR = 0.75
"""How much a word that others follow must be like the name of a command to be meant as one."""
COMMANDS: dict[str, Command] = {
    command.name: command
    for command in (
        *hosts.COMMANDS,
        *found.COMMANDS,
        *mending.COMMANDS,
        *knowing.COMMANDS,
        *models.COMMANDS,
        *leaving.COMMANDS,
    )
}


def is_command(text: str) -> bool:
    """Whether a message is a command: one line that begins with a slash and a name.

    A path is none, so that a message may begin with one: `/var is full`.
    """
    words = text.split()
    if not words or "\n" in text or not text.startswith(PREFIX) or not words[0][1:].isalpha():
        return False
    return len(words) == 1 or bool(difflib.get_close_matches(words[0][1:], COMMANDS, cutoff=NEAR))


def find(name: str) -> Command:
    """The command of this name, or the only one that begins like it.

    Raises:
        UsageError: there is none, or several; says which are near.
    """
    beginning = [one for one in COMMANDS if one.startswith(name)]
    if name in COMMANDS or len(beginning) == 1:
        return COMMANDS[name if name in COMMANDS else beginning[0]]
    near = beginning or difflib.get_close_matches(name, COMMANDS, n=2)
    hint = f"; did you mean {' or '.join(PREFIX + one for one in near)}?" if near else ""
    raise UsageError(f"there is no command /{name}{hint}", remedy="See them all: /help")


def run(chat: Chat, text: str) -> None:
    """Do what a line such as `/use web1` says. Raises SmeError."""
    try:
        name, *words = shlex.split(text[1:])
    except ValueError:
        name, *words = text[1:].split()
    find(name).run(chat, words)
