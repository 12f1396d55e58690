"""Live progress on stderr: what is being waited for. Silent where nobody watches."""

from __future__ import annotations

import signal
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType

from sme_agent.events import CommandDone, Concluded, Event, HostFailed, StepStarted
from sme_cli.render.out import console
from sme_memory.incident import Incident
from sme_tools.safety.control import one_line, visible


def follow(events: Iterator[Event], cancelled: threading.Event) -> Incident:
    """Show an investigation's events as they come; returns the incident it ends with.

    The first Ctrl-C sets `cancelled`, and the investigation saves what it has; a second one ends
    the program at once.
    """
    with _first_interrupt_sets(cancelled):
        if sys.stderr.isatty():
            return _on_terminal(events)
        return _in_pipe(events)


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


def _on_terminal(events: Iterator[Event]) -> Incident:
    from rich.markup import escape

    screen = console(stderr=True)
    with screen.status("starting") as status:
        for event in events:
            match event:
                case StepStarted(step, text):
                    status.update(f"[bold]{step}[/] {escape(one_line(text))[:160]}")
                case CommandDone(host, command, _, _, done, total):
                    status.update(f"[bold]{escape(host)}[/] {done}/{total} {command}")
                case HostFailed():
                    screen.print(_failure(event), style="red", markup=False)
                case Concluded(incident):
                    return incident
    raise AssertionError("an investigation ends with Concluded")


def _in_pipe(events: Iterator[Event]) -> Incident:
    for event in events:
        if isinstance(event, HostFailed):
            sys.stderr.write(_failure(event) + "\n")
        elif isinstance(event, Concluded):
            return event.incident
    raise AssertionError("an investigation ends with Concluded")


def _failure(event: HostFailed) -> str:
    text = f"sme: {event.host}: {event.reason}"
    return visible(f"{text}\n     {event.remedy}" if event.remedy else text)
