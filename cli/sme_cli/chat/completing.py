"""What completes at the prompt: the commands and what they take."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING

from prompt_toolkit.completion import CompleteEvent, Completer, Completion
from prompt_toolkit.document import Document

from sme_cli.chat.commands.table import COMMANDS, PREFIX

if TYPE_CHECKING:
    from sme_cli.chat.conversation import Chat


class CommandCompleter(Completer):
    """Completes the name of a command, then its arguments. Messages are left alone."""

    def __init__(self, chat: Chat) -> None:
        self._chat = chat

    def get_completions(
        self, document: Document, complete_event: CompleteEvent
    ) -> Iterable[Completion]:
        """See `Completer`."""
        text = document.text_before_cursor
        if not text.startswith(PREFIX) or "\n" in document.text:
            return
        name, space, rest = text[1:].partition(" ")
        if not space:
            for one in COMMANDS.values():
                if one.name.startswith(name):
                    yield Completion(
                        PREFIX + one.name, start_position=-len(text), display_meta=one.about
                    )
            return
        command = COMMANDS.get(name)
        if command is None or command.complete is None:
            return
        word = rest.rpartition(" ")[2]
        for candidate in command.complete(self._chat):
            if candidate.startswith(word):
                yield Completion(candidate, start_position=-len(word))
