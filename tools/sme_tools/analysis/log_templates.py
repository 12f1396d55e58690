"""Log lines to templates: what was said, how often, when first and last.

What differs between two messages of one kind is masked first (times, numbers, addresses, ids);
drain3 then finds the words that vary. In memory only: nothing is read, kept or printed.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import datetime

from sme_tools.analysis.log_lines import LogLine

SIMILARITY = 0.5
"""Share of words that two messages of one template have in common at least."""
MAX_TEMPLATES = 1_000
MAX_TEXT = 300
"""Characters of a message that are looked at, and of an example that are kept."""

_MASKS = re.compile(
    r"(?P<UUID>\b[0-9a-fA-F]{8}-(?:[0-9a-fA-F]{4}-){3}[0-9a-fA-F]{12}\b)"
    r"|(?P<MAC>\b(?:[0-9a-fA-F]{2}:){5,}[0-9a-fA-F]{2}\b)"
    r"|(?P<TIME>\b\d{4}-\d\d-\d\d[T ]\d\d:\d\d:\d\d(?:[.,]\d+)?(?:Z|[+-]\d\d:?\d\d)?"
    r"|(?<![\w:])\d\d:\d\d:\d\d(?:\.\d+)?(?![\w:]))"
    r"|(?P<IP>\b\d{1,3}(?:\.\d{1,3}){3}(?::\d+|/\d+)?\b"
    r"|(?<![\w:])(?:[0-9a-fA-F]{0,4}:){2,7}[0-9a-fA-F]{1,4}(?![\w:]))"
    r"|(?P<HEX>\b0x[0-9a-fA-F]+\b|\b(?=[0-9a-fA-F]*\d)(?=[0-9a-fA-F]*[a-fA-F])[0-9a-fA-F]{8,}\b)"
    r"|(?P<NUM>(?<![A-Za-z0-9_.])[-+]?\d+(?:[.,]\d+)*(?:%|[a-zA-Z]{1,3})?(?![A-Za-z0-9_]))"
)


@dataclass(slots=True)
class LogTemplate:
    """Messages of one kind."""

    template: str
    """Masked parts are <NUM>, <IP>, <HEX>, <UUID>, <MAC>, <TIME>; varying words are <*>."""
    count: int
    first: datetime | None
    """None if no line had a time that is certain."""
    last: datetime | None
    example: str
    """The latest of the messages."""
    lines: list[int] = field(default_factory=list, repr=False)
    """Where its lines stood in the input."""


def mask(message: str) -> str:
    """The message with what differs from one occurrence to the next replaced by its kind."""
    return _MASKS.sub(lambda found: f"<{found.lastgroup}>", message[:MAX_TEXT])


def log_templates(lines: Sequence[LogLine]) -> list[LogTemplate]:
    """The kinds of messages among these lines, the most frequent first.

    The same lines give the same templates. At most `MAX_TEMPLATES` are told apart; after that the
    one that was not seen for longest is given up.
    """
    groups = _clusters([mask(line.message) for line in lines])
    found = [_template(text, indexes, lines) for text, indexes in groups]
    return sorted(found, key=lambda t: (-t.count, t.lines[0]))


def _clusters(masked: Sequence[str]) -> list[tuple[str, list[int]]]:
    """The template and the indexes of each cluster; equal messages ask drain3 once."""
    from drain3.drain import Drain

    drain = Drain(sim_th=SIMILARITY, max_clusters=MAX_TEMPLATES)
    cluster_of: dict[str, int] = {}
    texts: dict[int, str] = {}
    indexes: dict[int, list[int]] = {}
    for index, message in enumerate(masked):
        number = cluster_of.get(message)
        if number is None:
            cluster, _ = drain.add_log_message(message)
            number = cluster_of[message] = cluster.cluster_id
            texts[number] = cluster.get_template()
        indexes.setdefault(number, []).append(index)
    return [(texts[number], found) for number, found in indexes.items()]


def _template(text: str, indexes: list[int], lines: Sequence[LogLine]) -> LogTemplate:
    first, last = time_span(lines[index] for index in indexes)
    example = lines[indexes[-1]].message[:MAX_TEXT]
    return LogTemplate(text, len(indexes), first, last, example, indexes)


def time_span(lines: Iterable[LogLine]) -> tuple[datetime | None, datetime | None]:
    """The first and the last time among the lines; None where no line has one."""
    times = [line.at for line in lines if line.at is not None]
    return (min(times), max(times)) if times else (None, None)
