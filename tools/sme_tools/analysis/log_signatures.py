"""Known kinds of trouble in application logs, recognised by what programs and libraries print."""

from __future__ import annotations

import re
from functools import cache, lru_cache
from importlib.resources import files
from typing import NamedTuple

from sme_tools.analysis.log_lines import LEVELS, Level, LogLine


class Signature(NamedTuple):
    """What one kind of trouble looks like in a log."""

    kind: str
    pattern: re.Pattern[str]
    certain: bool
    """Whether the words mean trouble even in a line that calls itself informational."""


@cache
def signatures() -> tuple[Signature, ...]:
    """All kinds, from log_signatures.yaml; the first that matches a line names its kind."""
    import yaml

    table = (files("sme_tools.analysis") / "log_signatures.yaml").read_text("utf-8")
    return tuple(
        Signature(
            row["kind"],
            re.compile("|".join(row["patterns"]), re.IGNORECASE),
            row.get("certain", False),
        )
        for row in yaml.load(table, Loader=getattr(yaml, "CSafeLoader", yaml.SafeLoader))
    )


_TROUBLE = re.compile(
    r"\b(?:fatal|panic|critical|error|exception|fail(?:ed|ure|s)?|cannot|could not|unable to"
    r"|denied|refused|aborted|\w+(?:Error|Exception))\b",
    re.IGNORECASE,
)
_INNOCENT = re.compile(
    r"\b(?:no|0|zero|without(?: any)?|not an?) (?:fatal |critical )?"
    r"(?:errors?|failures?|exceptions?)\b"
    r"|\b(?:errors?|failed|failures?|exceptions?)\W{0,2}[=:]\W{0,2}(?:0|none|null|nil|false|\[\]|\"\")"
    r"|\berrors?=(?:remount|continue)|error[_ -]?(?:log|page|report|handl|rate|document|correct)"
    r"|could not reliably determine the server's fully qualified domain name"
    r"|fail[- ]?(?:over|back|safe|2ban)|if .{0,40}fails?\b|failed to .{0,60}ignor(?:ed|ing)",
    re.IGNORECASE,
)

_REQUEST = re.compile(r'"[A-Z]{3,7} \S+ HTTP/[\d.]+"? (?P<status>[1-5]\d\d)\b')
"""A line of an access log: its words are those of an address that someone asked for."""


def level_of(line: LogLine) -> Level:
    """How bad a line is: what it says of itself, else what its words say; at least `info`."""
    if request := _REQUEST.search(line.message):
        return "error" if request["status"].startswith("5") else "info"
    if line.level is not None:
        return line.level
    if kind_of(line) is not None:
        return "error"
    return "error" if _TROUBLE.search(_INNOCENT.sub("", line.message)) else "info"


_LONG_NUMBER = re.compile(r"\d{4,}")
"""Ids and sizes; shorter numbers can be exit codes, HTTP states or a count of no errors."""


def kind_of(line: LogLine) -> str | None:
    """The known kind of trouble that a line reports, or None.

    A line that calls itself informational reports none, unless its words leave no doubt.
    """
    if line.level == "debug":
        return None
    return _kind(_LONG_NUMBER.sub("0000", line.message[:1_000]), line.level)


@lru_cache(maxsize=4096)
def _kind(text: str, level: Level | None) -> str | None:
    """Logs repeat themselves and trying every pattern is dear: each text is judged once."""
    mild = level is not None and LEVELS.index(level) < LEVELS.index("warning")
    if _REQUEST.search(text) or ((level is None or mild) and _INNOCENT.search(text)):
        return None
    for signature in signatures():
        if (signature.certain or not mild) and signature.pattern.search(text):
            return signature.kind
    return None
