"""Live progress on stderr: what is being waited for. Silent where nobody watches."""

from __future__ import annotations

import signal
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from types import FrameType
from typing import TYPE_CHECKING

from sme_agent.events import CommandDone, Concluded, Event, HostFailed, NotKept, StepStarted
from sme_cli.render.out import complain, console
from sme_memory.incident import Incident
from sme_tools.safety.control import one_line

if TYPE_CHECKING:
    from rich.text import Text

SLOW_S = 3
"""From when on it is said how long the wait has been."""


@dataclass(frozen=True)
class Outcome:
    """How an investigation ended."""

    incident: Incident
    kept: bool
    """Whether all of it is on our own disk."""


def follow(events: Iterator[Event], cancelled: threading.Event, *, screen_follows: bool) -> Outcome:
    """Show an investigation's events as they come; returns how it ended.

    Where a screen follows on the same terminal, it is what tells of hosts that failed.

    The first Ctrl-C sets `cancelled`, and the investigation saves what it has; a second one ends
    the program at once.
    """
    with _first_interrupt_sets(cancelled):
        if sys.stderr.isatty():
            return _on_terminal(events, mute=screen_follows)
        return _read(events, lambda event: None)


@contextmanager
def _first_interrupt_sets(cancelled: threading.Event) -> Iterator[None]:
    def stop(number: int, frame: FrameType | None) -> None:
        if cancelled.is_set():
            signal.default_int_handler(number, frame)
        cancelled.set()

    before = signal.signal(signal.SIGINT, stop)
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, before)


def _on_terminal(events: Iterator[Event], *, mute: bool) -> Outcome:
    waiting = Waiting()
    with console(stderr=True).status(waiting):
        return _read(events, waiting.note, mute=mute)


def _read(events: Iterator[Event], note: Callable[[Event], None], *, mute: bool = False) -> Outcome:
    kept = True
    for event in events:
        note(event)
        if isinstance(event, HostFailed) and not mute:
            complain(f"{event.host}: {event.reason}", event.remedy)
        elif isinstance(event, NotKept):
            kept = False
            complain(event.reason, event.remedy)
        elif isinstance(event, Concluded):
            return Outcome(event.incident, kept)
    raise AssertionError("an investigation ends with Concluded")


@dataclass
class Waiting:
    """One line that says what is being waited for, and for how long; rich asks for it anew."""

    text: str = "starting"
    since: float = field(default_factory=time.monotonic)
    hosts: set[str] = field(default_factory=set)
    """Those that have answered anything."""

    def note(self, event: Event) -> None:
        """Take over what an event says."""
        match event:
            case StepStarted(step, text):
                self.text = f"{step}: {one_line(text)}"
            case CommandDone(host, _, _, _, done, total):
                self.hosts.add(host)
                who = one_line(host) if len(self.hosts) == 1 else f"{len(self.hosts)} hosts"
                self.text = f"{who}: {done} of {total} commands answered"
            case _:
                return
        self.since = time.monotonic()

    def __rich__(self) -> Text:
        from rich.text import Text

        waited = time.monotonic() - self.since
        lasting = f"{waited:.0f} s · " if waited >= SLOW_S else ""
        return Text(lasting + self.text, no_wrap=True, overflow="ellipsis")
