"""Live progress on stderr: what is being waited for. Silent where nobody watches."""

from __future__ import annotations

import sys
from collections.abc import Generator, Iterator
from contextlib import closing

from sme_agent.events import CommandDone, Concluded, Event, HostFailed, StepStarted
from sme_cli.render.out import console
from sme_memory.incident import Incident
from sme_tools.safety.control import one_line, visible


def follow(events: Iterator[Event]) -> Incident:
    """Show an investigation's events as they come; returns the incident it ends with.

    Closing the events on the way out (Ctrl-C) lets the investigation save what it has.
    """
    with closing(_as_generator(events)) as stream:
        if sys.stderr.isatty():
            return _on_terminal(stream)
        return _in_pipe(stream)


def _as_generator(events: Iterator[Event]) -> Generator[Event, None, None]:
    yield from events


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
