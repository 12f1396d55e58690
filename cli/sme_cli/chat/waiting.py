"""What is being waited for, in one line: which host, command or model, and for how long."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from sme_agent.events import (
    Changing,
    CommandDone,
    CommandStarted,
    Event,
    StepStarted,
    ToolUsed,
)
from sme_agent.llm.events import Asking, CallBegun, Reasoning, Waiting, Withdrawn
from sme_cli.render.changing import waited_for
from sme_tools.safety.control import one_line

if TYPE_CHECKING:
    from rich.text import Text

_FRAMES, _FRAMES_PER_S = "⠋⠙⠹⠸⠼⠴⠦⠧⠇⠏", 10
SLOW_S = 2


@dataclass
class Awaited:
    """The line under everything else, while something goes on."""

    text: str = "starting"
    since: float = field(default_factory=time.monotonic)
    until: float | None = None
    """When a wait is over whose length is known."""
    stopping: bool = False
    beside: Callable[[], str] = lambda: ""
    """What is still being loaded; empty if nothing is."""
    model: str = ""
    _running: dict[tuple[str, str], None] = field(default_factory=dict)

    def wait_for(self, text: str) -> None:
        """Say what is waited for from now on."""
        if text != self.text:
            self.text, self.since, self.until = text, time.monotonic(), None

    def note(self, event: Event) -> None:
        """Take over what an event says."""
        match event:
            case StepStarted(_, text):
                self.wait_for(one_line(text))
            case CommandStarted(host, command):
                self._running[host, command] = None
                self._wait_for_commands()
            case CommandDone(host, command, evidence=str()):
                self._running.pop((host, command), None)
                self._wait_for_commands()
            case CommandDone(host, _, _, _, done, total):
                self.wait_for(f"{one_line(host)}: {done} of {total} probes answered")
            case Changing(host, _, change):
                if said := waited_for(change):
                    self.wait_for(f"{one_line(host)}: {said}")
            case _:
                self._note_model(event)

    def _note_model(self, event: Event) -> None:
        match event:
            case Asking(model, tokens, _):
                self.model = one_line(model)
                self.wait_for(f"{self.model} reads {tokens:,} tokens")
            case Reasoning():
                self.wait_for(f"{self.model} thinks")
            case CallBegun(name):
                self.wait_for(f"{self.model} writes {one_line(name)}")
            case ToolUsed():
                self.wait_for(f"{self.model or 'the reasoner'} goes on")
            case Withdrawn(model, reason):
                self.wait_for(f"{one_line(model)} is asked again: {one_line(reason)}")
            case Waiting(model, seconds, reason, attempt):
                again = "is asked again" if attempt else "is asked"
                self.wait_for(f"{one_line(model)} {again}: {one_line(reason)}")
                self.until = time.monotonic() + seconds

    def _wait_for_commands(self) -> None:
        if not self._running:
            self.wait_for("goes on")
            return
        (host, command), *others = self._running
        more = f" (and {len(others)} more)" if others else ""
        self.wait_for(f"{one_line(host)} $ {one_line(command)}{more}")

    def line(self) -> Text:
        """The line as it is now."""
        from rich.text import Text

        now = time.monotonic()
        frame = _FRAMES[int(now * _FRAMES_PER_S) % len(_FRAMES)]
        lasting = f"{now - self.since:.0f} s · " if now - self.since >= SLOW_S else ""
        if self.until is not None:
            lasting = f"in {max(self.until - now, 0):.0f} s · "
        stopping = "stops after this, Ctrl-C again: at once · " if self.stopping else ""
        loads = self.beside()
        still = f" · still loading {loads}" if loads else ""
        return Text(f"{frame} {stopping}{lasting}{self.text}{still}", style="dim")
