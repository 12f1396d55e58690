"""What services and applications say: the journal, syslog, and log files."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

from sme_tools.analysis.log_clusters import LogCluster, log_clusters
from sme_tools.analysis.log_lines import (
    CLOCK_COMMAND,
    SYSLOG_LEVELS,
    LogLine,
    read_line,
    read_lines,
    unwrapped,
)
from sme_tools.analysis.log_times import Clock
from sme_tools.errors import ProbeError
from sme_tools.probes.registry import probe

JOURNAL_HOURS = 6
FILES_HOURS = 24

_JOURNAL = f"""\
case "$(journalctl -n 1 -o cat 2>&1 >/dev/null)" in
*'not seeing messages from other users'*|*'insufficient permissions'*) exit 77;;
*'No journal files were found'*) exit 127;;
esac
fields=--output-fields=PRIORITY,SYSLOG_IDENTIFIER,_SYSTEMD_UNIT,UNIT,CONTAINER_NAME,MESSAGE
set -- -q --no-pager -o json -p warning --since=-{JOURNAL_HOURS}h -n 1000
journalctl "$@" $fields 2>/dev/null || journalctl "$@"
"""


@probe(
    "logs.journal",
    level=1,
    tool="journalctl",
    needs_root=True,
    command=_JOURNAL,
    reads=("journalctl -o json", "journalctl -p warning -o json", "journalctl -p err -o json"),
)
def journal(output: str) -> list[LogCluster]:
    """Warnings and errors in the journal of the last six hours, clustered by unit.

    The kernel's are left to `logs.kernel_events`. Source: journalctl(1), systemd.journal-fields(7).
    """
    return log_clusters(_of_programs(_journal_lines(output)))


def _journal_lines(output: str) -> Iterator[LogLine]:
    """The entries of journalctl's JSON; one that was cut off in a long output is passed over."""
    lines = [line for line in unwrapped(output) if line.strip() and not line.startswith("-- ")]
    unreadable = 0
    for line in lines:
        try:
            entry = json.loads(line)
        except ValueError:
            unreadable += 1
            continue
        if not isinstance(entry, dict):
            raise ProbeError("logs.journal", "no journal entry", line=line)
        yield _entry(entry, line)
    if unreadable > 2:  # one cut in the middle leaves two halves
        raise ProbeError("logs.journal", "not the journal's JSON", line=lines[0])


def _entry(entry: dict[str, Any], line: str) -> LogLine:
    message = entry.get("MESSAGE")
    if isinstance(message, list):  # bytes that are not UTF-8 come as a list of numbers
        message = bytes(int(byte) & 255 for byte in message).decode("utf-8", "replace")
    microseconds = entry.get("__REALTIME_TIMESTAMP")
    origin = next(
        (
            str(entry[name])
            for name in ("CONTAINER_NAME", "UNIT", "_SYSTEMD_UNIT", "SYSLOG_IDENTIFIER")
            if entry.get(name) and entry[name] != "init.scope"
        ),
        None,
    )
    if entry.get("SYSLOG_IDENTIFIER") == "kernel":
        origin = "kernel"
    # What containers write to standard error has priority 3, whatever its own level says.
    said = read_line(str(message or ""), Clock())
    return LogLine(
        said.message,
        said.level or SYSLOG_LEVELS[int(entry.get("PRIORITY", 6)) & 7],
        datetime.fromtimestamp(int(microseconds) / 1e6, UTC) if microseconds else None,
        origin,
        raw=line,
    )


def _of_programs(lines: Iterator[LogLine] | list[LogLine]) -> list[LogLine]:
    return [line for line in lines if line.program != "kernel" and line.message]


@probe(
    "logs.syslog",
    level=1,
    needs_root=True,
    command="""\
if command -v journalctl >/dev/null 2>&1 && [ -n "$(journalctl -n 1 -o cat -q 2>/dev/null)" ]
then exit 127; fi
for file in /var/log/syslog /var/log/messages /var/log/system.log; do
  [ -e $file ] || continue
  [ -r $file ] || exit 77
"""
    + CLOCK_COMMAND
    + """\
  exec tail -n 3000 $file
done
exit 127
""",
)
def syslog(output: str) -> list[LogCluster]:
    """Errors in syslog of the last six hours, where there is no journal. Source: RFC 3164."""
    return log_clusters(_of_programs(read_lines(output)), since=_since(output, hours=JOURNAL_HOURS))


_OTHERS = (
    "/(journal|apt|installer|sysstat|unattended-upgrades|postgresql|mysql|mariadb|redis|valkey"
    "|rabbitmq|mongodb)/|/(kern|auth|dpkg|alternatives|cloud-init|boot|bootstrap|Xorg)[^/]*$"
    "|access|mysqld|mariadb"
)
"""Files that other probes read, or that hold no errors of applications."""


@probe(
    "logs.text",
    level=2,
    needs_root=True,
    command=CLOCK_COMMAND
    + f"""\
find /var/log -maxdepth 2 -type f -mmin -{FILES_HOURS * 60} \
  \\( -name '*.log' -o -name '*error*' -o -name '*.err' -o -name '*.out' \\) 2>/dev/null |
grep -vE '{_OTHERS}' |
head -n 25 | {{
  seen=; read_one=
  while read -r file; do
    seen=1
    [ -r "$file" ] || continue
    read_one=1
    printf '\\n==> %s <==\\n' "$file"
    tail -n 200 "$file" | cut -c 1-600
  done
  [ -z "$seen" ] || [ -n "$read_one" ] || exit 77
}}
""",
    reads=(
        "application log",
        "cat FILE",
        "cat syslog",
        "cat /var/log/syslog",
        "cat /var/log/messages",
        "docker compose logs",
        "docker logs",
        "docker-compose logs",
        "journalctl",
        "journalctl -u UNIT",
        "journalctl -xe",
        "kubectl logs",
        "kubectl logs --previous",
        "podman logs",
        "pct exec",
        "tail FILE",
        "tail -n 100 FILE",
        "tail -n 200 FILE",
    ),
)
def text(output: str) -> list[LogCluster]:
    """Warnings and errors in application logs, clustered; known kinds of trouble are named.

    Live, the ends of the files below /var/log that were written in the last 24 hours.
    """
    lines = [line for line in read_lines(output) if not _NO_LOG.search(line.raw)]
    return log_clusters(_of_programs(lines), since=_since(output, hours=FILES_HOURS))


_NO_LOG = re.compile(
    r"Error from server \((?:NotFound\)|BadRequest\): previous terminated container"
    r"|BadRequest\).* is waiting to start: (?:PodInitializing|ContainerCreating))"
    r"|^Command `kubectl .*` failed with return code",
    re.IGNORECASE,
)
"""What kubectl says where there is no log to show: nobody logged it."""


def _since(output: str, *, hours: int) -> datetime | None:
    """The beginning of the window, if the output tells the host's time."""
    clock = next((Clock.read(line) for line in output.splitlines()[:2] if "clock " in line), None)
    return clock.now - timedelta(hours=hours) if clock and clock.now else None
