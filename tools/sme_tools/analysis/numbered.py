"""A long text by numbered lines, so that any place in it can be named and come back to.

    812│ a line
    813│ the beginning of a long line …[+11600]
    813:401│… the same line from its column 401 …[+11200]

Lines end at a newline and nowhere else; both lines and columns count from 1. A JSON document on
one line is laid out first.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from sme_tools.analysis.json_layout import laid_out

MOST_WIDTH = 400
"""Characters of one line that are shown at once, among others."""
MOST_CHARS = 6000
"""Of one page, by default."""


@dataclass(frozen=True, slots=True)
class Piece:
    """A line, or a stretch of one."""

    number: int
    text: str
    """Exactly as the line has it."""
    column: int = 1
    rest: int = 0
    """Characters of the line that come after."""

    def render(self, digits: int = 1) -> str:
        """`NUMBER│ text`, or `NUMBER:COLUMN│…text` where it is not the line's beginning."""
        where = f"{self.number:>{digits}}" + (f":{self.column}" if self.column > 1 else "")
        more = f" …[+{self.rest}]" if self.rest else ""
        return f"{where}│{'…' if self.column > 1 else ' '}{self.text}{more}"


@dataclass(frozen=True)
class Page:
    """Lines in a row."""

    pieces: tuple[Piece, ...]
    total_lines: int
    next_line: int | None
    """Where the next page begins; None after the last line."""
    next_column: int = 1

    def render(self) -> str:
        """The lines with their numbers."""
        digits = len(str(self.pieces[-1].number)) if self.pieces else 1
        return "\n".join(piece.render(digits) for piece in self.pieces)


def lines_of(text: str) -> list[str]:
    """The lines that numbers count, without white space at their ends."""
    lines = laid_out(text).split("\n")
    if lines[-1] == "":
        lines.pop()
    return [line.rstrip() for line in lines]


def piece_of(lines: Sequence[str], number: int, *, column: int = 1, width: int) -> Piece:
    """At most `width` characters of a line, from a column on."""
    line = lines[number - 1]
    text = line[column - 1 : column - 1 + width]
    return Piece(number, text, column, max(len(line) - (column - 1 + len(text)), 0))


def page(
    text: str, first_line: int, lines: int, *, column: int = 1, most_chars: int = MOST_CHARS
) -> Page:
    """So many lines from a line on; a negative first line counts from the end.

    Of one line alone as much is shown as fits, from `column` on; of several, at most `MOST_WIDTH`
    characters each, the first from `column` on. A place after the end gives an empty page.
    """
    all_lines = lines_of(text)
    first = max(first_line if first_line > 0 else len(all_lines) + 1 + first_line, 1)
    lines, column = max(lines, 1), max(column, 1)
    pieces: list[Piece] = []
    left = most_chars
    for number in range(first, min(first + lines, len(all_lines) + 1)):
        width = max(most_chars, 1) if lines == 1 else MOST_WIDTH
        piece = piece_of(all_lines, number, column=column if number == first else 1, width=width)
        left -= len(piece.text) + len(str(number)) + 2
        if left < 0 and pieces:
            break
        pieces.append(piece)
    return Page(tuple(pieces), len(all_lines), *_next(pieces, first, len(all_lines), lines))


def _next(pieces: Sequence[Piece], first: int, total: int, asked: int) -> tuple[int | None, int]:
    """The place after the page."""
    if asked == 1 and pieces and pieces[0].rest:
        return first, pieces[0].column + len(pieces[0].text)
    after = pieces[-1].number + 1 if pieces else first
    return (after if after <= total else None), 1
