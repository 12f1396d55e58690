"""Parts of sentences: numbers with their nouns, lists and texts of bounded length."""

from __future__ import annotations

from sme_tools.safety.control import one_line

MOST_NAMED = 3
"""Of hosts, or of probes, in one sentence."""
MOST_WORDS = 160
"""Characters of a symptom, or of a reason, in one sentence."""


def several(names: list[str]) -> str:
    """The first few names, and how many more there are."""
    more = len(names) - MOST_NAMED
    return ", ".join(names[:MOST_NAMED]) + (f" and {more} more" if more > 0 else "")


def count(number: int, noun: str) -> str:
    """`1 finding`, `2 findings`."""
    return f"{number} {noun}{'' if number == 1 else 's'}"


def shortened(text: str) -> str:
    """The text on one line, cut to `MOST_WORDS` characters."""
    text = one_line(text)
    return text if len(text) <= MOST_WORDS else f"{text[:MOST_WORDS]}…"
