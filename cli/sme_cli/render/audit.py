"""The audit log, for reading."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from typing import TYPE_CHECKING

from sme_cli.render.out import console, print_table
from sme_tools.hosts.purpose import OWN_COMMAND
from sme_tools.safety.control import one_line

if TYPE_CHECKING:
    from sme_memory.chained_log import LogEntry

HEADERS = ("SEQ", "AT", "HOST", "BY", "VERDICT", "APPROVAL", "RESULT", "COMMAND")
LEAST_WIDTH = 24
"""Of the command, however narrow the terminal is."""


def print_entries(entries: Sequence[LogEntry]) -> None:
    """A line for each entry; in a terminal, commands are cut to what fits beside the rest."""
    rows = [_row(entry) for entry in entries]
    if sys.stdout.isatty() and rows:
        widths = [max(len(row[n]) for row in rows) for n in range(len(HEADERS) - 1)]
        beside = sum(max(w, len(h)) + 2 for w, h in zip(widths, HEADERS, strict=False) if w)
        width = max(console().width - beside, LEAST_WIDTH)
        rows = [(*row[:-1], _cut(row[-1], width)) for row in rows]
    print_table(HEADERS, rows, empty="no such entries in the audit log")


def _row(entry: LogEntry) -> tuple[str, ...]:
    data = entry.data
    approval = data.get("id") if entry.kind.startswith("approval.") else data.get("approval")
    told = (
        str(entry.seq),
        entry.at.astimezone().strftime("%F %T"),
        entry.subject,
        entry.actor,
        data.get("verdict"),
        approval,
        _result(entry),
        _command(entry),
    )
    return tuple(one_line(str(cell or "")) for cell in told)


def _result(entry: LogEntry) -> str:
    if entry.kind == "command.ended":
        how = entry.data.get("outcome")
        how = f"exit {entry.data.get('exit_code')}" if how == "completed" else how
        return f"{how}, {entry.data.get('duration_s')} s"
    return entry.kind.partition(".")[2]


def _command(entry: LogEntry) -> str:
    data = entry.data
    if entry.kind == "script.failed":
        silent = ", ".join(data.get("unanswered", ()))
        return f"{data.get('error')}" + (f"; no answer from: {silent}" if silent else "")
    if data.get("reason") == OWN_COMMAND:
        return f"{data.get('step')}: {data.get('command')}"
    return str(data.get("command") or "")


def _cut(text: str, width: int) -> str:
    return text if len(text) <= width else f"{text[: width - 1]}…"
