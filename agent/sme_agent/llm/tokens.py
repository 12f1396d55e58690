r"""How many tokens a text has, near enough to plan with, without a tokenizer.

The weights were fitted to cl100k_base on code, logs, command output, JSON, English and other
languages, and then raised, so that they are too low for hardly any text: a prompt that is cut
costs more than one that could have been longer. What a model's own counts say is learned by
`Calibration`.
"""

from __future__ import annotations

import math
import re
import threading
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from sme_agent.llm.messages import AssistantMessage, Message, Tool, ToolMessage
from sme_agent.llm.model import Model, Prompt

PER_MESSAGE = 4
"""Tokens of role and separators."""
PER_TOOL = 12
_WORDS = re.compile(r"[A-Za-z]+")
_PLAIN = tuple(
    (re.compile(pattern), weight)
    for pattern, weight in (
        (r"[a-z][A-Z]|[A-Z]{3}", 1.2),
        (r"\d{1,3}", 1.0),
        (r"[ \t]\d", 0.85),
        (r"[A-Za-z]\d|\d[A-Za-z]", 0.3),
        (r"[!-/:-@\[-`{-~]+", 0.68),
        (r"[!-/:-@\[-`{-~]", 0.12),
        (r"\n\s*", 1.15),
        (r"(?<=\S)[ \t]{2,}", 1.0),
        (r"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f]", 1.0),
    )
)
_OTHER_SCRIPTS = tuple(
    (re.compile(pattern), weight)
    for pattern, weight in (
        ("[\u0080-\u036f]", 1.4),
        ("[\u0370-\u052f]", 0.5),
        ("[\u0530-\u08ff]", 1.0),
        ("[\u0900-\u1fff]", 1.35),
        ("[\u2000-\u2bff]", 1.05),
        ("[\u2c00-\uabff\uf900-\uffff]", 1.0),
        ("[\uac00-\ud7ff]", 1.25),
        ("[\U00010000-\U0010ffff]", 3.0),
    )
)
_LONG_WORD = 5
_PER_WORD = 1.04
_PER_LONG_LETTER = 0.36


def estimate(text: str) -> int:
    """The tokens of a text; about 10 ms for 100 KB."""
    words = _WORDS.findall(text)
    count = _PER_WORD * len(words)
    count += _PER_LONG_LETTER * sum(len(w) - _LONG_WORD for w in words if len(w) > _LONG_WORD)
    count += sum(weight * len(pattern.findall(text)) for pattern, weight in _PLAIN)
    if not text.isascii():
        count += sum(weight * len(pattern.findall(text)) for pattern, weight in _OTHER_SCRIPTS)
    return math.ceil(count)


def estimate_message(message: Message) -> int:
    """The tokens of one message, its calls included."""
    count = PER_MESSAGE + estimate(message.text)
    if isinstance(message, AssistantMessage):
        count += estimate(message.reasoning)
        count += sum(
            PER_TOOL + estimate(call.name) + estimate(str(call.arguments)) for call in message.calls
        )
    elif isinstance(message, ToolMessage):
        count += PER_TOOL
    return count


def estimate_tools(tools: Iterable[Tool]) -> int:
    """The tokens of the tools' descriptions."""
    return sum(
        PER_TOOL + estimate(tool.name) + estimate(tool.description) + estimate(str(tool.parameters))
        for tool in tools
    )


def estimate_wire(messages: Iterable[Mapping[str, Any]]) -> int:
    """The tokens of messages in the form in which they go out, without names of fields."""
    return sum(PER_MESSAGE + sum(map(estimate, _texts_in(message))) for message in messages)


def _texts_in(value: object) -> Iterator[str]:
    if isinstance(value, str):
        yield value
    elif isinstance(value, Mapping):
        for part in value.values():
            yield from _texts_in(part)
    elif isinstance(value, list):
        for part in value:
            yield from _texts_in(part)


class Calibration:
    """How the true counts of each model relate to our estimates; threads may share it.

    Small prompts say little, so each counts by its length. A factor stays between 0.5 and 2: what
    is further off is a server that counts something else.
    """

    def __init__(self) -> None:
        self._seen: dict[str, tuple[float, float]] = {}
        self._lock = threading.Lock()

    def learn(self, model: str, estimated: int, counted: int) -> None:
        """Remember what an answer's usage says of a prompt; `estimated` without the factor."""
        if estimated <= 0 or counted <= 0 or not 0.25 < counted / estimated < 4:
            return
        with self._lock:
            ours, theirs = self._seen.get(model, (0.0, 0.0))
            # The older half as much each time: conversations change from prose to logs.
            self._seen[model] = (ours / 2 + estimated, theirs / 2 + counted)

    def factor(self, model: str) -> float:
        """What our estimates for this model are multiplied by; 1 until something is known."""
        ours, theirs = self._seen.get(model, (0.0, 0.0))
        return min(max(theirs / ours, 0.5), 2.0) if ours else 1.0

    def tokens(self, model: str, estimated: int) -> int:
        """The estimate as it is for this model."""
        return math.ceil(estimated * self.factor(model))


CALIBRATION = Calibration()
"""What this program has learned of all models."""


def prompt_tokens(model: Model, prompt: Prompt) -> int:
    """The tokens of a prompt for this model, by what is known of its counts."""
    count = PER_MESSAGE + estimate(prompt.system) + sum(map(estimate_message, prompt.messages))
    return CALIBRATION.tokens(model.name, count + estimate_tools(prompt.tools))
