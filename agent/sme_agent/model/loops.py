"""Noticing that a model goes in circles: repeats, ping-pong, errors in a row, degenerate text."""

from __future__ import annotations

import json
from collections import Counter
from dataclasses import dataclass, field
from typing import Literal

from sme_agent.llm.messages import AssistantMessage, ToolMessage

Circle = Literal["repeat", "ping-pong", "errors", "degenerate"]

MOST_REPEATS = 2
"""So often one call may bring the same before it counts as a repeat."""
MOST_ERRORS = 4
"""Failed calls in a row."""
PING_PONG = 3
"""Times that two calls alternate."""
_WORDS = 12
"""The length of the phrases of which degenerate text is made, in words."""
_MOST_PHRASES = 6


@dataclass
class LoopDetector:
    """Watches the answers of one turn and what their calls brought."""

    _seen: Counter[str] = field(default_factory=Counter)
    _last: list[str] = field(default_factory=list)
    _errors: int = 0
    strikes: int = 0
    """How often a circle was found: first a nudge follows, then no more tools."""

    def watch(self, answer: AssistantMessage, results: list[ToolMessage]) -> Circle | None:
        """Take in one answer; gives the circle that it closes, if it does."""
        circle = self._circle(answer, results)
        if circle is not None:
            self.strikes += 1
            self._seen.clear()
            self._last.clear()
            self._errors = 0
        return circle

    def _circle(self, answer: AssistantMessage, results: list[ToolMessage]) -> Circle | None:
        if is_degenerate(answer.text):
            return "degenerate"
        brought = {result.call: result for result in results}
        step = []
        for call in answer.calls:
            said = json.dumps([call.name, call.arguments], sort_keys=True, ensure_ascii=False)
            result = brought.get(call.id)
            self._errors = self._errors + 1 if result and result.failed else 0
            if self._errors >= MOST_ERRORS:
                return "errors"
            self._seen[f"{said}\n{result.text if result else ''}"] += 1
            step.append(said)
        if any(count > MOST_REPEATS for count in self._seen.values()):
            return "repeat"
        if step:
            self._last.append("\n".join(step))
        return "ping-pong" if self._alternates() else None

    def _alternates(self) -> bool:
        tail = self._last[-2 * PING_PONG :]
        one, other = set(tail[::2]), set(tail[1::2])
        return len(tail) == 2 * PING_PONG and len(one) == len(other) == 1 and one != other


def is_degenerate(text: str) -> bool:
    """Whether a text says one phrase over and over; tables and logs in code blocks are no prose."""
    prose = "\n".join(text.split("```")[::2])
    words = prose.split()
    if len(words) < _WORDS * _MOST_PHRASES:
        return False
    phrases = Counter(tuple(words[at : at + _WORDS]) for at in range(len(words) - _WORDS + 1))
    return max(phrases.values()) > _MOST_PHRASES
