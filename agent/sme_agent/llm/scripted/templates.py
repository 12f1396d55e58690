"""Values of a request that are filled in where a plan says `{{…}}`."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from typing import Any

from sme_agent.llm.scripted.asked import Asked

# Where three braces end it, the first belongs to the pattern: {{newest E[0-9]{4}}}.
_TEMPLATE = re.compile(r"\{\{\s*(\w+)(?:[ \t]+(.*?))?[ \t]*\}\}(?!\})", re.S)


class NothingToFillIn(LookupError):
    """The request has not what a template asks of it."""


def check_template(text: str) -> None:
    """Look at every template of a text.

    Raises:
        ValueError: one names a value that does not exist, or has no proper pattern.
    """
    for word, argument in _TEMPLATE.findall(text):
        if word not in VALUES:
            raise ValueError(f"no value is called {word!r}; there are: {', '.join(VALUES)}")
        takes = PATTERNS.get(word)
        if takes is None:
            continue
        shaped = re.fullmatch(takes, argument, re.S)
        if not shaped:
            raise ValueError(f"{{{{{word} {argument}}}}} is not of the form {_USAGE[word]}")
        try:
            re.compile(shaped["pattern"])
        except re.error as error:
            raise ValueError(f"{shaped['pattern']!r}: not a regular expression: {error}") from error


def filled(value: Any, asked: Asked) -> Any:  # noqa: ANN401 - of the form of the value
    """A text, or whatever holds texts, with its templates filled in from the request.

    Raises:
        NothingToFillIn: a pattern occurs nowhere, or a tool has brought no result.
    """
    if isinstance(value, str):
        return _TEMPLATE.sub(lambda found: VALUES[found[1]](asked, found[2] or ""), value)
    if isinstance(value, dict):
        return {key: filled(item, asked) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return type(value)(filled(item, asked) for item in value)
    return value


def texts_in(value: object) -> Iterator[str]:
    """Every text in a value that may hold some."""
    if isinstance(value, str):
        yield value
    elif isinstance(value, dict):
        for item in value.values():
            yield from texts_in(item)
    elif isinstance(value, list | tuple):
        for item in value:
            yield from texts_in(item.model_dump() if hasattr(item, "model_dump") else item)


def _matches(texts: list[str], pattern: str) -> list[str]:
    """What matches, from the oldest; the first group of the pattern, where it has one."""
    found = [
        match[1] if match.re.groups else match[0]
        for text in texts
        for match in re.finditer(pattern, text)
    ]
    if not found:
        raise NothingToFillIn(f"nothing in the messages matches {pattern!r}")
    return found


def _told(asked: Asked) -> list[str]:
    return [said.text for said in asked.told()]


def _nth(asked: Asked, argument: str) -> str:
    number, pattern = argument.split(maxsplit=1)
    different = list(dict.fromkeys(_matches(_told(asked), pattern)))
    if int(number) > len(different):
        raise NothingToFillIn(f"{pattern!r} has {len(different)} different matches, not {number}")
    return different[int(number) - 1]


def _result(asked: Asked, tool: str) -> str:
    for said in reversed(asked.said):
        if said.role == "tool" and said.tool == tool:
            return said.text
    raise NothingToFillIn(f"there is no result of the tool {tool!r}")


def _from(asked: Asked, argument: str) -> str:
    tool, pattern = argument.split(maxsplit=1)
    return _matches([_result(asked, tool)], pattern)[-1]


VALUES: dict[str, Callable[[Asked, str], str]] = {
    "newest": lambda asked, pattern: _matches(_told(asked), pattern)[-1],
    "oldest": lambda asked, pattern: _matches(_told(asked), pattern)[0],
    "nth": _nth,
    "from": _from,
    "result": _result,
    "user": lambda asked, _: asked.newest("user"),
    "model": lambda asked, _: asked.model,
    "turn": lambda asked, _: str(asked.turn),
    "text": lambda _, text: text,
}
"""What can be filled in; docs/scripted-server.md says what each is."""

PATTERNS = {
    "newest": r"(?P<pattern>.+)",
    "oldest": r"(?P<pattern>.+)",
    "nth": r"[1-9]\d*\s+(?P<pattern>.+)",
    "from": r"\S+\s+(?P<pattern>.+)",
}
_USAGE = {
    "newest": "{{newest PATTERN}}",
    "oldest": "{{oldest PATTERN}}",
    "nth": "{{nth NUMBER PATTERN}}",
    "from": "{{from TOOL PATTERN}}",
}
