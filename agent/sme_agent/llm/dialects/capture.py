"""What reads one dialect from its first token on, and what it knows and says."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal, Protocol

from sme_agent.llm.dialects.pieces import Begun, Call, Fault, Piece
from sme_agent.llm.dialects.repair import lenient_json, repair_arguments, strict_json
from sme_agent.llm.dialects.tokens import Token
from sme_agent.llm.dialects.values import Schema, fitted

MOST_OPEN_INVOKES = 3
MOST_BLOCKS = 2

_NAME = re.compile(r"\w[\w.:/-]{0,127}\Z")
_NAME_KEYS = ("name", "tool", "tool_name", "function_name", "function")
_ARGUMENT_KEYS = ("arguments", "parameters", "args", "input", "params")


@dataclass(frozen=True)
class Step:
    """What a token means to a capture."""

    state: Literal["more", "done", "not_it"] = "more"
    """done: the capture ends with this token. not_it: it ended before this token."""
    pieces: tuple[Piece, ...] = ()
    text: str = ""
    """What was captured and is no call after all."""
    rest: str = ""
    """What of the token's text comes after the end of the capture."""
    broken: str = ""
    """What is wrong, if this was meant to be a call."""


MORE = Step()


class Capture(Protocol):
    """Takes the tokens of what may be calls in one dialect."""

    def take(self, token: Token) -> Step:
        """Go on with a token."""

    def finish(self) -> Step:
        """The text has ended."""


@dataclass
class Tally:
    """What was opened and closed in one text, to tell a loop."""

    opened: int = 0
    closed: int = 0
    blocks: int = 0

    def open_invoke(self) -> Fault | None:
        """Count an opened invoke; the fault if they are only ever opened."""
        self.opened += 1
        if self.opened > MOST_OPEN_INVOKES and not self.closed:
            return Fault("loop", f"{self.opened} calls were opened and none was closed")
        return None

    def open_block(self) -> Fault | None:
        """Count an opened block of calls; the fault if there are too many."""
        self.blocks += 1
        if self.blocks > MOST_BLOCKS:
            return Fault("loop", f"{self.blocks} blocks of calls were opened")
        return None


@dataclass
class Desk:
    """What all captures of one text share."""

    tools: Mapping[str, Schema]
    tally: Tally = field(default_factory=Tally)

    def named(self, name: str) -> str | None:
        """The name of a tool as it is declared, or as it came if it can be one; else None."""
        name = name.strip()
        bare = name.removeprefix("functions.")
        if name not in self.tools and bare in self.tools:
            return bare
        return name if _NAME.match(name) else None

    def declared(self, name: str) -> str | None:
        """The name of a tool, if it is declared; else None."""
        found = self.named(name)
        return found if found in self.tools else None

    def call(self, name: str, arguments: dict[str, Any], raw: str) -> Call:
        """A call whose arguments are fitted to the tool's schema."""
        return Call(name, fitted(arguments, self.tools.get(name)), raw)

    def call_of_text(self, name: str, text: str, raw: str) -> Call:
        """A call whose arguments are JSON."""
        arguments = repair_arguments(text)
        if arguments is None:
            return Call(name, {}, raw, unreadable=text)
        return self.call(name, arguments, raw)

    def calls_of_json(self, text: str, raw: str, *, whole: bool = False) -> list[Call] | None:
        """The calls that a JSON object or array holds, all of declared tools; else None.

        Args:
            text: The JSON text.
            raw: What the calls were made from.
            whole: Whether only flawless JSON that says the arguments will do.
        """
        try:
            value = strict_json(text)
        except ValueError:
            value = None if whole else lenient_json(text)
        entries = value if isinstance(value, list) else [value]
        calls = [self._call_of_object(entry, raw, whole) for entry in entries]
        found = [call for call in calls if call is not None]
        return found if found and len(found) == len(calls) else None

    def _call_of_object(self, entry: object, raw: str, whole: bool) -> Call | None:
        inner = entry.get("function") if isinstance(entry, dict) else None
        entry = inner if isinstance(inner, dict) else entry
        if not isinstance(entry, dict):
            return None
        name = next((entry[key] for key in _NAME_KEYS if isinstance(entry.get(key), str)), "")
        name = self.named(name) or ""
        if not name or (self.tools and name not in self.tools):
            return None
        given = [key for key in _ARGUMENT_KEYS if key in entry]
        if whole and not given:
            return None
        arguments = entry[given[0]] if given else {}
        if isinstance(arguments, str):
            return self.call_of_text(name, arguments, raw)
        if arguments is None:
            arguments = {}
        if not isinstance(arguments, dict):
            return Call(name, {}, raw, unreadable=str(arguments))
        return self.call(name, arguments, raw)


def announced(calls: list[Call]) -> tuple[Piece, ...]:
    """The calls, each after its beginning."""
    return tuple(piece for call in calls for piece in (Begun(call.name), call))
