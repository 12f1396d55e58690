"""Events in the logs of databases and message brokers."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from functools import cache
from importlib.resources import files
from typing import NamedTuple

from pydantic import AwareDatetime

from sme_tools.analysis.log_lines import LEVELS, Level, LogLine
from sme_tools.analysis.log_templates import time_span
from sme_tools.facts import Fact


class DatabaseEvent(Fact):
    """One kind of event in one database's log."""

    origin: str
    """The log file, or the engine where the output names no file."""
    engine: str
    """postgresql, mysql, redis, rabbitmq, mongodb, or unknown."""
    kind: str
    """`boot-failed`, `corruption`, `disk-full`, …; `error` for an error of no known kind,
    `statement-error` for one that a client's statement caused."""
    level: Level
    count: int
    first: AwareDatetime | None = None
    last: AwareDatetime | None = None
    example: str
    """The latest line, shortened."""


class _Row(NamedTuple):
    kind: str
    pattern: re.Pattern[str]


@cache
def _patterns() -> tuple[_Row, ...]:
    import yaml

    table = (files("sme_tools.analysis") / "database_patterns.yaml").read_text("utf-8")
    rows = yaml.load(table, Loader=getattr(yaml, "CSafeLoader", yaml.SafeLoader))
    return tuple(
        _Row(row["kind"], re.compile("|".join(row["patterns"]), re.IGNORECASE)) for row in rows
    )


_STATEMENT = re.compile(r"^(?:statement|duration|execute [^:]*|parse [^:]*|bind [^:]*): ")
_ENGINES = (
    ("postgresql", re.compile(r"postgres|pgsql")),
    ("mysql", re.compile(r"mysql|maria")),
    ("redis", re.compile(r"redis|valkey")),
    ("rabbitmq", re.compile(r"rabbit")),
    ("mongodb", re.compile(r"mongo")),
)
_CONTENTS = (
    (
        "rabbitmq",
        re.compile(
            r"REPORT====|application_controller|erl_crash|<0\.\d+\.\d+>|rabbit"
            r"|starting \w.* {3,}\.\.\.|AMQP"
        ),
    ),
    ("mysql", re.compile(r"\[(?:Warning|Note|ERROR|System)\]|InnoDB|mysqld|mariadb")),
    ("postgresql", re.compile(r"\b(?:LOG|FATAL|ERROR|PANIC|HINT|DETAIL|STATEMENT):  ")),
    ("redis", re.compile(r"^\d+:[A-Z] \d+ \w{3} \d{4} ", re.MULTILINE)),
    ("mongodb", re.compile(r'"\$date"|\[initandlisten\]|NETWORK  \[')),
)


def engine_of(lines: Iterable[LogLine]) -> str:
    """Which server wrote these lines: by the file's name, else by their form."""
    lines = list(lines)
    if lines and lines[0].source:
        for name, pattern in _ENGINES:
            if pattern.search(lines[0].source):
                return name
    sample = "\n".join(line.raw or line.message for line in lines[:300])
    return next((name for name, pattern in _CONTENTS if pattern.search(sample)), "unknown")


def database_events(lines: Iterable[LogLine]) -> list[DatabaseEvent]:
    """What is wrong or out of the ordinary, by log and kind; the gravest level first."""
    logs: dict[str | None, list[LogLine]] = {}
    for line in lines:
        logs.setdefault(line.source, []).append(line)
    found = [event for source, log in logs.items() for event in _events(source, log)]
    return sorted(found, key=lambda event: (-LEVELS.index(event.level), -event.count))


def _events(source: str | None, log: list[LogLine]) -> Iterator[DatabaseEvent]:
    engine = engine_of(log)
    groups: dict[str, list[LogLine]] = {}
    for line in log:
        if kind := _kind(line, engine):
            groups.setdefault(kind, []).append(line)
    for kind, members in groups.items():
        first, last = time_span(members)
        yield DatabaseEvent(
            origin=source or engine,
            engine=engine,
            kind=kind,
            level=max((line.level or "info" for line in members), key=LEVELS.index),
            count=len(members),
            first=first,
            last=last,
            example=members[-1].message[:300],
        )


def _kind(line: LogLine, engine: str) -> str | None:
    if line.level == "debug" or _STATEMENT.match(line.message):
        return None
    text = line.message[:2_000]
    for row in _patterns():
        if row.pattern.search(text):
            return row.kind
    if line.level not in ("error", "critical"):
        return None
    return "statement-error" if engine == "postgresql" and line.level == "error" else "error"
