"""JSON on one long line laid out over many, with not a character of it changed but white space."""

from __future__ import annotations

import json
import re

LONG = 160
"""A document that is shorter stays on its line."""
COMPACT = 100
"""An object or list of at most so many characters stays on one line."""
MOST_INDENT = 24
"""Deeper levels are not indented further, so that depth can't make the text grow."""

_TOKEN = re.compile(r'"(?:[^"\\]|\\.)*"|[{}\[\],]')


def laid_out(text: str) -> str:
    """The text with a JSON document of one line laid out; any other text as it is.

    Numbers, strings and escapes keep their spelling, so what is quoted from the layout is found in
    the document, but for white space.
    """
    stripped = text.strip()
    if len(stripped) <= LONG or not stripped.startswith(("{", "[")) or "\n" in stripped:
        return text
    try:
        json.loads(stripped)
    except (ValueError, RecursionError):
        return text
    return "\n".join(_lines(stripped))


def _lines(document: str) -> list[str]:
    """The lines of a valid document: a container that is short is not opened."""
    ends = _ends(document)
    lines: list[str] = []
    depth = begin = skip_to = 0
    for token in _TOKEN.finditer(document):
        at, char = token.start(), token[0]
        if at < skip_to or char.startswith('"'):
            continue
        if char in "{[":
            if ends[at] - at <= COMPACT:
                skip_to = ends[at]
                continue
            _add(lines, document[begin : at + 1], depth)
            depth += 1
        elif char == ",":
            _add(lines, document[begin : at + 1], depth)
        else:
            _add(lines, document[begin:at], depth)
            depth -= 1
            begin = at
            continue
        begin = at + 1
    _add(lines, document[begin:], depth)
    return lines


def _add(lines: list[str], piece: str, depth: int) -> None:
    if piece := piece.strip():
        lines.append(" " * min(depth, MOST_INDENT) + piece)


def _ends(document: str) -> dict[int, int]:
    """Where each object and list ends, by where it begins."""
    ends: dict[int, int] = {}
    opened: list[int] = []
    for token in _TOKEN.finditer(document):
        if token[0] in "{[":
            opened.append(token.start())
        elif token[0] in "}]":
            ends[opened.pop()] = token.end()
    return ends
