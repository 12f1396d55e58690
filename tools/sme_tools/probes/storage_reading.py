"""Reading the text that storage tools print: sizes, escaped paths, tables, NAME='value' pairs."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from typing import Any

_SIZE = re.compile(r"^[<>~]?\s*(\d+(?:[.,]\d+)?)\s*([bkmgtpezyBKMGTPEZY]?)(?:i?[bB]|i)?$")
_POWERS = {unit: power for power, unit in enumerate("KMGTPEZY", 1)} | {"": 0, "B": 0}
_OCTAL = re.compile(r"\\([0-7]{3})")
_PAIR = re.compile(r"([A-Z][A-Z0-9_:%#-]*)=(?:\"([^\"]*)\"|'([^']*)')")


def size_bytes(text: str, *, unit_bytes: int = 1) -> int:
    """Bytes of a size as people print it: "55936", "1.5T", "334Ki", "<20.00g", "0B".

    A number without a suffix counts `unit_bytes`; suffixes are powers of 1024, as in `df -h`,
    `lsblk` and LVM (`df -H` can't be told from `df -h` by its output and reads up to 10 % high).

    Raises:
        ValueError: it is no size.
    """
    match = _SIZE.match(text.strip())
    if not match:
        raise ValueError(f"not a size: {text[:40]!r}")
    number = float(match[1].replace(",", "."))
    suffix = match[2].upper()
    if not suffix and not text.strip().upper().endswith("B"):
        return round(number * unit_bytes)
    return round(number * 1024.0 ** _POWERS[suffix])


def optional_size(text: str, *, unit_bytes: int = 1) -> int | None:
    """`size_bytes`, or None where the tool printed nothing or a dash."""
    return None if text.strip() in ("", "-") else size_bytes(text, unit_bytes=unit_bytes)


def percent(text: str) -> float | None:
    """The number of "84%" or "84"; None of "-" and of nothing."""
    text = text.strip().rstrip("%").replace(",", ".")
    return None if text in ("", "-") else float(text)


def unescape(path: str) -> str:
    """A path of /proc/mounts or fstab, where blanks are octal: `/mnt/a\\040b`. Source: fstab(5)."""
    return _OCTAL.sub(lambda match: chr(int(match[1], 8)), path)


def named_values(line: str) -> dict[str, str]:
    """The pairs of `NAME="sda" SIZE="931G"`: lsblk -P, lvs --nameprefixes."""
    return {match[1]: match[2] or match[3] or "" for match in _PAIR.finditer(line)}


def json_documents(text: str) -> Iterator[Any]:
    """Each JSON object in a text that may hold warnings before, between and after them.

    Raises:
        ValueError: an object begins but does not end.
    """
    decoder = json.JSONDecoder()
    at = 0
    while (match := re.compile(r"^\s*\{", re.MULTILINE).search(text, at)) is not None:
        value, at = decoder.raw_decode(text, text.index("{", match.start()))
        yield value


class Columns:
    """A table whose cells stand under its header, some of them empty: lsblk, lvs, pvs.

    A word belongs to the column whose header it overlaps or is nearest to. Headers of two words
    are known by their second: `PV UUID`, `LV Tags`.
    """

    _HEADER = re.compile(r"\S+(?: (?:UUID|Tags)\b)?")
    _WORD = re.compile(r"\S+")

    def __init__(self, header: str) -> None:
        self._spans = [(m.group(), m.start(), m.end()) for m in self._HEADER.finditer(header)]
        self.names = [name for name, _, _ in self._spans]

    def cells(self, row: str) -> dict[str, str]:
        """The row's cells by header; empty ones are left out, words of one cell are joined."""
        cells: dict[str, str] = {}
        for word in self._WORD.finditer(row):
            name = self._column(word.start(), word.end())
            cells[name] = f"{cells[name]} {word.group()}" if name in cells else word.group()
        return cells

    def _column(self, start: int, end: int) -> str:
        def distance(span: tuple[str, int, int]) -> tuple[int, int]:
            _, left, right = span
            gap = max(left - end, start - right, 0)
            # Of two columns that a long word touches, its own is the one it is flush with.
            return gap, min(abs(left - start), abs(right - end))

        return min(self._spans, key=distance)[0]


def with_options(command: str, options: str) -> tuple[str, ...]:
    """Command lines for a probe's `reads`: the command with each of the options between bars."""
    return tuple(f"{command} {option}".strip() for option in options.split("|"))
