"""Where in Markdown text there is code: what stands there is quoted, and never a call."""

from __future__ import annotations

from typing import Literal


class CodeSpans:
    """Follows code blocks and code spans, a little more forgiving than CommonMark.

    A span ends with its line, as a lone backtick is more often a slip than code over several lines;
    but not if it quotes a tag, as a quoted call has several lines.
    """

    def __init__(self) -> None:
        self.line_is_blank = True
        """Whether only space was on the line so far."""
        self._state: Literal["text", "span", "opening", "block"] = "text"
        self._run = ""
        self._quotes = False

    @property
    def inside(self) -> bool:
        """Whether this is code."""
        return self._state != "text"

    @property
    def in_block(self) -> bool:
        """Whether this is a code block."""
        return self._state == "block"

    def quote(self) -> None:
        """Take note that a tag is quoted."""
        self._quotes = True
        self.line_is_blank = False

    def text(self, text: str) -> None:
        """Go on with text that holds no backticks, or none that count."""
        _, line_break, line = text.rpartition("\n")
        if line_break and self._state == "opening":
            self._state = "block"
        elif self._state == "span" and line_break and (not self._quotes or _has_blank(text)):
            self._state = "text"
        self.line_is_blank = (bool(line_break) or self.line_is_blank) and not line.strip()

    def ticks(self, run: str) -> None:
        """Go on with a run of backticks or tildes."""
        if self._state == "text":
            if run.startswith("`") or self.line_is_blank:
                self._state = "opening" if len(run) >= 3 else "span"
                self._run, self._quotes = run, False
        elif run[0] == self._run[0] and self._closes(run):
            self._state = "text"
        self.line_is_blank = False

    def _closes(self, run: str) -> bool:
        if self._state == "span":
            return len(run) == len(self._run)
        return len(run) >= len(self._run)


def _has_blank(text: str) -> bool:
    """Whether there is a blank line, which ends a paragraph and with it every span."""
    return any(not line.strip() for line in text.split("\n")[1:-1])
