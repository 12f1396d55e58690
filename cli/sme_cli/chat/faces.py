"""The forms that a conversation has: on a terminal, as plain text, as JSON lines."""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from typing import TYPE_CHECKING, Any, Protocol

from sme_agent.events import Asked, Concluded, Event
from sme_agent.llm.events import Answered
from sme_cli.chat.documents import document
from sme_cli.chat.markup import print_markdown, wrapped
from sme_cli.chat.screen import Screen
from sme_cli.chat.shelf import Shelf
from sme_cli.chat.showing import Showing
from sme_cli.render.out import complain
from sme_tools.safety.control import visible

if TYPE_CHECKING:
    from sme_agent.case import Case
    from sme_cli.chat.waiting import Awaited

Conclude = Callable[[Concluded], None]
"""Prints on standard output what a turn came to."""


class Face(Protocol):
    """What a conversation is shown on."""

    shelf: Shelf
    awaited: Awaited
    case: Case | None
    """What is known, for what a line opens."""
    asked: Asked | None
    """What waits for an answer after this turn."""
    changes: dict[str, None]
    """What was changed in this turn, by its id."""

    def turn(self) -> AbstractContextManager[None]:
        """In this block a turn goes on."""
        ...

    def hear(self, event: Event) -> None:
        """Show an event."""
        ...

    def preview(self, event: Event) -> None:
        """Show a plan of which nothing is done."""
        ...

    def put_text(self, text: str) -> None:
        """Show what a command has to say."""
        ...

    def put_markdown(self, text: str) -> None:
        """The same, as Markdown."""
        ...

    def put_answer(self, text: str) -> None:
        """Show an answer that no model gave, in Markdown."""
        ...

    def page(self, text: str) -> None:
        """Show a text that may be long."""
        ...

    def complain(self, message: str, remedy: str = "") -> None:
        """Say what failed, and what to do about it."""
        ...

    def paused(self) -> AbstractContextManager[None]:
        """In this block the terminal is free for something else."""
        ...

    def restore(self) -> None:
        """Leave the terminal as it was found: the program ends at once."""
        ...


class TerminalFace(Showing):
    """A terminal, both to write on and to read from."""

    def preview(self, event: Event) -> None:
        """See `Face.preview`."""
        self.hear(event)
        self.changes.clear()

    def put_text(self, text: str) -> None:
        """See `Face.put_text`: wrapped, the rest of a line below its own beginning."""
        for line in visible(text).rstrip("\n").split("\n"):
            self.screen.put(*wrapped(line, self.screen.console))

    def put_markdown(self, text: str) -> None:
        """See `Face.put_markdown`."""
        with self.screen.paused():
            print_markdown(text, self.screen.console)

    put_answer = put_markdown

    def page(self, text: str) -> None:
        """See `Face.page`: in a pager where it is longer than the screen."""
        from rich.text import Text

        text = visible(text).rstrip("\n")
        width, height = self.screen.console.size
        rows = sum(max(-(-len(line) // width), 1) for line in text.split("\n"))
        if rows < height - 2:
            self.screen.put(*map(Text, text.split("\n")))
            return
        import pydoc

        # What is to be read again later stays on the screen, and q leaves.
        os.environ.setdefault("LESS", "-FRX")
        with self.screen.paused():
            pydoc.pager(text + "\n")

    def complain(self, message: str, remedy: str = "") -> None:
        """See `Face.complain`."""
        with self.screen.paused():
            complain(message, remedy)

    def paused(self) -> AbstractContextManager[None]:
        """See `Face.paused`."""
        return self.screen.paused()

    def restore(self) -> None:
        """See `Face.restore`."""
        self.screen.restore()


class Whole:
    """A model's answer where nothing can be taken back: printed once it is complete."""

    def __init__(self, screen: Screen) -> None:
        self._screen = screen

    @property
    def has_begun(self) -> bool:
        """Nothing is to be seen before it is complete."""
        return False

    def take(self, text: str) -> None:
        """A piece has come: it is waited for the rest."""

    def end(self) -> None:
        """Nothing was printed that could end."""

    def withdraw(self, reason: str) -> None:
        """Nothing was printed that could be taken back."""

    def tail(self) -> list[Any]:
        """Nothing is drawn."""
        return []

    def answered(self, event: Answered) -> None:
        """The answer is complete; what was only said beside a tool call is no answer."""
        text = visible(event.message.text).strip()
        if not text:
            return
        if event.message.calls:
            self._screen.put(text)
            return
        sys.stdout.write(text + "\n")
        sys.stdout.flush()


class PlainFace(TerminalFace):
    """Answers as plain text on standard output, all else on standard error."""

    def __init__(self, conclude: Conclude) -> None:
        screen = Screen(sys.stderr)
        super().__init__(screen, Shelf(), conclude, Whole(screen))

    def put_text(self, text: str) -> None:
        """See `Face.put_text`."""
        sys.stdout.write(visible(text).rstrip("\n") + "\n")
        sys.stdout.flush()

    def put_markdown(self, text: str) -> None:
        """See `Face.put_markdown`."""
        self.put_text(text)

    put_answer = page = put_markdown


class JsonFace:
    """Each event as one JSON object on a line of standard output."""

    def __init__(self, conclude: Conclude) -> None:
        from sme_cli.chat.waiting import Awaited

        self.shelf = Shelf()
        self.awaited = Awaited()
        self.case: Case | None = None
        self.asked: Asked | None = None
        self.changes: dict[str, None] = {}
        self._conclude = conclude

    @contextmanager
    def turn(self) -> Iterator[None]:
        """See `Face.turn`."""
        self.changes, self.asked = {}, None
        yield

    def hear(self, event: Event) -> None:
        """See `Face.hear`."""
        if id := getattr(event, "change", None):
            self.changes[id] = None
        self.write(document(event))
        if isinstance(event, Asked):
            self.asked = event
        elif isinstance(event, Concluded):
            self._conclude(event)

    def preview(self, event: Event) -> None:
        """See `Face.preview`."""
        self.write(document(event))

    def write(self, line: dict[str, Any]) -> None:
        """Write one line at once."""
        sys.stdout.write(json.dumps(line, default=str) + "\n")
        sys.stdout.flush()

    def put_text(self, text: str) -> None:
        """See `Face.put_text`."""
        self.write({"event": "shown", "text": visible(text)})

    put_markdown = page = put_text

    def put_answer(self, text: str) -> None:
        """See `Face.put_answer`."""
        self.write({"event": "answer", "text": text})

    def complain(self, message: str, remedy: str = "") -> None:
        """See `Face.complain`."""
        self.write({"event": "error", "message": message, "remedy": remedy})

    @contextmanager
    def paused(self) -> Iterator[None]:
        """See `Face.paused`."""
        yield

    def restore(self) -> None:
        """See `Face.restore`."""
