"""Labelled lines, laid out for a terminal of any width or, in a pipe, one line each."""

from __future__ import annotations

import re
import sys
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Literal

from sme_cli.render.out import console
from sme_tools.safety.control import one_line, visible

if TYPE_CHECKING:
    from rich.console import Console
    from rich.text import Text

LABEL_WIDTH = 12
NARROW = 60
"""Below so many columns a label stands above its lines instead of beside them."""
QUOTE_LINES = 2
"""So many lines of the screen a quotation may take."""

_HANGING = re.compile(r"(?:\d+\. |└ )?")
"""What the continuation of a line stands to the right of."""
_ASCII = {
    "✓": "OK", "✗": "X", "·": "-", "└": "`-", "→": "->", "…": "...", "“": '"', "”": '"',
    "──": "--", "’": "'", "–": "-", "—": "-", "≥": ">=", "×": "x",
}  # fmt: skip


@dataclass(frozen=True)
class Line:
    """One thing to read. `note` is shown dimmed behind it.

    text: is wrapped. command: is never broken, so that it can be copied. quote: what a host said;
    on a terminal it is cut rather than let flood the screen.
    """

    text: str
    note: str = ""
    kind: Literal["text", "command", "quote"] = "text"


@dataclass
class Section:
    """A label and its lines. `begins_block` sets it off from what is above."""

    label: str
    lines: list[Line] = field(default_factory=list)
    begins_block: bool = False


def print_sections(head: str, facts: str, style: str, sections: Iterable[Section]) -> None:
    """Print a headline, a line of facts about it, and the sections that have lines."""
    filled = [section for section in sections if section.lines]
    if sys.stdout.isatty():
        _on_terminal(one_line(head), one_line(facts), style, filled)
        return
    sys.stdout.write(as_encodable(f"{one_line(head)}  [{one_line(facts)}]\n"))
    for section in filled:
        for number, line in enumerate(section.lines):
            label = f"{section.label}:" if number == 0 else ""
            tail = f"  [{one_line(line.note)}]" if line.note else ""
            text = f"{label:<{LABEL_WIDTH}} {_said(line)}{tail}"
            sys.stdout.write(as_encodable(text.rstrip() + "\n"))


def as_encodable(text: str) -> str:
    """The text as the output's encoding can show it."""
    encoding = sys.stdout.encoding or "ascii"
    try:
        text.encode(encoding)
    except UnicodeEncodeError:
        for fancy, plain in _ASCII.items():
            text = text.replace(fancy, plain)
        return text.encode(encoding, "replace").decode(encoding)
    return text


def _said(line: Line) -> str:
    """The line as one line. Spaces within stay as they were: a quoted line is an exact one."""
    text = " ".join(visible(line.text).split("\n")).rstrip()
    if line.kind == "command":
        command = text.lstrip()
        return f"{text[: -len(command)]}$ {command}" if command else ""
    return text


def _on_terminal(head: str, facts: str, style: str, sections: list[Section]) -> None:
    from rich.text import Text

    screen = console()
    _put(screen, Text(as_encodable(head), style=style), 0)
    _put(screen, Text(as_encodable(facts), style="dim"), 2)
    screen.print()
    beside = screen.width >= NARROW
    indent = LABEL_WIDTH + 2 if beside else 2
    for number, section in enumerate(sections):
        if section.begins_block and number:
            screen.print()
        label = Text(section.label.ljust(indent) if beside else section.label, style="bold")
        if not beside:
            screen.print(label)
        for place, line in enumerate(section.lines):
            first = label if beside and place == 0 else Text(" " * indent)
            _put_line(screen, line, first, indent)


def _put_line(screen: Console, line: Line, first: Text, indent: int) -> None:
    """Print a line behind `first`, its continuation below its own beginning."""
    from rich.text import Text

    if line.kind == "command":
        command = Text(as_encodable(_said(line)), style="cyan")
        screen.print(Text.assemble(first, command), soft_wrap=True)
        return
    width = max(screen.width - indent, 10)
    text = visible(line.text)
    if line.kind == "quote":
        text = _cut(_said(line), width * QUOTE_LINES)
    body = Text(as_encodable(text))
    hang = len(_HANGING.match(text)[0])  # type: ignore[index]
    if line.note:
        body.append(f"  {as_encodable(one_line(line.note))}", style="dim")
    for number, piece in enumerate(_wrapped(screen, body, width, hang)):
        lead = first if number == 0 else Text(" " * (indent + hang))
        screen.print(Text.assemble(lead, piece), soft_wrap=True)


def _put(screen: Console, text: Text, indent: int) -> None:
    from rich.text import Text

    for piece in _wrapped(screen, text, max(screen.width - indent, 10), 0):
        screen.print(Text.assemble(" " * indent, piece), soft_wrap=True)


def _wrapped(screen: Console, text: Text, width: int, hang: int) -> Iterator[Text]:
    """The text in pieces of at most `width` cells, all but the first `hang` cells narrower."""
    pieces = text.wrap(screen, width, overflow="fold")
    yield pieces[0]
    if len(pieces) > 1:
        rest = text[len(pieces[0].plain) :]
        blanks = len(rest.plain) - len(rest.plain.lstrip())
        yield from rest[blanks:].wrap(screen, max(width - hang, 10), overflow="fold")


def _cut(text: str, cells: int) -> str:
    """The text in at most so many cells; runs of spaces go first."""
    from rich.cells import cell_len, set_cell_size

    if cell_len(text) <= cells:
        return text
    text = " ".join(text.split())
    if cell_len(text) <= cells:
        return text
    return set_cell_size(text, cells - 2).rstrip() + "…"
