"""The line that a person writes on: keys, history, completion, long pastes, the line below it."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from prompt_toolkit import PromptSession
from prompt_toolkit.filters import Condition, emacs_mode
from prompt_toolkit.history import ThreadedHistory
from prompt_toolkit.key_binding import KeyBindings, KeyPressEvent
from prompt_toolkit.keys import Keys
from prompt_toolkit.styles import Style

from sme_cli.chat.commands.table import PREFIX
from sme_cli.chat.completing import CommandCompleter
from sme_cli.chat.conversation import Attachment, chip
from sme_cli.chat.history import RedactedHistory
from sme_cli.chat.toolbar import toolbar
from sme_cli.editing import editing_mode
from sme_cli.render.sections import as_encodable
from sme_tools.safety.control import visible

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from sme_cli.chat.conversation import Chat

LONG_LINES = 20
LONG_CHARACTERS = 2_000
"""A paste of more than either becomes evidence."""
MENU_ROWS = 8
_STYLE = Style.from_dict(
    {
        # No background: what is on it may be dark or light.
        "bottom-toolbar": "noreverse dim",
        "prompt": "bold",
        "completion-menu": "noreverse bg:default fg:default",
        "completion-menu.completion.current": "reverse",
        "completion-menu.meta.completion": "dim noreverse bg:default fg:default",
        "completion-menu.meta.completion.current": "reverse",
        "scrollbar.background": "bg:default",
        "scrollbar.button": "reverse",
    }
)


@dataclass(frozen=True)
class Typed:
    """One message as it was written."""

    text: str
    brought: list[Attachment] = field(default_factory=list)


class Prompter:
    """Reads one message after the other."""

    def __init__(self, chat: Chat, folder: Callable[[], Path]) -> None:
        self._chat = chat
        self._pasted: list[Attachment] = []
        self._session: PromptSession[str] = PromptSession(
            as_encodable("› "),
            multiline=True,
            history=ThreadedHistory(RedactedHistory(folder)),
            completer=CommandCompleter(chat),
            complete_in_thread=True,
            complete_while_typing=Condition(self._is_command),
            reserve_space_for_menu=MENU_ROWS,
            enable_suspend=True,
            key_bindings=self._keys(),
            bottom_toolbar=lambda: visible(toolbar(chat)),
            prompt_continuation="  ",
            editing_mode=editing_mode(),
            style=_STYLE,
        )

    def read(self) -> Typed:
        """The next message. Raises EOFError for Ctrl-D, KeyboardInterrupt for Ctrl-C."""
        self._pasted = []
        text = self._session.prompt(pre_run=self._pre_run)
        return Typed(text, [one for one in self._pasted if one.chip in text])

    def redraw(self) -> None:
        """Draw the line below anew, or end the reading where there is no conversation to be had.

        May be called from any thread.
        """
        app = self._session.app
        if not self._chat.opening.has_failed:
            app.invalidate()
        elif app.loop is not None and app.is_running:
            app.loop.call_soon_threadsafe(lambda: app.exit(exception=EOFError))

    def _pre_run(self) -> None:
        # Not before the prompt is to be seen: what is loaded would hold it up.
        app = self._session.app
        app.after_render += self._start
        if self._chat.opening.has_failed:
            self.redraw()

    def _start(self, _: object) -> None:
        self._session.app.after_render -= self._start
        self._chat.opening.start(self.redraw)

    def _is_command(self) -> bool:
        return self._session.default_buffer.text.startswith(PREFIX)

    def _paste(self, event: KeyPressEvent) -> None:
        text = event.data.replace("\r\n", "\n").replace("\r", "\n")
        if len(text) <= LONG_CHARACTERS and text.count("\n") < LONG_LINES:
            event.current_buffer.insert_text(text)
            return
        number = len(self._pasted) + 1 + self._brought_before()
        one = Attachment("paste", text, chip(f"paste.{number}", text))
        self._pasted.append(one)
        event.current_buffer.insert_text(one.chip)

    def _brought_before(self) -> int:
        from sme_agent.talk import PERSON

        opened = self._chat.opening.now
        if opened is None:
            return 0
        return sum(item.host == PERSON for item in opened.talk.case.evidence.values())

    def _keys(self) -> KeyBindings:
        keys = KeyBindings()

        @keys.add("enter")
        def _(event: KeyPressEvent) -> None:
            buffer = event.current_buffer
            if buffer.document.text_before_cursor.endswith("\\"):
                buffer.delete_before_cursor()
                buffer.insert_text("\n")
            else:
                buffer.validate_and_handle()

        @keys.add("escape", "enter", filter=emacs_mode)
        def _(event: KeyPressEvent) -> None:
            event.current_buffer.insert_text("\n")

        @keys.add("c-c")
        @keys.add("<sigint>")
        def _(event: KeyPressEvent) -> None:
            if event.current_buffer.text:
                event.current_buffer.reset()
            else:
                event.app.exit(exception=KeyboardInterrupt, style="class:aborting")

        @keys.add(Keys.BracketedPaste)
        def _(event: KeyPressEvent) -> None:
            self._paste(event)

        return keys
