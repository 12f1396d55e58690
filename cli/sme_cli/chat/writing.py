"""A model's answer and its thoughts while they come."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Protocol

from sme_cli.chat.blocks import Block, Blocks, harmless
from sme_cli.chat.markup import render
from sme_cli.chat.screen import Screen, dim
from sme_tools.safety.control import one_line

if TYPE_CHECKING:
    from rich.text import Text

    from sme_agent.llm.events import Answered
    from sme_cli.chat.shelf import Shelf

MOST_OPEN = 4_000
"""Characters of a block that is not complete, of which the last lines are shown."""
FIRST_WORDS = 40


class Written(Protocol):
    """The text of one answer, as it comes. Implementations: on a terminal, in a pipe."""

    @property
    def has_begun(self) -> bool:
        """Whether anything of it is to be seen."""
        ...

    def take(self, text: str) -> None:
        """A piece has come."""
        ...

    def end(self) -> None:
        """This part of it is complete."""
        ...

    def answered(self, event: Answered) -> None:
        """The model has said all that it says."""
        ...

    def withdraw(self, reason: str) -> None:
        """What has come does not count."""
        ...

    def tail(self) -> list[Text]:
        """What is not complete."""
        ...


class Answer:
    """The text of one answer: what is complete is printed once, the rest is drawn anew."""

    def __init__(self, screen: Screen) -> None:
        self._screen = screen
        self._blocks = Blocks()
        self._printed = ""
        """The beginning of what was printed of this attempt."""

    @property
    def has_begun(self) -> bool:
        """Whether anything of it is to be seen."""
        return bool(self._printed) or self._blocks.open is not None

    def take(self, text: str) -> None:
        """A piece has come."""
        self._put(self._blocks.feed(text))

    def end(self) -> None:
        """The answer, or this part of it, is complete."""
        self._put(self._blocks.end())
        self._blocks, self._printed = Blocks(), ""

    def answered(self, event: Answered) -> None:
        """The model has said all that it says."""
        self.end()

    def withdraw(self, reason: str) -> None:
        """What has come does not count: it goes where it can, and else it is said."""
        printed, self._printed, self._blocks = self._printed, "", Blocks()
        if printed:
            first = one_line(printed)[:FIRST_WORDS].rstrip()
            self._screen.put(dim(f"  ↶ taken back, from “{first}…” on: {one_line(reason)}"))
        else:
            self._screen.put(dim(f"  ↶ taken back: {one_line(reason)}"))

    def tail(self) -> list[Text]:
        """What is not complete."""
        block = self._blocks.open
        if block is None:
            return []
        if len(block.text) > MOST_OPEN:
            block = Block(block.text[-MOST_OPEN:], block.is_code, block.gap)
        return render(block, self._screen.console)

    def _put(self, blocks: list[Block]) -> None:
        if not blocks:
            return
        if not self._printed:
            self._screen.put("")
            self._printed = blocks[0].text or " "
        lines = [line for block in blocks for line in render(block, self._screen.console)]
        self._screen.put(*lines)


class Thoughts:
    """What a model thinks before it answers: folded to one line, or shown as it comes."""

    def __init__(self, screen: Screen, shelf: Shelf) -> None:
        self.shown = False
        """Whether they are shown as they come."""
        self._screen = screen
        self._shelf = shelf
        self._text = ""
        self._rest = ""
        self._began = 0.0

    def take(self, text: str) -> None:
        """A piece has come."""
        if not self._text:
            self._began = time.monotonic()
        text = harmless(text)
        self._text += text
        if self.shown:
            *lines, self._rest = (self._rest + text).split("\n")
            for line in lines:
                self._screen.put(dim(f"  {line}"))

    def end(self) -> None:
        """The model has begun to do something else."""
        if not self._text:
            return
        if self._rest.strip():
            self._screen.put(dim(f"  {self._rest}"))
        text, self._text, self._rest = self._text, "", ""
        title = f"thought for {time.monotonic() - self._began:.0f} s"
        number = self._shelf.put(title, lambda: text)
        self._screen.put(dim(f"{number:>3} {title}"))

    def tail(self) -> list[Text]:
        """The line that has not ended, where they are shown."""
        return [dim(f"  {self._rest}")] if self.shown and self._rest else []
