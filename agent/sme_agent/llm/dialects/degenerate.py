"""Text that has become a loop: the same short sequence, over and over.

The limits are far above what an honest answer holds: rules, tables, hex dumps and logs repeat
themselves, but not dozens of times without any difference.
"""

from __future__ import annotations

STEP = 128
"""Characters between two looks at the text, counted from its beginning, so that the result does not
depend on the chunks."""

_LONGEST_UNIT = 240
_WINDOW = 8192
_KEY = _LONGEST_UNIT + 16


class RepetitionGuard:
    """Watches one text grow."""

    def __init__(self) -> None:
        self._tail = ""
        self._recent: list[str] = []
        self._count = 0

    def take(self, text: str, *, code: bool) -> int | None:
        """Go on with the text; how much of it there is when it has become a loop.

        Args:
            text: What comes next.
            code: Whether it stands in a code block, where repetition is less of a sign.
        """
        at = 0
        while at < len(text):
            size = min(len(text) - at, STEP - self._count % STEP)
            self._recent.append(text[at : at + size])
            self._count += size
            at += size
            if self._count % STEP == 0:
                self._tail = "".join([self._tail, *self._recent])[-_WINDOW:]
                self._recent.clear()
                if _is_loop(self._tail, code):
                    return at
        return None


def _is_loop(text: str, code: bool) -> bool:
    if len(text) < 600:
        return False
    key_size = min(_KEY, len(text) // 2)
    before = text.rfind(text[-key_size:], 0, len(text) - 1)
    if before < 0:
        return False
    size = len(text) - key_size - before
    needed = _needed(text[-size:], code)
    if size > _LONGEST_UNIT or needed > len(text):
        return False
    repeated = text[-size:] * (needed // size + 1)
    return text.endswith(repeated[-needed:])


def _needed(unit: str, code: bool) -> int:
    """How many characters of repetition of this unit no honest text has."""
    if code:
        return _WINDOW
    if len(set(unit.strip())) < 2 or not any(char.isalpha() for char in unit):
        return _WINDOW // 2
    return max(600, len(unit) * (48 if len(unit) <= 64 else 32))
