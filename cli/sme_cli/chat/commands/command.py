"""What a command of a conversation is."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from sme_cli.chat.conversation import Chat


@dataclass(frozen=True)
class Command:
    """One command: the same entry drives help, completion, dispatch and docs/chat.md."""

    name: str
    usage: str
    """What follows the name."""
    about: str
    """One line."""
    run: Callable[[Chat, list[str]], None]
    """Does it with the words behind the name. Raises SmeError."""
    complete: Callable[[Chat], Iterable[str]] | None = None
    """What its words may be."""
    details: str = ""
    """What more there is to say; for `/help NAME`."""
