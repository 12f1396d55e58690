"""An answer that was cut at its length, and what the model continued it with, as one answer."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

from sme_agent.llm.events import Answered, LlmEvent, Text, Withdrawn

LOOK_BACK = 400
"""How many characters a model may repeat of what it had said, in trying to continue it."""
SURE = 16
"""So many equal characters are no accident, wherever they begin."""
AT_A_WORD = 3
"""So many are none where they begin with a word."""


def overlap(said: str, continued: str) -> int:
    """How many characters at the beginning of `continued` repeat the end of `said`."""
    for length in range(min(len(said), len(continued), LOOK_BACK), AT_A_WORD - 1, -1):
        if said.endswith(continued[:length]):
            before = said[: len(said) - length]
            if length >= SURE or not before or not before[-1].isalnum():
                return length
    return 0


class _Seam:
    """Where a continuation begins: what it repeats is left out, and then it is let through."""

    def __init__(self, said: str) -> None:
        self._said = said
        self._held: str | None = ""
        self.new = ""
        """What was let through."""

    def ready(self, piece: str) -> str:
        """What of the continuation can be shown now; it waits only while it repeats something."""
        if self._held is None:
            self.new += piece
            return piece
        self._held += piece
        # While it occurs in what was said last, it may grow until it reaches its end.
        if len(self._held) < LOOK_BACK and self._held in self._said[-LOOK_BACK:]:
            return ""
        return self.rest()

    def rest(self) -> str:
        """What was still held back."""
        held, self._held = self._held or "", None
        shown = held[overlap(self._said, held) :]
        self.new += shown
        return shown


def continued(first: Answered, events: Iterator[LlmEvent]) -> Iterator[LlmEvent]:
    """The events of a continuation of `first`, without repetitions; ends with both as one answer.

    Where a part of the continuation is withdrawn, all that was shown is, and the first part is
    shown again.
    """
    seam = _Seam(first.message.text)
    for event in events:
        if isinstance(event, Text):
            if ready := seam.ready(event.text):
                yield Text(ready)
        elif isinstance(event, Withdrawn):
            yield event
            yield Text(first.message.text)
            seam = _Seam(first.message.text)
        elif isinstance(event, Answered):
            if rest := seam.rest():
                yield Text(rest)
            yield _joined(first, event, seam.new)
        else:
            yield event


def _joined(first: Answered, second: Answered, new: str) -> Answered:
    """Both as one answer, in which `new` follows the text of the first."""
    thoughts = (first.message.reasoning, second.message.reasoning)
    message = second.message.model_copy(
        update={
            "text": first.message.text + new,
            "reasoning": "\n\n".join(filter(None, thoughts)),
            "opaque": first.message.opaque + second.message.opaque,
        }
    )
    return replace(
        second,
        message=message,
        usage=first.usage + second.usage,
        first_token_s=first.first_token_s,
        duration_s=first.duration_s + second.duration_s,
    )
