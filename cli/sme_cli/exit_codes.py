"""What the exit code says; the same in every command.

`sme fix` answers whether it is fixed, by the state that the hosts are in afterwards:

    0    fixed, on every host; with --undo: taken back
    1    not fixed; nothing is left of it: declined, refused, taken back, or there is no plan
    2    usage or configuration
    3    a host is lost, in which state is unknown
    4    a host is between its states, as when an undo failed; or our own failure
    5    a step waits for approval
    130  interrupted; --resume goes on

Of several hosts the gravest counts: 130, 4, 3, 5, 1, 0.
"""

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
FIX_HELP = (
    "Exit codes: 0 fixed · 1 not fixed, and nothing is left of it · 2 usage or configuration · "
    "3 a host is lost · 4 a host is left between its states, or our own failure · "
    "5 approval needed · 130 interrupted."
)
ASK_HELP = (
    "Exit codes: 0 answered · 2 usage or configuration · 3 a host unreachable · "
    "4 our own failure · 130 interrupted."
)
MODEL_TEST_HELP = (
    "Exit codes: 0 all of them work · 1 one does not · 2 usage or configuration · "
    "4 our own failure · 130 interrupted."
)
