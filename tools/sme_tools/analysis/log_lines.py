"""Log lines of any common form, taken apart: time, level, program, message.

Read are syslog (RFC 3164 and RFC 5424, with and without priority), journalctl's short forms, klog,
logfmt, JSON lines, and lines that begin with a timestamp or a level, as web servers, databases and
the logging libraries of Python, Java, Go and JavaScript write them. Also understood, around them:
`==> FILE <==` headers of tail(1), `NAME | ` prefixes of docker compose, a wrapping `stdout:` and
`stderr:`, and our own clock line, with which times that lack year or zone become exact.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any, Literal

from sme_tools.analysis.log_times import Clock, find_time

Level = Literal["debug", "info", "notice", "warning", "error", "critical"]

LEVELS: tuple[Level, ...] = ("debug", "info", "notice", "warning", "error", "critical")
"""The mildest first."""

CLOCK_COMMAND = (
    "printf 'clock %s %s\\n' \"$(date +%Y-%m-%dT%H:%M:%S%z)\""
    ' "$(cut -d " " -f 1 /proc/uptime 2>/dev/null)"\n'
)
"""Shell text that prints the host's time and uptime, for a probe to put before log lines."""


@dataclass(frozen=True, slots=True)
class LogLine:
    """One line of a log."""

    message: str
    """Without time, level and program, as far as they were recognised."""
    level: Level | None = None
    """What the line itself says of its severity, or None if it says nothing."""
    at: datetime | None = None
    """With time zone; None if the line has no time or its zone is not known."""
    program: str | None = None
    source: str | None = None
    """The file, where the output names it."""
    raw: str = ""


_ANSI = re.compile(r"\x1b\[[0-9;?]*[A-Za-z]|\x1b\][^\x07]*\x07|\[(?:3[0-7]|0|1)m")
_TAIL_HEADER = re.compile(r"^==> (.+) <==$")
_CUT = re.compile(r"^\[… \d+ bytes left out …\]$")
_COMPOSE = re.compile(r"^([A-Za-z][\w.-]*?)\s+\| ")
_PRIORITY = re.compile(r"^<(\d{1,3})>")
_HOST_PROGRAM = re.compile(
    r"^\s+(?P<host>[\w.:-]+)\s+(?P<program>[A-Za-z_(][^\s:\[]*?(?:\([\w-]+\))?)(?:\[[\d/]+\](?:\((?P<level>\w+)\))?)?:\s"
)
_RFC5424 = re.compile(
    r"^1 (?P<time>\S+) \S+ (?P<program>\S+) \S+ \S+ (?:-|\[.*?\])(?: (?P<rest>.*))?$"
)
_KLOG = re.compile(
    r"^(?P<level>[IWEF])(?P<time>\d{4} \d\d:\d\d:\d\d\.\d+)\s+\d+ (?P<file>[\w./-]+:\d+)\] "
)
_LOGFMT_LEVEL = re.compile(r'\b(?:level|lvl|severity)="?([A-Za-z]+)"?')
_LOGFMT_TIME = re.compile(r'\b(?:time|ts|t)="?([^\s"]+)"?')
_LOGFMT_MESSAGE = re.compile(r'\b(?:msg|message)=("(?:[^"\\]|\\.)*"|\S+)')
_LOGFMT_ERROR = re.compile(r'\b(?:err|error)=("(?:[^"\\]|\\.)*"|\S+)')
_LEVEL_WORDS = (
    "trace|debug|verbose|info|information|notice|note|log|hint|detail|statement|warn|warning|"
    "error|err|severe|exception|critical|crit|fatal|panic|alert|emerg|emergency|dbg|inf|wrn|ftl"
)
_LEVEL_TOKEN = re.compile(
    rf"(?:\[(?:[\w.]+:)?(?P<bracket>(?i:{_LEVEL_WORDS}))\]"
    rf"|^(?P<start>{_LEVEL_WORDS})\d*(?=\s*[:|\]-]|\s{{1,}}\[|\s{{2,}})"
    rf"|(?<![\w/.-])(?P<upper>{_LEVEL_WORDS.upper()})(?=[\s:\]|)>,-]|$)"
    rf"|(?:^|\s)(?P<letter>[IWEFD])(?=\s[\w./]+:|/[A-Z]))",
)
_LEVEL_START = re.compile(rf"^(?P<start>{_LEVEL_WORDS})\s*[:|]", re.IGNORECASE)
_LEADING_NOISE = re.compile(r"^[\s\-–:|,\])>]+")
_HEADER_CHARS = 90
"""A level further into the line is a word of the message."""

