"""The trouble in a log: its lines of warning and above, clustered, with known kinds recognised."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence
from datetime import datetime

from pydantic import AwareDatetime

from sme_tools.analysis.log_lines import LEVELS, Level, LogLine
from sme_tools.analysis.log_signatures import kind_of, level_of
from sme_tools.analysis.log_templates import log_templates, time_span
from sme_tools.facts import Fact

MAX_CLUSTERS = 60
"""The gravest and most frequent are kept."""
MAX_TEMPLATE = 160
LAST_LINES = 8
"""How many of a log's lines count as its end."""


class LogCluster(Fact):
    """Lines of one log that report the same kind of trouble."""

    origin: str
    """Who logged it: the unit, program or file; `application` where the output does not say."""
    level: Level
    """The gravest level among the lines."""
    kind: str | None = None
    """A known kind of trouble, such as `no-space`; None for a plain warning or error."""
    template: str
    """The message with varying parts masked."""
    count: int
    first: AwareDatetime | None = None
    last: AwareDatetime | None = None
    example: str
    """The latest of the lines, shortened."""
    at_end: bool
    """Whether it is among the last lines of a program's own log: what it says before it dies."""


def log_clusters(
    lines: Sequence[LogLine], *, origin: str = "application", since: datetime | None = None
) -> list[LogCluster]:
    """Cluster what is warning or worse, by origin; the gravest and most frequent first.

    `origin` names lines that name neither program nor file. Lines known to be from before `since`
    are left out.
    """
    groups: dict[tuple[str, str | None], list[LogLine]] = defaultdict(list)
    levels: dict[int, Level] = {}
    ends = _last_lines(lines)
    for line in lines:
        level = level_of(line)
        kind = kind_of(line)
        if LEVELS.index(level) < LEVELS.index("warning") and kind is None:
            continue
        if since is not None and line.at is not None and line.at < since:
            continue
        levels[id(line)] = max(level, "warning", key=LEVELS.index)
        groups[(line.program or line.source or origin, kind)].append(line)
    clusters = [
        cluster
        for (name, kind), members in groups.items()
        for cluster in _clusters(name, kind, members, levels, ends)
    ]
    clusters.sort(key=lambda c: (-LEVELS.index(c.level), c.kind is None, -c.count, c.origin))
    return clusters[:MAX_CLUSTERS]


def _clusters(
    origin: str,
    kind: str | None,
    members: list[LogLine],
    levels: dict[int, Level],
    ends: set[int],
) -> Iterable[LogCluster]:
    """One cluster for a known kind; one for each template of plain errors."""
    templates = log_templates(members)
    shares = [[members[index] for index in template.lines] for template in templates]
    if kind is not None:
        shares = [members]
    for template, lines in zip(templates, shares, strict=False):
        first, last = time_span(lines)
        yield LogCluster(
            origin=origin,
            level=max((levels[id(line)] for line in lines), key=LEVELS.index),
            kind=kind,
            template=template.template[:MAX_TEMPLATE],
            count=len(lines),
            first=first,
            last=last,
            example=lines[-1].message[:300],
            at_end=any(id(line) in ends for line in lines),
        )


def _last_lines(lines: Sequence[LogLine]) -> set[int]:
    """The last lines of a program's own log.

    A log that several programs share has no last words, and a file of errors alone always ends
    with one. Neither has the audit log: the kernel writes it about others.
    """
    if any(line.raw.startswith("type=") and "msg=" in line.raw for line in lines):
        return set()
    if len({line.program for line in lines}) != 1 or any(line.source for line in lines):
        return set()
    return {id(line) for line in lines[-LAST_LINES:]}
