"""Messages of database logs: one each, also where the server spreads one over several lines."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, replace

from sme_tools.analysis.log_lines import Level, LogLine, read_line, unwrapped
from sme_tools.analysis.log_times import Clock

_TAIL_HEADER = re.compile(r"^==> (.+) <==$")
_REPORT = re.compile(r"^=(?P<level>[A-Z]+) REPORT==== (?P<time>\S+)(?: UTC)? ===")
_REPORT_LEVELS: dict[str, Level] = {"WARNING": "warning", "ERROR": "error", "CRASH": "error"}
_PROCESS = re.compile(r"^(?P<head>\S+ \S+ \[(?P<level>\w+)\] <[\d.]+>) ?(?P<text>.*)$")
_REDIS = re.compile(r"^\d+:[A-Z] \d+ \w{3} \d{4} [\d:.]+ (?P<sign>[.*#-]) ")
_REDIS_LEVELS: dict[str, Level] = {".": "debug", "-": "info", "*": "notice", "#": "warning"}


@dataclass
class _Message:
    """A message that may go on in the next line."""

    key: str
    """What the lines of one message have in common; RabbitMQ repeats time and process."""
    line: LogLine
    texts: list[str]

    def whole(self) -> LogLine:
        message = " ".join(text for text in self.texts if text)
        return replace(self.line, message=message, raw=self.line.raw or message)


def database_lines(output: str) -> list[LogLine]:
    """The messages of one log, or of several with the headers of tail(1)."""
    return [line for line in _read(output) if line.message]


def _read(output: str) -> Iterator[LogLine]:
    clock, source = Clock(), None
    open_: _Message | None = None
    for text in unwrapped(output):
        if open_ is not None:
            if more := _continues(open_, text):
                open_.texts.append(more)
                continue
            yield open_.whole()
            open_ = None
        if text.startswith("clock ") and (found := Clock.read(text)):
            clock = found
        elif header := _TAIL_HEADER.match(text):
            source = header[1]
        elif begun := _begin(text, clock, source):
            open_ = begun
        elif text.strip():
            yield replace(_line(text, clock), source=source)
    if open_ is not None:
        yield open_.whole()


def _begin(text: str, clock: Clock, source: str | None) -> _Message | None:
    """The beginning of one of RabbitMQ's messages, of its old or its new form."""
    if report := _REPORT.match(text):
        level = _REPORT_LEVELS.get(report["level"], "info")
        line = LogLine("", level, clock.place(report["time"]), source=source, raw=text)
        return _Message("", line, [])
    if process := _PROCESS.match(text):
        line = replace(read_line(text, clock), source=source, raw=text)
        return _Message(process["head"], line, [process["text"].strip()])
    return None


def _continues(message: _Message, text: str) -> str | None:
    """The text that this line adds to the message, or None if it begins something else."""
    if not message.key:
        begins = not text.strip() or _REPORT.match(text) or _TAIL_HEADER.match(text)
        return None if begins else text.strip()
    process = _PROCESS.match(text)
    if process is None or process["head"] != message.key:
        return None
    return process["text"].strip() or " "


def _line(text: str, clock: Clock) -> LogLine:
    line = read_line(text, clock)
    if redis := _REDIS.match(text):
        return replace(line, level=_REDIS_LEVELS[redis["sign"]], message=text[redis.end() :])
    return line