_NAMED: dict[str, Level] = {
    "trace": "debug",
    "debug": "debug",
    "verbose": "debug",
    "statement": "debug",
    "detail": "info",
    "hint": "info",
    "log": "info",
    "info": "info",
    "information": "info",
    "note": "notice",
    "notice": "notice",
    "warn": "warning",
    "warning": "warning",
    "err": "error",
    "error": "error",
    "severe": "error",
    "exception": "error",
    "crit": "critical",
    "critical": "critical",
    "fatal": "critical",
    "panic": "critical",
    "alert": "critical",
    "emerg": "critical",
    "emergency": "critical",
    "dbg": "debug",
    "inf": "info",
    "wrn": "warning",
    "ftl": "critical",
    "d": "debug",
    "i": "info",
    "w": "warning",
    "e": "error",
    "f": "critical",
}

SYSLOG_LEVELS: tuple[Level, ...] = (
    "critical",
    "critical",
    "critical",
    "error",
    "warning",
    "notice",
    "info",
    "debug",
)
"""By the number that syslog(3) and the journal give a message."""

_JSON_KEYS = {
    "level": ("level", "severity", "lvl", "levelname", "log.level", "loglevel", "s"),
    "time": ("time", "ts", "t", "timestamp", "@timestamp", "asctime"),
    "message": ("msg", "message", "event", "log", "short_message"),
    "error": ("error", "err", "exception", "error_message"),
    "program": ("logger", "name", "service", "app"),
}


def unwrapped(output: str) -> Iterator[str]:
    """The lines without terminal colours, a `stdout:`/`stderr:` wrapping and cut marks."""
    lines = output.splitlines()
    if lines and lines[0].strip() == "stdout:":
        lines = lines[1:]
    for line in lines:
        if line.strip() != "stderr:" and not _CUT.match(line):
            yield _ANSI.sub("", line) if "\x1b" in line or "m" in line else line


def read_lines(output: str) -> list[LogLine]:
    """Every line that holds anything, in order; a Python traceback becomes one line."""
    return list(_join_tracebacks(_read(output)))


def _read(output: str) -> Iterator[LogLine]:
    clock = Clock()
    source: str | None = None
    for line in unwrapped(output):
        if line.startswith("clock ") and (found := Clock.read(line)):
            clock = found
        elif header := _TAIL_HEADER.match(line):
            source = header[1]
        elif line.strip():
            yield replace(read_line(line, clock), source=source)


def read_line(line: str, clock: Clock) -> LogLine:
    """One line taken apart; what is not recognised stays in the message."""
    rest, program = line, None
    if compose := _COMPOSE.match(rest):
        program, rest = compose[1], rest[compose.end() :]
    stripped = rest.lstrip()
    if stripped.startswith("{") and (found := _read_json(stripped, clock)):
        return replace(found, program=found.program or program, raw=line)
    if "level=" in rest and (found := _read_logfmt(rest, clock)):
        return replace(found, program=program, raw=line)
    if klog := _KLOG.match(rest):
        level = _NAMED[klog["level"].lower()]
        return LogLine(rest[klog.end() :], level, clock.klog(klog["time"]), program, raw=line)
    return _read_headed(line, rest, program, clock)


