"""Live progress on stderr: what is being waited for. Silent where nobody watches."""

from __future__ import annotations

import os
import signal
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from types import FrameType
from typing import TYPE_CHECKING, NoReturn

from sme_agent.events import (
    Changing,
    CommandDone,
    CommandStarted,
    Concluded,
    Event,
    HostFailed,
    Learned,
    NotKept,
    RulesGoOn,
    StepStarted,
)
from sme_agent.llm.events import Answered, Asking, ModelFailed, Noted
from sme_agent.llm.events import Waiting as ModelWaits
from sme_cli import exit_codes
from sme_cli.render.changing import waited_for
from sme_cli.render.costs import Costs
from sme_cli.render.out import complain, console
from sme_cli.render.out import note as say
from sme_memory.incident import Incident
from sme_tools.safety.control import one_line

if TYPE_CHECKING:
    from rich.status import Status
    from rich.text import Text

Hear = Callable[[Event], None]

SLOW_S = 3
"""From when on it is said how long the wait has been."""


@dataclass(frozen=True)
class Outcome:
    """How an investigation ended."""

    incident: Incident
    kept: bool
    """Whether all of it is on our own disk."""


def follow(
    events: Iterator[Event],
    cancelled: threading.Event,
    *,
    screen_follows: bool,
    live: Live | None = None,
    hear: Hear = lambda event: None,
    go_on: str = "sme diagnose --resume last",
) -> Outcome:
    """Show an investigation's events as they come; returns how it ended.

    Where a screen follows on the same terminal, it is what tells of hosts that failed. `hear` is
    told of every event; to print it pauses the `live` line.

    The first Ctrl-C sets `cancelled`, and the investigation saves what it has; a second one ends
    the program at once, as a kill would, and `go_on` is the command that is told then.
    """
    line = live or Live()
    with _first_interrupt_sets(cancelled, line.waiting, go_on), line:
        mute = screen_follows and sys.stderr.isatty()
        return _read(events, line.waiting.note, hear, mute=mute)


class Live:
    """One line on stderr that says what is being waited for; nothing where nobody watches."""

    def __init__(self) -> None:
        self.waiting = Waiting()
        self._status: Status | None = None

    def __enter__(self) -> Live:
        self._start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stop()

    @contextmanager
    def paused(self) -> Iterator[None]:
        """In this block the line is gone, and the terminal free for something else."""
        was_shown = self._status is not None
        self._stop()
        try:
            yield
        finally:
            if was_shown:
                self.waiting.since = time.monotonic()
                self._start()

    def _start(self) -> None:
        if sys.stderr.isatty():
            self._status = console(stderr=True).status(self.waiting)
            self._status.start()

    def _stop(self) -> None:
        if self._status is not None:
            self._status.stop()
            self._status = None


@contextmanager
def _first_interrupt_sets(
    cancelled: threading.Event, waiting: Waiting, go_on: str
) -> Iterator[None]:
    def stop(number: int, frame: FrameType | None) -> None:
        if cancelled.is_set():
            _end_at_once(go_on)
        waiting.stopping = True
        cancelled.set()

    before = signal.signal(signal.SIGINT, stop)
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, before)


def _end_at_once(go_on: str) -> NoReturn:
    """End without a wait for the thread that waits for the host; no lock or buffer is touched."""
    line = "\r\x1b[K\x1b[?25h" if sys.stderr.isatty() else ""
    text = f"{line}sme: ended at once; a command that was running goes on\n     Go on: {go_on}\n"
    with suppress(OSError):
        os.write(2, text.encode())
    os._exit(exit_codes.INTERRUPTED)


def _read(events: Iterator[Event], note: Hear, hear: Hear, *, mute: bool) -> Outcome:
    kept = True
    costs = Costs()
    for event in events:
        note(event)
        hear(event)
        match event:
            case HostFailed(host, reason, remedy) if not mute:
                complain(f"{host}: {reason}", remedy)
            case ModelFailed() | Noted() | RulesGoOn():
                _say_of_models(event)
            case Answered():
                costs.note(event)
            case Learned() if event.issue:
                say(f"sme: kept as a known issue: {event.issue} ({event.kind}) {event.path}")
            case NotKept(reason, remedy):
                kept = False
                complain(reason, remedy)
            case Concluded(incident):
                if line := costs.line():
                    say(f"sme: {line}")
                return Outcome(incident, kept)
            case _:
                pass
    raise AssertionError("an investigation ends with Concluded")


def _say_of_models(event: ModelFailed | Noted | RulesGoOn) -> None:
    match event:
        case ModelFailed(model, reason, remedy):
            complain(f"model {model}: {reason}", remedy)
        case Noted(model, text):
            say(f"sme: model {model}: {text}")
        case RulesGoOn():
            complain("no model answers: the rules go on")


@dataclass
class Waiting:
    """One line that says what is being waited for, and for how long; rich asks for it anew."""

    text: str = "starting"
    since: float = field(default_factory=time.monotonic)
    hosts: set[str] = field(default_factory=set)
    """Those that have answered anything."""
    stopping: bool = False
    """Whether Ctrl-C was heard, and only what has begun is waited for."""

    def note(self, event: Event) -> None:
        """Take over what an event says."""
        match event:
            case StepStarted(step, text):
                self.text = f"{step}: {one_line(text)}"
            case Asking(model):
                self.text = f"{one_line(model)} is thinking"
            case ModelWaits(model, seconds, reason):
                self.text = f"{one_line(model)}: asked again in {seconds:.0f} s: {one_line(reason)}"
            case CommandStarted(host, command):
                self.text = f"{one_line(host)}: {one_line(command)}"
            case CommandDone(host, _, _, _, done, total):
                self.hosts.add(host)
                who = one_line(host) if len(self.hosts) == 1 else f"{len(self.hosts)} hosts"
                self.text = f"{who}: {done} of {total} commands answered"
            case Changing(host, _, change_event):
                if (said := waited_for(change_event)) is None:
                    return
                self.text = f"{one_line(host)}: {said}"
            case _:
                return
        self.since = time.monotonic()

    def __rich__(self) -> Text:
        from rich.text import Text

        waited = time.monotonic() - self.since
        lasting = f"{waited:.0f} s · " if waited >= SLOW_S else ""
        stopping = "stops after this, Ctrl-C again: at once · " if self.stopping else ""
        return Text(stopping + lasting + self.text, no_wrap=True, overflow="ellipsis")
