"""Markdown that arrives in pieces, cut where what came so far can't change any more.

A paragraph ends with an empty line, a list item with the next one, a line of a code block with
itself. What is open may still become something else, and is given as it is.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field

from sme_tools.safety.control import visible

_HELD_BACK = re.compile("[\x1b\x90\x98\x9b\x9d-\x9f]")
"""What begins an escape sequence: cut into pieces its end might come later, or never."""
_FENCE = re.compile(r"^ {0,3}(`{3,}(?=[^`]*$)|~{3,})")
_ITEM = re.compile(r"^( {0,3})(?:[-*+]|\d{1,9}[.)])(?: +|$)")
_HEADING = re.compile(r"^ {0,3}#{1,6}(?: |$)")
_INTERRUPTS = re.compile(r"^ {0,3}(?:[-*+]|1[.)]) +\S")
"""An item that may follow a paragraph without an empty line: CommonMark 5.3."""


@dataclass(frozen=True)
class Block:
    """A piece of Markdown that is complete."""

    text: str
    is_code: bool = False
    """Whether it is one line of a code block, to be shown as it is."""
    gap: bool = False
    """Whether an empty line stands before it."""


def harmless(text: str) -> str:
    """The text of a model without what could control the terminal, whatever follows it."""
    return visible(_HELD_BACK.sub("�", text).replace("\r", ""))


@dataclass
class Blocks:
    """Takes pieces of Markdown and gives complete blocks; `open` is what is not complete."""

    _rest: str = ""
    """The line that has not ended."""
    _lines: list[str] = field(default_factory=list)
    """Of the block that has not ended."""
    _fence: str = ""
    """What the code block that is open began with."""
    _inner_fence: str = ""
    """The same within a list item."""
    _empty_before: bool = False
    _any: bool = False

    @property
    def open(self) -> Block | None:
        """What came and may still change; None if there is nothing."""
        if self._fence:
            return Block(self._rest, is_code=True) if self._rest else None
        lines = [*self._lines, *([self._rest] if self._rest else [])]
        text = "\n".join(lines).strip("\n")
        return Block(text, gap=self._has_gap) if text else None

    def feed(self, text: str) -> list[Block]:
        """Take a piece; gives the blocks that it completes."""
        *lines, self._rest = (self._rest + harmless(text)).split("\n")
        return [block for line in lines for block in self._line(line)]

    def end(self) -> list[Block]:
        """Nothing more comes: gives what is left."""
        rest, self._rest = self._rest, ""
        blocks = self._line(rest) if rest else []
        self._fence = ""
        return [*blocks, *self._close()]

    def _line(self, line: str) -> list[Block]:
        if self._fence:
            return self._code(line)
        if self._inner_fence or (self._in_list and self._opens_inner_fence(line)):
            return self._inner_code(line)
        if fence := _FENCE.match(line):
            closed = self._close()
            self._fence = fence[1]
            self._empty_before = self._any
            return closed
        if not line.strip():
            return self._empty_line()
        if self._ends_before(line):
            closed = self._close()
            self._lines.append(line)
            return closed + (self._close() if _HEADING.match(line) else [])
        self._lines.append(line)
        return self._close() if _HEADING.match(line) else []

    def _code(self, line: str) -> list[Block]:
        if _closes(line, self._fence):
            self._fence = ""
            self._empty_before = True
            return []
        gap, self._empty_before = self._empty_before and self._any, False
        self._any = True
        return [Block(line, is_code=True, gap=gap)]

    def _opens_inner_fence(self, line: str) -> bool:
        if line.startswith(("  ", "\t")) and (fence := _FENCE.match(line.strip())):
            self._inner_fence = fence[1]
            self._lines.append(line)
            return True
        return False

    def _inner_code(self, line: str) -> list[Block]:
        if self._lines[-1] is not line:
            self._lines.append(line)
            if _closes(line, self._inner_fence):
                self._inner_fence = ""
        return []

    def _empty_line(self) -> list[Block]:
        if self._in_list:
            self._lines.append("")
            return []
        closed = self._close()
        self._empty_before = True
        return closed

    @property
    def _in_list(self) -> bool:
        return bool(self._lines) and _ITEM.match(self._lines[0]) is not None

    def _ends_before(self, line: str) -> bool:
        """Whether the open block is over before this line."""
        if not self._lines:
            return False
        if _HEADING.match(line):
            return True
        if self._in_list:
            item = _ITEM.match(line)
            first = _ITEM.match(self._lines[0])
            assert first is not None
            if item is not None and len(item[1]) <= len(first[1]) + 1:
                return True
            return not self._lines[-1].strip() and not line.startswith(("  ", "\t"))
        return _INTERRUPTS.match(line) is not None

    def _close(self) -> list[Block]:
        """End the open block."""
        lines, self._lines, self._inner_fence = self._lines, [], ""
        trailing = bool(lines) and not lines[-1].strip()
        text = "\n".join(lines).strip("\n")
        if not text:
            return []
        block = Block(text, gap=self._has_gap)
        self._any, self._empty_before = True, trailing or not _ITEM.match(text)
        return [block]

    @property
    def _has_gap(self) -> bool:
        return self._any and self._empty_before


def _closes(line: str, fence: str) -> bool:
    """Whether the line ends a code block that began like this."""
    found = re.match(r"^\s*(`{3,}|~{3,})\s*$", line)
    return found is not None and found[1][0] == fence[0] and len(found[1]) >= len(fence)
