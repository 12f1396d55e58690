"""Regular expressions from somebody who may mean ill, or know no better: a model.

Python's `re` can take for ever on `(a+)+$` and can't be stopped. The `regex` package can, so each
pattern has so much time for all the text it is tried on, and then there is an error.
"""

from __future__ import annotations

import time
from typing import Any

from sme_tools.errors import PatternInvalid

MOST_CHARS = 500
"""Of a pattern."""
MOST_SECONDS = 3.0
"""For all that a pattern is tried on."""
MOST_LINE_CHARS = 100_000
"""Of one line that are looked at."""


class GuardedPattern:
    """A regular expression, or plain text, that can't hang; case is ignored.

    Raises:
        PatternInvalid: it is empty, too long or no regular expression.
    """

    def __init__(
        self, pattern: str, *, is_regex: bool = True, most_seconds: float = MOST_SECONDS
    ) -> None:
        import regex  # type: ignore[import-untyped]

        if not pattern:
            raise PatternInvalid("the pattern is empty", remedy="Say what to search for.")
        if len(pattern) > MOST_CHARS:
            raise PatternInvalid(f"the pattern has more than {MOST_CHARS} characters")
        self.text = pattern
        self._left = most_seconds
        try:
            self._pattern = regex.compile(
                pattern if is_regex else regex.escape(pattern), regex.IGNORECASE
            )
        except (regex.error, RecursionError, OverflowError) as error:
            raise PatternInvalid(f"{pattern!r} is no regular expression: {error}") from error

    @property
    def groups(self) -> int:
        """How many groups it captures."""
        return int(self._pattern.groups)

    @property
    def names(self) -> frozenset[str]:
        """Of its named groups."""
        return frozenset(self._pattern.groupindex)

    def number_of(self, name: str) -> int:
        """The number of a named group, counted from 1."""
        return int(self._pattern.groupindex[name])

    def search(self, line: str) -> Any:  # noqa: ANN401 - regex has no types
        """The first match, like `re.Match`, or None.

        Raises:
            PatternInvalid: the time is used up.
        """
        began = time.perf_counter()
        try:
            return self._pattern.search(line[:MOST_LINE_CHARS], timeout=max(self._left, 0.001))
        except TimeoutError as error:
            raise PatternInvalid(f"{self.text!r} takes too long on this text") from error
        finally:
            self._left -= time.perf_counter() - began
