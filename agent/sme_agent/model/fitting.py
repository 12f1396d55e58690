"""Making messages shorter until they fit, each no shorter than it has to be.

Nothing is lost by it: results are shown again by their evidence, and what was said is on disk.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from sme_agent.llm.messages import AssistantMessage, Message, ToolMessage
from sme_agent.llm.tokens import estimate, estimate_message
from sme_agent.model.presenting import Presenter
from sme_tools.analysis.digest import FEWEST_CHARS
from sme_tools.hosts.evidence import Evidence
from sme_tools.safety.fence import shortened

FEWEST_TOKENS = 60
"""A message of fewer says nothing."""
WORDS_SHARE = 0.3
"""Of the room, that what the person said last may take before it is made shorter."""
_MOST_CHARS_A_TOKEN = 4
_STEP = 64
"""Limits are rounded down to so many tokens, so that most of them come up again."""


@dataclass(frozen=True)
class Fitting:
    """Makes messages of one conversation shorter."""

    evidence: Mapping[str, Evidence]
    present: Presenter
    _known: dict[tuple[int, int], tuple[Message, Message]] = field(default_factory=dict)
    """Messages and what they become, by identity and limit: a long output takes a second."""

    def fitted(
        self, messages: Sequence[Message], room: int, words: Message | None = None
    ) -> list[Message]:
        """The messages in about so many tokens, the longest made shorter first.

        `words` are what the person said last, which keep more than their share.
        """
        sizes = [estimate_message(message) for message in messages]
        if sum(sizes) <= room:
            return list(messages)
        of_words = min(
            (size for size, m in zip(sizes, messages, strict=True) if m is words), default=0
        )
        kept = min(of_words, int(WORDS_SHARE * room))
        others = [size for size, m in zip(sizes, messages, strict=True) if m is not words]
        level = _level(others, room - kept)
        limits = [max(kept, level) if m is words else level for m in messages]
        return [
            message if size <= limit else self._once(message, max(limit, FEWEST_TOKENS))
            for message, size, limit in zip(messages, sizes, limits, strict=True)
        ]

    def _once(self, message: Message, most_tokens: int) -> Message:
        key = (id(message), max(most_tokens // _STEP * _STEP, FEWEST_TOKENS))
        known = self._known.get(key)
        if known is None or known[0] is not message:
            known = self._known[key] = (message, self._shorter(message, key[1]))
        return known[1]

    def _shorter(self, message: Message, most_tokens: int) -> Message:
        frame = estimate_message(message) - estimate(message.text) + 2
        most_chars = _MOST_CHARS_A_TOKEN * max(most_tokens - frame, FEWEST_TOKENS // 2)
        text = message.text
        while most_chars >= FEWEST_CHARS:
            text = self._text(message, most_chars)
            size = estimate(text) + frame
            if size <= most_tokens:
                break
            most_chars = int(0.9 * most_chars * max(most_tokens - frame, 1) / size)
        return message.model_copy(update={"text": text})

    def _text(self, message: Message, most_chars: int) -> str:
        if isinstance(message, ToolMessage):
            return self._result(message, most_chars)
        plain, mark, data = message.text.partition(f"<<{self.present.fence.marker}")
        if not mark or isinstance(message, AssistantMessage):
            return shortened(message.text, most_chars)
        # A fence that loses its beginning or end would let data pass for words.
        rest = max(most_chars - len(plain), FEWEST_CHARS)
        return f"{shortened(plain, most_chars)}\n{self._fenced(data, 'what was brought', rest)}"

    def _result(self, message: ToolMessage, most_chars: int) -> str:
        items = [self.evidence[id] for id in message.evidence if id in self.evidence]
        if not items:
            return self._fenced(message.text, message.name, most_chars)
        each = most_chars // len(items)
        if each < 2 * FEWEST_CHARS:
            return self.present.text("stored", ids=[item.id for item in items])
        return self.present.evidence(items, most_chars - len(items) * FEWEST_CHARS)

    def _fenced(self, text: str, source: str, most_chars: int) -> str:
        return self.present.fence.around(text, source=source, most_chars=most_chars)


def _level(sizes: Sequence[int], room: int) -> int:
    """The size to which the largest are cut so that all together fit the room."""
    left, count = room, len(sizes)
    for size in sorted(sizes):
        if size * count > left:
            return max(left // count, 0)
        left -= size
        count -= 1
    return max(sizes, default=0)
