"""What the events of every provider's stream are read into."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, Literal

Ended = Literal["stop", "calls", "length", "refused", "malformed"]


class StreamError(Exception):
    """An error that the server wrote into an answer it had begun with status 200.

    `body` is the event as it came.
    """

    def __init__(self, body: dict[str, Any]) -> None:
        super().__init__(str(body)[:200])
        self.body = body


@dataclass(frozen=True)
class CallPiece:
    """A tool call, or a part of one.

    `index` is its place in the answer, None where the server gives none. `whole` means that no
    further part of it will come.
    """

    index: int | None = None
    id: str = ""
    name: str = ""
    arguments: str = ""
    whole: bool = False
    extra: dict[str, Any] = field(default_factory=dict)
    """What the provider wants back with this call, such as a signature."""


@dataclass(frozen=True)
class Counts:
    """The tokens of an answer, as the provider counts them; None where it says nothing."""

    input: int | None = None
    """The whole prompt, what came from the cache or went there included."""
    output: int | None = None
    """Reasoning included."""
    cached: int = 0
    cache_written: int = 0
    reasoning: int = 0
    cost_usd: float | None = None


@dataclass(frozen=True)
class Piece:
    """A part of an answer; what is empty was not in it."""

    text: str = ""
    reasoning: str = ""
    call: CallPiece | None = None
    block: dict[str, Any] | None = None
    """A part that the provider wants back unaltered."""
    ended: Ended | None = None
    reason: str = ""
    """The provider's own word for why it ended."""
    counts: Counts | None = None
    refusal: str = ""


def number(value: object) -> int:
    """A count, whatever was written in its place."""
    return int(value) if isinstance(value, int | float) else 0


def text_of(value: object) -> str:
    """A text, whatever was written in its place."""
    return value if isinstance(value, str) else ""


def mapping(value: object) -> dict[str, Any]:
    """An object, whatever was written in its place."""
    return value if isinstance(value, dict) else {}


def listed(value: object) -> list[Any]:
    """A list, whatever was written in its place."""
    return value if isinstance(value, list) else []
