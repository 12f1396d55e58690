"""Rows that begin with a mark of ours, however long or hostile the text is that they hold.

What a host or a known issue says stands to the right of the mark, on every row. So it can't pass
for a line of this program, and least of all for a question of it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from sme_cli.render.sections import as_encodable
from sme_tools.safety.control import one_line, written_out

if TYPE_CHECKING:
    from rich.console import Console

GOES_ON = "↳"
"""The mark of a row that goes on with the line above it."""
LEAST_WIDTH = 10
LONGEST_HANG = 8
"""What stands below a longer lead would have no room on a narrow terminal."""


def put_command(screen: Console, mark: str, command: str, *, indent: int, style: str = "") -> None:
    """A command to the letter: each of its lines behind `mark`, none of it cut or folded away."""
    from rich.cells import chop_cells
    from rich.text import Text

    width = max(screen.width - indent - 2, LEAST_WIDTH)
    for line in as_encodable(written_out(command)).split("\n"):
        for number, piece in enumerate(chop_cells(line, width) or [""]):
            lead = mark if number == 0 else as_encodable(GOES_ON)[:1]
            row = Text(f"{' ' * indent}{lead} {piece}", style=style)
            screen.print(row, soft_wrap=True)


def put_words(screen: Console, lead: str, text: str, *, indent: int, style: str = "") -> None:
    """A sentence behind `lead`; its further rows stand below its beginning."""
    from rich.text import Text

    hang = indent + (len(lead) if len(lead) <= LONGEST_HANG else 2)
    body = Text(as_encodable(" " * (indent + len(lead) - hang) + one_line(text)))
    pieces = body.wrap(screen, max(screen.width - hang, LEAST_WIDTH), overflow="fold")
    for number, piece in enumerate(pieces or [body]):
        begin = " " * hang + piece.plain.rstrip()
        if number == 0:
            begin = " " * indent + as_encodable(lead) + begin[indent + len(lead) :]
        screen.print(Text(begin, style=style), soft_wrap=True)
