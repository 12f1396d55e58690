"""Blocks of Markdown as lines for a terminal of any colours."""

from __future__ import annotations

import re
from functools import cache
from typing import TYPE_CHECKING

from sme_cli.chat.blocks import Block, Blocks

if TYPE_CHECKING:
    from rich.console import Console
    from rich.markdown import Markdown
    from rich.text import Text

MOST_WIDTH = 100
"""Longer lines of prose are hard to read."""
CODE_INDENT = "    "
_SECOND_COLUMN = re.compile(r" *\S.*? {2,}(?=\S)| *\d+\. ")

STYLES = {
    # No background and no shade of grey: what is on them may be dark or light.
    "markdown.h1": "bold underline",
    "markdown.h2": "bold",
    "markdown.h3": "bold",
    "markdown.h4": "bold italic",
    "markdown.code": "cyan",
    "markdown.code_block": "cyan",
    "markdown.block_quote": "italic",
    "markdown.list": "none",
    "markdown.item.bullet": "bold",
    "markdown.item.number": "bold",
    "markdown.link": "underline",
    "markdown.link_url": "underline",
    "markdown.table.border": "dim",
    "markdown.table.header": "bold",
}


def render(block: Block, screen: Console) -> list[Text]:
    """The lines of a block, with the empty one before it; a line of code is one, however long."""
    from rich.text import Text

    lines = [Text("")] if block.gap else []
    if block.is_code:
        return [*lines, Text((CODE_INDENT + block.text.expandtabs(8)).rstrip(), style="cyan")]
    width = max(min(screen.width - 1, MOST_WIDTH), 1)
    options = screen.options.update(width=width, highlight=False)
    rendered = []
    for segments in screen.render_lines(_parsed(block.text), options, pad=False):
        line = Text.assemble(*((s.text, s.style or "") for s in segments if not s.control))
        line.rstrip()
        rendered.append(line)
    while rendered and not rendered[0].plain:
        rendered.pop(0)
    while rendered and not rendered[-1].plain:
        rendered.pop()
    return [*lines, *rendered]


def print_markdown(text: str, screen: Console) -> None:
    """Print a whole Markdown text."""
    blocks = Blocks()
    for block in [*blocks.feed(text), *blocks.end()]:
        for line in render(block, screen):
            screen.print(line, soft_wrap=True)


def wrapped(line: str, screen: Console) -> list[Text]:
    """A line of plain text in rows; further ones stand below its beginning, or its second column.

    A command (`$ …`) is one, so that it can be copied.
    """
    from rich.text import Text

    if line.lstrip().startswith("$ "):
        return [Text(line)]
    found = _SECOND_COLUMN.match(line)
    hang = found.end() if found else len(line) - len(line.lstrip())
    if hang > screen.width // 2:
        hang = len(line) - len(line.lstrip())
    pieces = Text(line[hang:]).wrap(screen, max(screen.width - 1 - hang, 10), overflow="fold")
    rows = [piece.plain.rstrip() for piece in pieces] or [""]
    return [Text(line[:hang] + rows[0]), *(Text(" " * hang + row) for row in rows[1:])]


def _parsed(text: str) -> Markdown:
    # Without links of the terminal: where one leads would be hidden behind its words.
    return _markdown()(text, hyperlinks=False)


@cache
def _markdown() -> type[Markdown]:
    """rich's Markdown, with code as plain text that can be copied."""
    from rich.console import ConsoleOptions, RenderResult
    from rich.markdown import CodeBlock, Heading, Markdown
    from rich.text import Text

    class PlainCode(CodeBlock):
        def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
            yield Text(str(self.text).rstrip("\n"), style=self.style_name, overflow="fold")

    class LeftHeading(Heading):
        def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
            text = self.text.copy()
            text.justify = "left"
            yield text

    class PlainMarkdown(Markdown):
        elements = {  # noqa: RUF012 - declared by the class it extends
            **Markdown.elements,
            "fence": PlainCode,
            "code_block": PlainCode,
            "heading_open": LeftHeading,
        }

    return PlainMarkdown
