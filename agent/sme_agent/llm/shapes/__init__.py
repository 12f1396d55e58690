"""The forms in which providers write an answer, told apart by their own keys and read into one.

An event of a stream and a whole answer are read by the same function: a proxy may answer a request
for a stream with one JSON document. What a form does not know is left alone.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

from sme_agent.llm.shapes import anthropic, gemini, ollama, openai
from sme_agent.llm.shapes.piece import Piece, StreamError

Event = dict[str, Any]
Reader = Callable[[Event], Iterator[Piece]]


def reader_for(event: Event) -> Reader | None:
    """The reader of the form that this event has; None for one we don't know.

    The readers of some forms remember what came before: take one for each answer.
    """
    if "choices" in event or str(event.get("object", "")).startswith("chat.completion"):
        return openai.read
    if "candidates" in event or "usageMetadata" in event or "promptFeedback" in event:
        return gemini.read
    if event.get("type") in anthropic.EVENTS:
        return anthropic.Blocks().read
    if isinstance(event.get("message"), dict) and "done" in event:
        return ollama.read
    return None


def error_in(event: Event) -> StreamError | None:
    """The error that a server writes into a stream that began well, if this event is one."""
    return StreamError(event) if event.get("error") else None
