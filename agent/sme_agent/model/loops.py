"""Noticing that a model goes in circles: repeats, ping-pong, errors in a row, degenerate text."""

from __future__ import annotations

import json
import re
from collections import Counter
from dataclasses import dataclass, field
from typing import Literal

from sme_agent.llm.messages import AssistantMessage, ToolCall, ToolMessage

Circle = Literal["repeat", "ping-pong", "errors", "degenerate"]

MOST_REPEATS = 2
"""So often one call may bring the same before it counts as a repeat."""
MOST_CALLS = 5
"""So often one call may be made whatever it brings: a state is waited for only so long."""
MOST_ERRORS = 3
"""Answers in a row of which every call may fail."""
PING_PONG = 3
"""Times that two steps alternate."""
_WORDS = 12
"""The length of the phrases of which degenerate text is made, in words."""
_MOST_PHRASES = 6
_TAIL = 360
"""Characters at the end of a text that are looked at for one piece over and over."""
_TIMES = 6
_NEW_EACH_TIME = re.compile(r"\S+#\d+\b|\d+\.\d s\b")
"""Ids of evidence, and how long a command took."""
_CHANGES = "propose_fix"


@dataclass
class LoopDetector:
    """Watches the answers of one turn and what their calls brought."""

    strikes: int = 0
    """How often a circle was found: first a nudge follows, then no more tools."""
    _brought: Counter[str] = field(default_factory=Counter)
    _made: Counter[str] = field(default_factory=Counter)
    _steps: list[str] = field(default_factory=list)
    _errors: int = 0

    def watch(self, answer: AssistantMessage, results: list[ToolMessage]) -> Circle | None:
        """Take in one answer; gives the circle that it closes, if it does."""
        circle = self._circle(answer, {result.call: result for result in results})
        if circle is not None:
            self.strikes += 1
            self._begin_anew()
        return circle

    def _begin_anew(self) -> None:
        self._brought.clear()
        self._made.clear()
        self._steps.clear()
        self._errors = 0

    def _circle(self, answer: AssistantMessage, results: dict[str, ToolMessage]) -> Circle | None:
        if is_degenerate(answer.text):
            return "degenerate"
        told = [results[call.id] for call in answer.calls if call.id in results]
        if any(result.name == _CHANGES and not result.failed for result in told):
            # After a change the same look tells something new.
            self._begin_anew()
            return None
        self._errors = self._errors + 1 if told and all(one.failed for one in told) else 0
        if self._errors >= MOST_ERRORS:
            return "errors"
        for call in answer.calls:
            result = results.get(call.id)
            brought = _NEW_EACH_TIME.sub("", result.text) if result else ""
            self._made[_same(call)] += 1
            self._brought[f"{_same(call)}\n{brought}"] += 1
        if _most(self._brought) > MOST_REPEATS or _most(self._made) > MOST_CALLS:
            return "repeat"
        if answer.calls:
            self._steps.append("\n".join(map(_same, answer.calls)))
        return "ping-pong" if self._alternates() else None

    def _alternates(self) -> bool:
        tail = self._steps[-2 * PING_PONG :]
        one, other = set(tail[::2]), set(tail[1::2])
        return len(tail) == 2 * PING_PONG and len(one) == len(other) == 1 and one != other


def _same(call: ToolCall) -> str:
    """What two calls have in common that do the same: what for is said otherwise each time."""
    asked = {name: value for name, value in call.arguments.items() if name != "why"}
    return json.dumps([call.name, asked], sort_keys=True, ensure_ascii=False)


def _most(counts: Counter[str]) -> int:
    return max(counts.values(), default=0)


def is_degenerate(text: str) -> bool:
    """Whether a text says one phrase over and over; tables and code are no prose."""
    lines = "\n".join(text.split("```")[::2]).split("\n")
    prose = "\n".join(line for line in lines if not line.lstrip().startswith("|"))
    return _repeats_a_phrase(prose.split()) or _ends_in_repeats(prose.rstrip())


def _repeats_a_phrase(words: list[str]) -> bool:
    if len(words) < _WORDS * _MOST_PHRASES:
        return False
    phrases = Counter(tuple(words[at : at + _WORDS]) for at in range(len(words) - _WORDS + 1))
    return max(phrases.values()) > _MOST_PHRASES


def _ends_in_repeats(text: str) -> bool:
    """Whether the text ends with one piece over and over, words or not."""
    tail = text[-_TAIL:]
    if len(tail) < _TAIL or len(set(tail)) < 2:
        return len(tail) == _TAIL and tail[0].isalnum()
    return any(tail[size:] == tail[:-size] for size in range(2, _TAIL // _TIMES + 1))
