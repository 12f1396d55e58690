"""Standard output: JSON, tables and passages, as wide as the terminal or, in a pipe, unbroken.

Standard error takes whatever is no answer: complaints and notes.
"""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from sme_tools.safety.control import one_line, visible

if TYPE_CHECKING:
    from rich.console import Console

PIPE_WIDTH = 10_000
"""Wide enough that a line in a pipe is never broken."""
WIDE = 60
"""From so many columns on a table's first column is kept whole."""


def console(*, stderr: bool = False) -> Console:
    """A rich console on stdout or stderr; honours NO_COLOR and the terminal's width."""
    from rich.console import Console

    stream = sys.stderr if stderr else sys.stdout
    width = None if stream.isatty() else PIPE_WIDTH
    return Console(stderr=stderr, width=width, highlight=False, soft_wrap=width is not None)


def complain(message: str, remedy: str = "") -> None:
    """On stderr: what failed and, if there is something, what to do about it."""
    sys.stderr.write(f"sme: {visible(message)}\n")
    for line in visible(remedy).splitlines():
        sys.stderr.write(f"     {line.strip()}\n")


def note(text: str) -> None:
    """On stderr: something worth knowing that is no failure."""
    sys.stderr.write(visible(text) + "\n")


@contextmanager
def reader_may_leave() -> Iterator[None]:
    """In this block it is no failure if the reader of our output goes: `sme … | head`."""
    try:
        yield
        sys.stdout.flush()
    except BrokenPipeError:
        silence_stdout()


def silence_stdout() -> None:
    """Nothing more can be written; the interpreter must not complain when it flushes at the end."""
    nowhere = os.open(os.devnull, os.O_WRONLY)
    os.dup2(nowhere, sys.stdout.fileno())
    os.close(nowhere)


def print_json(document: object) -> None:
    """One JSON document; non-ASCII stays readable where the output can take it."""
    plain = not (sys.stdout.encoding or "").lower().startswith("utf")
    sys.stdout.write(json.dumps(document, indent=2, ensure_ascii=plain, default=str) + "\n")


def print_text(text: str) -> None:
    """Text from a host or a file, without anything that could move the cursor."""
    sys.stdout.write(visible(text).rstrip("\n") + "\n")


def print_table(headers: Sequence[str], rows: Iterable[Sequence[Any]], *, empty: str) -> None:
    """Rows under headers; in a pipe as tab-separated lines. `empty` is said on stderr."""
    cells = [[one_line("" if value is None else str(value)) for value in row] for row in rows]
    if not cells:
        sys.stderr.write(empty + "\n")
        return
    if not sys.stdout.isatty():
        sys.stdout.write("\t".join(headers) + "\n")
        sys.stdout.writelines("\t".join(row) + "\n" for row in cells)
        return
    from rich.table import Table
    from rich.text import Text

    screen = console()
    table = Table(box=None, pad_edge=False, header_style="bold")
    filled = [index for index in range(len(headers)) if any(row[index] for row in cells)]
    for index in filled:
        # Names come first; broken ones can't be copied.
        whole = index == 0 and screen.width >= WIDE
        table.add_column(headers[index], overflow="fold", no_wrap=whole)
    for row in cells:
        table.add_row(*(Text(row[index]) for index in filled))
    screen.print(table)
