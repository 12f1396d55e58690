"""What the text of a model consists of."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal


@dataclass(frozen=True)
class Said:
    """Ordinary text."""

    text: str


@dataclass(frozen=True)
class Thought:
    """Reasoning."""

    text: str


@dataclass(frozen=True)
class Recast:
    """All that was said so far was reasoning: its end came, and its beginning never had."""


@dataclass(frozen=True)
class Begun:
    """A call has begun. Without a `Call` after it, it has come to nothing."""

    name: str


@dataclass(frozen=True)
class Call:
    """A complete call of a tool; a `Begun` of the same name came before it."""

    name: str
    arguments: dict[str, Any]
    raw: str
    """The text that it was made from."""
    unreadable: str | None = None
    """The arguments as they came, where they are no JSON object even after repair."""


@dataclass(frozen=True)
class Fault:
    """Stop reading: the attempt is void.

    A loop is reported where it becomes certain. Calls that are broken are reported at the end, and
    only if there is no good one beside them; their text was said before.
    """

    kind: Literal["loop", "malformed"]
    detail: str


Piece = Said | Thought | Recast | Begun | Call | Fault


def merged(pieces: list[Piece]) -> list[Piece]:
    """The same pieces, with adjacent text of the same kind in one."""
    result: list[Piece] = []
    parts: list[str] = []
    kind: type[Said | Thought] | None = None
    for piece in pieces:
        same = type(piece) if isinstance(piece, Said | Thought) else None
        if parts and same is not kind and kind is not None:
            result.append(kind("".join(parts)))
            parts = []
        kind = same
        if isinstance(piece, Said | Thought):
            parts.append(piece.text)
        else:
            result.append(piece)
    if parts and kind is not None:
        result.append(kind("".join(parts)))
    return result