def _read_headed(line: str, rest: str, program: str | None, clock: Clock) -> LogLine:
    """Priority, time, host and program, level: each if it is there."""
    level: Level | None = None
    at: datetime | None = None
    if priority := _PRIORITY.match(rest):
        rest = rest[priority.end() :]
        if int(priority[1]) <= 191:
            level = SYSLOG_LEVELS[int(priority[1]) & 7]
        if modern := _RFC5424.match(rest):
            at = clock.place(modern["time"])
            return LogLine(modern["rest"] or "", level, at, modern["program"], raw=line)
    if time := find_time(rest):
        at, rest = clock.place(time.text), rest[time.end :]
        if host := _HOST_PROGRAM.match(rest + " "):
            program, rest = host["program"], rest[host.end() :]
            level = _NAMED.get((host["level"] or "").lower(), level)
            if time := find_time(rest):
                rest = rest[time.end :]
    said, rest = _take_level(rest)
    return LogLine(rest.strip(), said or level, at, program, raw=line)


def _take_level(rest: str) -> tuple[Level | None, str]:
    head = rest[:_HEADER_CHARS]
    text = _LEADING_NOISE.sub("", head)
    token = _LEVEL_START.match(text)
    if token and token["start"] == "panic":  # how Go begins its last words
        return "critical", rest
    if token:
        cut = len(head) - len(text) + token.end()
        return _NAMED[token["start"].lower()], _LEADING_NOISE.sub("", rest[cut:]) or rest
    token = _LEVEL_TOKEN.search(head)
    if not token:
        return None, rest
    word = next(group for group in token.groups() if group)
    after = _LEADING_NOISE.sub("", rest[token.end() :])
    return _NAMED[word.lower()], after if token.start() < 50 and after else rest


def _read_json(text: str, clock: Clock) -> LogLine | None:
    try:
        record = json.loads(text)
    except (ValueError, RecursionError):
        return None
    if not isinstance(record, dict):
        return None
    found = {kind: _first(record, keys) for kind, keys in _JSON_KEYS.items()}
    if found["message"] is None and found["error"] is None:
        return None
    details = record.get("attr")  # MongoDB keeps the reason there
    parts = [str(found[kind]) for kind in ("message", "error") if found[kind]]
    if isinstance(details, dict):
        parts += [str(details[key]) for key in ("error", "message", "reason") if key in details]
    program = found["program"] if isinstance(found["program"], str) else None
    return LogLine(": ".join(parts), _level(found["level"]), clock.place(found["time"]), program)


def _first(record: dict[str, Any], keys: Iterable[str]) -> Any:  # noqa: ANN401 - any JSON value
    return next((record[key] for key in keys if record.get(key) not in (None, "")), None)


def _level(value: object) -> Level | None:
    if isinstance(value, int | float):  # pino and bunyan: 30 is info, 50 error
        return LEVELS[(0, 0, 0, 1, 3, 4, 5)[min(int(value) // 10, 6)]] if value >= 10 else None
    return _NAMED.get(str(value).lower())


def _read_logfmt(rest: str, clock: Clock) -> LogLine | None:
    level = _LOGFMT_LEVEL.search(rest)
    message = _LOGFMT_MESSAGE.search(rest)
    if not level or not message or level[1].lower() not in _NAMED:
        return None
    time = _LOGFMT_TIME.search(rest)
    error = _LOGFMT_ERROR.search(rest)
    text = ": ".join(part[1].strip('"') for part in (message, error) if part)
    return LogLine(text, _NAMED[level[1].lower()], clock.place(time[1] if time else None))


_TRACEBACK = "Traceback (most recent call last)"
_EXCEPTION = re.compile(r"^[A-Za-z_][\w.]*(?::|$)")


def _join_tracebacks(lines: Iterable[LogLine]) -> Iterator[LogLine]:
    """Replace each Python traceback by its last line, the one that names the exception."""
    open_: LogLine | None = None
    previous: LogLine | None = None
    for line in lines:
        if _TRACEBACK in line.message:
            open_ = replace(line, at=line.at or (previous.at if previous else None))
        elif open_ is None:
            previous = line
            yield line
        elif not line.raw[:1].isspace() and _EXCEPTION.match(line.message):
            yield replace(
                open_, message=f"Traceback: {line.raw.strip()}", level="error", raw=line.raw
            )
            open_ = None
        elif line.level is not None:
            yield replace(open_, message="Traceback", level="error")
            yield line
            open_ = None
    if open_ is not None:
        yield replace(open_, message="Traceback", level="error")
