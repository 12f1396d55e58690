"""What the exit code says; the same in every command."""

from __future__ import annotations

CLEAN = 0
FINDINGS = 1
USAGE = 2
UNREACHABLE = 3
FAILURE = 4
APPROVAL = 5
INTERRUPTED = 130

HELP = (
    "Exit codes: 0 clean · 1 findings at or above --min-severity · 2 usage or configuration · "
    "3 a host unreachable · 4 our own failure · 5 approval needed · 130 interrupted."
)
