"""The terminal while something goes on: what is final scrolls by, the last lines are drawn anew.

The lines that are drawn anew stand below what is final and are never part of it: each is cut to the
width, and at most a part of the height is used, so that they can always be found and written over.
"""

from __future__ import annotations

import sys
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING, Any, TextIO

from sme_cli.chat.markup import STYLES
from sme_cli.render.sections import as_encodable

if TYPE_CHECKING:
    from rich.console import Console, RenderableType
    from rich.text import Text

FRAMES_PER_S = 20
MOST_LIVE = 12
"""Lines that are drawn anew at most."""
_HIDE, _SHOW = "\x1b[?25l", "\x1b[?25h"

Draw = Callable[[], "Sequence[Text]"]


class Screen:
    """What is printed, and the lines below it that are drawn anew while `live`.

    Safe to use from several threads. Where `stream` is no terminal nothing is drawn.
    """

    def __init__(self, stream: TextIO) -> None:
        self.stream = stream
        self.console = _console(stream)
        self.is_live = stream.isatty() and not self.console.is_dumb_terminal
        self.lock = threading.RLock()
        """Held while anything is drawn or printed."""
        self._draw: Draw | None = None
        self._drawn: list[int] = []
        """Cells of each line that was drawn."""
        self._shown = ""
        """The lines as they were drawn."""
        self._keys: list[Any] | None = None

    def put(self, *what: RenderableType) -> None:
        """Print what is final."""
        with self.lock:
            text = self._rendered(what)
            if self._draw is None:
                self._write(text)
            else:
                self._write(self._erased() + text + self._live_lines())

    def refresh(self) -> None:
        """Draw the last lines anew."""
        with self.lock:
            if self._draw is not None:
                before, back = self._shown, self._back()
                if (lines := self._live_lines()) != before:
                    self._write(back + lines)

    @contextmanager
    def live(self, draw: Draw) -> Iterator[None]:
        """In this block the last lines are what `draw` gives, many times a second.

        Keys are not shown meanwhile, and wait for whoever reads them next.
        """
        if not self.is_live:
            yield
            return
        ended = threading.Event()
        ticker = threading.Thread(target=self._tick, args=(ended,), daemon=True, name="screen")
        with self.lock:
            self._draw = draw
            self._take_keys()
        ticker.start()
        try:
            yield
        finally:
            ended.set()
            with self.lock:
                self._wipe()
                self._draw = None
                self._give_keys()
            ticker.join()

    @contextmanager
    def paused(self) -> Iterator[None]:
        """In this block the terminal is free for something else."""
        with self.lock:
            draw, self._draw = self._draw, None
            if draw is not None:
                self._wipe()
                self._give_keys()
            try:
                yield
            finally:
                if draw is not None:
                    self._draw = draw
                    self._take_keys()

    def restore(self) -> None:
        """Leave the terminal as it was found, without waiting for anybody: the program ends."""
        self._give_keys()
        if self._draw is not None:
            with suppress(OSError):
                self.stream.write(f"\r\x1b[J{_SHOW}")
                self.stream.flush()

    def _tick(self, ended: threading.Event) -> None:
        while not ended.wait(1 / FRAMES_PER_S):
            self.refresh()

    def _rendered(self, what: Sequence[RenderableType]) -> str:
        with self.console.capture() as capture:
            for one in what:
                self.console.print(one, soft_wrap=True)
        return as_encodable(capture.get())

    def _live_lines(self) -> str:
        """The last lines as they are to be drawn, each over what stood in its place."""
        assert self._draw is not None
        width = max(self.console.width - 1, 1)
        most = max(min(MOST_LIVE, self.console.height - 2), 1)
        lines = [line.copy() for line in self._draw()][-most:]
        for line in lines:
            line.truncate(width, overflow="ellipsis")
        texts = [self._rendered([line]).rstrip("\n") for line in lines]
        self._drawn = [line.cell_len for line in lines]
        self._shown = "\n".join(f"\x1b[K{text}" for text in texts) + "\x1b[J"
        return self._shown

    def _back(self) -> str:
        """What leads from the end of the lines that were drawn to their beginning."""
        rows = self._rows()
        return "\r" + (f"\x1b[{rows - 1}A" if rows > 1 else "")

    def _erased(self) -> str:
        """The same, with the lines erased.

        Row by row: from a screen that is cleared as a whole tmux keeps what was on it.
        """
        rows = self._rows()
        self._drawn, self._shown = [], ""
        return "\r\x1b[2K" + "\x1b[1A\x1b[2K" * (rows - 1)

    def _rows(self) -> int:
        """The rows that the lines take: in a window that has become narrower, several each."""
        width = max(self.console.width, 1)
        return sum(max(-(-cells // width), 1) for cells in self._drawn)

    def _wipe(self) -> None:
        self._write(self._erased() + _SHOW)

    def _write(self, text: str) -> None:
        self.stream.write(text)
        self.stream.flush()

    def _take_keys(self) -> None:
        """Keep keys from being shown, and hide the cursor."""
        self._write(_HIDE)
        if not sys.stdin.isatty():
            return
        import termios

        self._keys = termios.tcgetattr(sys.stdin)
        quiet = termios.tcgetattr(sys.stdin)
        quiet[3] &= ~(termios.ECHO | termios.ICANON)
        termios.tcsetattr(sys.stdin, termios.TCSANOW, quiet)

    def _give_keys(self) -> None:
        if self._keys is None:
            return
        import termios

        with suppress(termios.error):
            termios.tcsetattr(sys.stdin, termios.TCSANOW, self._keys)
        self._keys = None


def _console(stream: TextIO) -> Console:
    """A console that shows what it is given to the letter; honours NO_COLOR and the width."""
    from rich.console import Console
    from rich.theme import Theme

    from sme_cli.render.out import PIPE_WIDTH

    width = None if stream.isatty() else PIPE_WIDTH
    return Console(
        file=stream,
        width=width,
        highlight=False,
        markup=False,
        emoji=False,
        theme=Theme(STYLES),
    )


def dim(text: str) -> Text:
    """Something beside the point."""
    from rich.text import Text

    return Text(text, style="dim")
