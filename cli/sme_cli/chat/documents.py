"""Events as JSON objects: what `--json` prints. docs/chat.md is made from this."""

from __future__ import annotations

import dataclasses
import re
from collections.abc import Callable, Iterator
from typing import Any, get_args

from sme_agent.events import (
    Asked,
    Changing,
    Concluded,
    Event,
    Planned,
)
from sme_agent.llm.events import Answered

_WORD = re.compile(r"(?<=[a-z])(?=[A-Z])")

OURS: dict[str, tuple[str, tuple[str, ...]]] = {
    "opened": ("The conversation has begun.", ("incident", "hosts", "reasoner")),
    "attached": ("What was brought along is kept as evidence.", ("evidence", "lines")),
    "shown": ("What a command such as `/hosts` says.", ("text",)),
    "answer": (
        "What is known, in Markdown, where no model answers and no host is looked at.",
        ("text",),
    ),
    "outcome": ("How a change ended, or what it waits for.", ("change",)),
    "error": ("Something failed; the conversation goes on.", ("message", "remedy")),
    "turn-done": (
        "The turn is over: what was said is answered, or was stopped.",
        ("incident", "stopped"),
    ),
}
"""Events that are none of the investigation's: what each means, and its fields."""


def name_of(kind: type) -> str:
    """The name of a kind of events: `command-done`."""
    return _WORD.sub("-", kind.__name__).lower()


def kinds() -> Iterator[tuple[str, str, tuple[str, ...]]]:
    """Every kind of line: its name, what it means, its fields besides `event`."""
    for name, (about, fields) in OURS.items():
        yield name, about, fields
    for kind in get_args(Event):
        about = (kind.__doc__ or "").split("\n")[0]
        yield name_of(kind), about, _FIELDS.get(kind) or _fields(kind)


def document(event: Event) -> dict[str, Any]:
    """An event as a JSON object; `event` is its kind."""
    special = _DOCUMENTS.get(type(event))
    values = special(event) if special else dataclasses.asdict(event)
    return {"event": name_of(type(event)), **values}


def _fields(kind: type) -> tuple[str, ...]:
    return tuple(field.name for field in dataclasses.fields(kind))


def _planned(event: Planned) -> dict[str, Any]:
    from sme_cli.render.plans import document as plan

    return {"plan": plan(event)}


def _changing(event: Changing) -> dict[str, Any]:
    change = event.event
    return {
        "host": event.host,
        "change": event.change,
        "what": name_of(type(change)),
        "details": {
            field.name: _plain(getattr(change, field.name)) for field in dataclasses.fields(change)
        },
    }


def _concluded(event: Concluded) -> dict[str, Any]:
    from sme_cli.render.diagnosis import document as incident

    return {"incident": incident(event.incident)}


def _asked(event: Asked) -> dict[str, Any]:
    return {"question": event.question.document()}


def _answered(event: Answered) -> dict[str, Any]:
    return {
        "text": event.message.text,
        "calls": [call.name for call in event.message.calls],
        "model": event.model,
        "usage": event.usage.model_dump(),
        "first_token_s": event.first_token_s,
        "duration_s": event.duration_s,
        "ended": event.ended,
    }


def _plain(value: Any) -> Any:  # noqa: ANN401 - a field of any event
    return value.model_dump(mode="json") if hasattr(value, "model_dump") else value


_DOCUMENTS: dict[type, Callable[[Any], dict[str, Any]]] = {
    Planned: _planned,
    Changing: _changing,
    Concluded: _concluded,
    Asked: _asked,
    Answered: _answered,
}
_FIELDS: dict[type, tuple[str, ...]] = {
    Planned: ("plan",),
    Changing: ("host", "change", "what", "details"),
    Concluded: ("incident",),
    Asked: ("question",),
    Answered: ("text", "calls", "model", "usage", "first_token_s", "duration_s", "ended"),
}
