"""Asking the host again when the connection broke: every errand of a change may run twice."""

from __future__ import annotations

from sme_tools.actions.ports import Clock, Errand, Hands
from sme_tools.errors import HostLost, HostUnreachable
from sme_tools.hosts.evidence import Evidence

PATIENCE_S = 120.0
"""How long a host that went away in mid-change is waited for."""
LONGEST_PAUSE_S = 15.0


def ask(hands: Hands, errand: Errand, clock: Clock, patience_s: float = PATIENCE_S) -> Evidence:
    """Run an errand that does no harm when it runs twice, until it came to its end.

    Raises:
        HostLost, HostUnreachable: the host stayed away.
        HostError: it does not let us in, or the errand did not end in its time.
    """
    deadline = clock.now() + patience_s
    pause_s = 0.5
    while True:
        try:
            evidence = hands.run(errand)
        except (HostLost, HostUnreachable):
            if clock.now() + pause_s > deadline:
                raise
            clock.sleep(pause_s)
            pause_s = min(pause_s * 2, LONGEST_PAUSE_S)
        else:
            return evidence


def complaint(evidence: Evidence) -> str:
    """Why it failed, in one line."""
    if evidence.outcome != "completed":
        return f"{evidence.outcome} after {evidence.duration_s:.0f} s"
    said = (evidence.stderr.strip() or evidence.stdout.strip()).split("\n")[-1][:200]
    return f"exit code {evidence.exit_code}" + (f": {said}" if said else "")
