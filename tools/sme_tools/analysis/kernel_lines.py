"""Lines of the kernel's log, in every form that dmesg, syslog and the journal print them."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime

from sme_tools.analysis.log_lines import SYSLOG_LEVELS, Level, unwrapped
from sme_tools.analysis.log_times import Clock, find_time


@dataclass(frozen=True, slots=True)
class KernelLine:
    """One message of the kernel."""

    message: str
    level: Level | None = None
    at: datetime | None = None


_DECODED: dict[str, Level] = {
    "emerg": "critical",
    "alert": "critical",
    "crit": "critical",
    "err": "error",
    "warn": "warning",
    "notice": "notice",
    "info": "info",
    "debug": "debug",
}
_FACILITY = re.compile(r"^(?P<facility>[a-z0-9]+)\s*:(?P<level>[a-z]+)\s*:\s?")
_PRIORITY = re.compile(r"^<(\d{1,3})>")
_SECONDS = re.compile(r"^\[\s*(?P<seconds>\d+\.\d+)\]\s?")
_CALLER = re.compile(r"^\[\s*[TC]\d+\]\s")
_SYSLOG = re.compile(r"^\s+[\w.:-]+\s+(?P<program>[^\s:\[]+)(?:\[\d+\])?:\s")


def kernel_lines(output: str) -> Iterator[KernelLine]:
    """The kernel's messages, in order; in a mixed log the other programs' lines are left out."""
    clock = Clock()
    for line in unwrapped(output):
        if line.startswith("clock ") and (found := Clock.read(line)):
            clock = found
        elif line.strip() and (message := _read(line, clock)):
            yield message


def _read(line: str, clock: Clock) -> KernelLine | None:
    """One line, or None if another program wrote it."""
    level: Level | None = None
    at: datetime | None = None
    if decoded := _FACILITY.match(line):
        if decoded["level"] in _DECODED:
            if decoded["facility"] != "kern":  # written to /dev/kmsg by systemd and others
                return None
            level, line = _DECODED[decoded["level"]], line[decoded.end() :]
    elif priority := _PRIORITY.match(line):
        level, line = SYSLOG_LEVELS[int(priority[1]) & 7], line[priority.end() :]
    if time := find_time(line):
        # dmesg puts its times in brackets, or in ISO form with a comma; syslog does neither.
        from_dmesg = decoded is not None or line.startswith("[") or "," in time.text
        at, line = clock.place(time.text), line[time.end :].removeprefix("]")
        if not from_dmesg and (syslog := _SYSLOG.match(line + " ")):
            if syslog["program"] != "kernel":
                return None
            line = line[syslog.end() :]
        line = line.lstrip()
    if seconds := _SECONDS.match(line):
        at, line = at or clock.booted(float(seconds["seconds"])), line[seconds.end() :]
    line = _CALLER.sub("", line)
    return KernelLine(line.rstrip(), level, at)
