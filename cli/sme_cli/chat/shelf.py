"""What was shown in one line and can be opened: `/show N`."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from sme_tools.errors import UsageError

if TYPE_CHECKING:
    from sme_tools.hosts.evidence import Evidence


@dataclass
class Shelf:
    """Things by their numbers, from 1."""

    _things: list[tuple[str, Callable[[], str]]] = field(default_factory=list)

    def put(self, title: str, text: Callable[[], str]) -> int:
        """Keep something to be opened; gives its number."""
        self._things.append((title, text))
        return len(self._things)

    def open(self, number: int) -> str:
        """The whole text of a thing under its title. Raises UsageError if there is none."""
        if not 1 <= number <= len(self._things):
            last = len(self._things)
            raise UsageError(
                f"there is no line {number}",
                remedy=f"There are 1 to {last}." if last else "Nothing was done yet.",
            )
        title, text = self._things[number - 1]
        return f"{title}\n\n{text()}"

    def titles(self) -> list[str]:
        """The titles in the order of their numbers."""
        return [title for title, _ in self._things]


def evidence_text(item: Evidence) -> str:
    """A piece of evidence as a page: what ran, how it ended, all that it said."""
    how = item.outcome if item.exit_code is None else f"exit {item.exit_code}"
    when = f"{item.started_at.astimezone():%F %T}"
    head = f"{item.id}  ({how}, {item.duration_s:.2f} s, as {item.privilege}, {when})"
    parts = [head, f"$ {item.command}", "", item.stdout.rstrip("\n")]
    if item.omitted_bytes:
        parts.append(f"[{item.omitted_bytes} bytes were left out when it was recorded]")
    if item.stderr.strip():
        parts += ["── stderr", item.stderr.rstrip("\n")]
    return "\n".join(parts)
