"""Host patterns of ssh_config and known_hosts. Source: ssh_config(5), PATTERNS."""

from __future__ import annotations

from collections.abc import Iterable


def glob(text: str, pattern: str) -> bool:
    """Whether `*` (any run of characters) and `?` (any one) make the pattern equal the text.

    Takes time in proportion to the product of both lengths at worst, whatever the pattern.
    """
    at, star, resume = 0, -1, 0
    position = 0
    while position < len(text):
        if at < len(pattern) and pattern[at] == "*":
            star, resume = at, position
            at += 1
        elif at < len(pattern) and pattern[at] in ("?", text[position]):
            at += 1
            position += 1
        elif star >= 0:
            resume += 1
            at, position = star + 1, resume
        else:
            return False
    return not pattern[at:].strip("*")


def matches(name: str, patterns: Iterable[str]) -> bool:
    """Whether one of the patterns fits and none that begins with `!` does. Case is ignored."""
    name = name.lower()
    found = False
    for pattern in patterns:
        negated = pattern.startswith("!")
        if glob(name, pattern.removeprefix("!").lower()):
            if negated:
                return False
            found = True
    return found
