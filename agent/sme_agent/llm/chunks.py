"""The bytes of an answer as the events in it: server-sent events, lines of JSON, or one document.

Which of them it is, is told from the first character; what the headers say is often wrong.
"""

from __future__ import annotations

import codecs
import json
from collections.abc import Iterable, Iterator
from typing import Any

Event = dict[str, Any]
_DONE = "[DONE]"
_SHOWN = 200


class Done:
    """The server says that the answer is complete."""


class NoAnswer(Exception):
    """What came is none of these: a login page of a proxy, say. The message shows its beginning."""


def events(data: Iterable[bytes]) -> Iterator[Event | Done]:
    """The events, as they come.

    Raises:
        NoAnswer: something that is no event.
    """
    text = _decoded(data)
    first = next((chunk for chunk in text if chunk.strip()), "")
    start = first.lstrip("\ufeff \t\r\n")
    if start.startswith(("{", "[")):
        yield from _json(start, text)
    elif start.startswith("<"):
        raise NoAnswer(_shown(start))
    else:
        yield from _sse(_lines(start, text))


def _decoded(data: Iterable[bytes]) -> Iterator[str]:
    decoder = codecs.getincrementaldecoder("utf-8")(errors="replace")
    for chunk in data:
        yield decoder.decode(chunk)
    yield decoder.decode(b"", final=True)


def _lines(first: str, rest: Iterable[str]) -> Iterator[str]:
    """Lines by CR, LF or both, and nothing else: JSON may hold other line separators."""
    held, after_cr = "", False
    for chunk in _chain(first, rest):
        text = chunk[1:] if after_cr and chunk.startswith("\n") else chunk
        after_cr = chunk.endswith("\r")
        *whole, held = (held + text.replace("\r\n", "\n").replace("\r", "\n")).split("\n")
        yield from whole
    if held:
        yield held


def _chain(first: str, rest: Iterable[str]) -> Iterator[str]:
    yield first
    yield from rest


def _sse(lines: Iterable[str]) -> Iterator[Event | Done]:
    kind, data = "", list[str]()
    for line in lines:
        if not line:
            if data:
                yield from _event(kind, "\n".join(data))
            kind, data = "", []
            continue
        field, _, value = line.partition(":")
        value = value.removeprefix(" ")
        if field == "data":
            if data and _is_whole(data):
                # Some servers leave out the blank line between events.
                yield from _event(kind, "\n".join(data))
                data = []
            data.append(value)
        elif field == "event":
            kind = value.strip()
        elif field.startswith(("{", "<")):
            data.append(line)
    if data:
        yield from _event(kind, "\n".join(data))


def _is_whole(data: list[str]) -> bool:
    text = "\n".join(data).strip()
    return text == _DONE or _parsed(text) is not None


def _event(kind: str, text: str) -> Iterator[Event | Done]:
    text = text.strip()
    if not text:
        return
    if text == _DONE:
        yield Done()
        return
    value = _parsed(text)
    if not isinstance(value, dict):
        if kind == "error":
            yield {"error": {"message": text}}
            return
        raise NoAnswer(_shown(text))
    if kind == "error" and not value.get("error"):
        yield {"error": value}
        return
    yield value


def _json(first: str, rest: Iterator[str]) -> Iterator[Event]:
    """One value after another, or a list of them, each as soon as it is complete."""
    decoder = json.JSONDecoder()
    held, in_list = first, first.startswith("[")
    if in_list:
        held = held[1:]
    more = True
    while True:
        held = held.lstrip(" \t\r\n" + (",]" if in_list else ""))
        if held and ("}" in held or not more):
            try:
                value, end = decoder.raw_decode(held)
            except json.JSONDecodeError:
                if not more:
                    raise NoAnswer(_shown(held)) from None
            else:
                if not isinstance(value, dict):
                    raise NoAnswer(_shown(held))
                held = held[end:]
                yield value
                continue
        if not more:
            return
        held, more = _with_next_line(held, rest)


def _with_next_line(held: str, rest: Iterator[str]) -> tuple[str, bool]:
    """More text, up to the end of a line: a document in many pieces is not tried at each."""
    parts = [held]
    for chunk in rest:
        parts.append(chunk)
        if "\n" in chunk or "}" in chunk:
            return "".join(parts), True
    return "".join(parts), False


def _parsed(text: str) -> object:
    try:
        value: object = json.loads(text)
    except ValueError:
        return None
    return value


def _shown(text: str) -> str:
    line = " ".join(text.split())
    return line if len(line) <= _SHOWN else line[:_SHOWN] + "…"
