"""JSON as models write it: mended where it is clear what was meant, refused where it is not.

Mended: line breaks within strings, trailing commas, single quotes, Python's True, False and None,
keys without quotes, quotes within strings, a code fence around it, closing brackets that are
missing at the end. Text that breaks off within a value is never completed: what it would have said
is not known.
"""

from __future__ import annotations

import json
import re
from typing import Any, NoReturn, TypeAlias

Json: TypeAlias = "bool | int | float | str | list[Json] | dict[str, Json] | None"

DEEPEST = 100
"""Levels. Nothing that a tool takes is nested deeper."""

_FENCE = re.compile(r"```[\w-]*")
_WRAPPED = re.compile(r"\":[ \t]*\n")
_STRING_STOP = re.compile(r"[\"'\\\n]")
_WORD = re.compile(r"[A-Za-z_$][\w$-]*")
_NUMBER = re.compile(r"-?(?:0|[1-9]\d*)(?:\.\d+)?(?:[eE][+-]?\d+)?(?![\w.])")
_SPACE = re.compile(r"\s*")
_AFTER_STRING = re.compile(r"\s*(?:[,:}\]]|\Z)")
_HALF = re.compile(r"\\u[dD][89a-fA-F]")
_UNICODE = re.compile(r"(?:\\u[0-9a-fA-F]{4})+")
_LITERALS = {"true": True, "True": True, "false": False, "False": False}
_NOTHING = frozenset(("null", "None"))
_ESCAPES = {"n": "\n", "t": "\t", "r": "\r", "b": "\b", "f": "\f"}


def repair_arguments(text: str) -> dict[str, Any] | None:
    """The arguments of a call; None if they are no JSON object even after repair."""
    if not text.strip():
        return {}
    value = lenient_json(text)
    if isinstance(value, str):
        value = lenient_json(value)
    return value if isinstance(value, dict) else None


def strict_json(text: str) -> Json:
    """The value of a JSON text.

    Raises:
        ValueError: it is not JSON, or says NaN or Infinity, or is nested too deeply.
    """
    try:
        value: Json = json.loads(text, parse_constant=_refuse)
    except RecursionError:
        raise ValueError("nested too deeply") from None
    return _whole_characters(value) if _HALF.search(text) else value


def lenient_json(text: str, *, complete: bool = False) -> Json:
    """The value of a JSON text, mended if need be; None if that can't be done.

    Args:
        text: The JSON text, perhaps within a code fence.
        complete: Whether all brackets must be closed.
    """
    try:
        return strict_json(text)
    except ValueError:
        pass
    try:
        return _Mender(unfenced(text), complete).read()
    except (ValueError, IndexError):
        return None


def unfenced(text: str) -> str:
    """What a code fence holds; other text as it is, without the space around it."""
    text = text.strip()
    opening = _FENCE.match(text)
    return text[opening.end() :].removesuffix("```").strip() if opening else text


def _whole_characters(value: Json) -> Json:
    """The same, with question marks for halves of characters, which nothing could write down."""
    whole: Json = json.loads(json.dumps(value, ensure_ascii=False).encode("utf-8", "replace"))
    return whole


def _refuse(constant: str) -> NoReturn:
    raise ValueError(f"{constant} is not JSON")


class _Mender:
    """Reads one value, tolerantly. Raises ValueError or IndexError where it can't."""

    def __init__(self, text: str, complete: bool) -> None:
        self._text = text
        self._at = 0
        self._depth = 0
        self._complete = complete
        # Only text whose lines were broken to a width has a break between a key and its value; the
        # breaks within its strings are of the same making, and stand for spaces.
        self._wrapped = _WRAPPED.search(text) is not None

    def read(self) -> Json:
        value = self._value()
        self._skip()
        if self._at < len(self._text):
            raise ValueError("text after the value")
        return value

    def _skip(self) -> str:
        """Go past space; the character there, empty at the end."""
        space = _SPACE.match(self._text, self._at)
        self._at = space.end() if space else self._at
        return self._text[self._at : self._at + 1]

    def _value(self) -> Json:
        char = self._skip()
        if char == "{":
            return self._object()
        if char == "[":
            return self._array()
        if char in ("'", '"'):
            return self._string(char)
        return self._literal()

    def _literal(self) -> Json:
        number = _NUMBER.match(self._text, self._at)
        if number:
            if number.end() == len(self._text) and self._depth:
                raise ValueError("a number that may go on")
            self._at = number.end()
            return strict_json(number[0])
        word = _WORD.match(self._text, self._at)
        if word is None or not (word[0] in _LITERALS or word[0] in _NOTHING):
            raise ValueError("a word that is no value")
        self._at = word.end()
        return _LITERALS.get(word[0])

    def _enter(self) -> None:
        self._at += 1
        self._depth += 1
        if self._depth > DEEPEST:
            raise ValueError("nested too deeply")

    def _closed(self, bracket: str, *, after_value: bool) -> bool:
        """Whether the object or array ends here; goes past its bracket."""
        char = self._skip()
        if char == "" and after_value and not self._complete:
            self._depth -= 1
            return True
        if char == bracket:
            self._at += 1
            self._depth -= 1
            return True
        return False

    def _object(self) -> dict[str, Json]:
        self._enter()
        result: dict[str, Json] = {}
        if self._closed("}", after_value=False):
            return result
        while True:
            key = self._key()
            if self._skip() != ":":
                raise ValueError("a key without a value")
            self._at += 1
            result[key] = self._value()
            if self._closed("}", after_value=True):
                return result
            self._comma()
            if self._closed("}", after_value=False):
                return result

    def _array(self) -> list[Json]:
        self._enter()
        result: list[Json] = []
        if self._closed("]", after_value=False):
            return result
        while True:
            result.append(self._value())
            if self._closed("]", after_value=True):
                return result
            self._comma()
            if self._closed("]", after_value=False):
                return result

    def _comma(self) -> None:
        if self._skip() != ",":
            raise ValueError("no comma between values")
        self._at += 1

    def _key(self) -> str:
        char = self._skip()
        if char in ("'", '"') and char:
            return self._string(char)
        word = _WORD.match(self._text, self._at)
        if word is None:
            raise ValueError("no key")
        self._at = word.end()
        return word[0]

    def _string(self, quote: str) -> str:
        parts: list[str] = []
        self._at += 1
        while True:
            stop = _STRING_STOP.search(self._text, self._at)
            if stop is None:
                raise ValueError("a string that breaks off")
            parts.append(self._text[self._at : stop.start()])
            self._at = stop.end()
            if stop[0] == "\\":
                parts.append(self._escape())
            elif stop[0] == quote and _AFTER_STRING.match(self._text, self._at):
                return "".join(parts)
            elif stop[0] == "\n" and self._wrapped:
                self._skip()
                parts[-1] = parts[-1].rstrip() + " "
            else:
                parts.append(stop[0])

    def _escape(self) -> str:
        codes = _UNICODE.match(self._text, self._at - 1)
        if codes:
            self._at = codes.end()
            return str(strict_json(f'"{codes[0]}"'))
        char = self._text[self._at]
        self._at += 1
        if char in "\"'\\/\n":
            return char
        # No escape of JSON, as in a regular expression or a Windows path: the backslash is meant.
        return _ESCAPES.get(char, "\\" + char)
