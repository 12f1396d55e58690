"""Which causes of an incident are mended, and which are left."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence

from sme_memory.incident import Claim, Incident
from sme_tools.actions.journal import Change


def left(incident: Incident) -> Iterator[tuple[str, Claim]]:
    """Each host, and each root cause there that nothing done so far has mended.

    Where a person named a known issue that no root cause there rests on, that person knew better:
    once it is mended, nothing is left on that host.
    """
    if incident.diagnosis is None:
        return
    mended = Counter(
        (one.host, one.issue) for one in incident.repairs if one.outcome.host_state == "new"
    )
    claims = [
        (host, claim)
        for claim in incident.diagnosis.root_causes
        for host in _hosts(incident, claim)
    ]
    known = {(host, claim.known_issue) for host, claim in claims}
    by_word = {host for host, issue in mended if (host, issue) not in known}
    for host, claim in claims:
        if host in by_word:
            continue
        if claim.known_issue is not None and mended[host, claim.known_issue] > 0:
            mended[host, claim.known_issue] -= 1  # two causes may rest on one issue
            continue
        yield host, claim


def unrecorded(incident: Incident, changes: Sequence[Change]) -> list[Change]:
    """Of an incident's changes, those that are over and of which it does not know the outcome.

    They are from a moment in which our own disk took the change's record, but not the incident.
    """
    known = {(one.change, one.outcome) for one in incident.repairs}
    over = [one for one in changes if one.phase == "ended" and one.has_begun]
    return [one for one in over if (one.id, one.outcome) not in known]


def is_resolved(incident: Incident) -> bool:
    """Whether something was done on every host where it was tried, and no cause is left."""
    states = {(one.host, one.issue): one.outcome.host_state for one in incident.repairs}
    mended = {host for (host, _), state in states.items() if state == "new"}
    tried = {host for host, _ in states}
    if not mended or mended != tried or {"between", "unknown"} & set(states.values()):
        return False
    return next(left(incident), None) is None


def _hosts(incident: Incident, claim: Claim) -> list[str]:
    found = {one.host for one in incident.findings if one.fingerprint == claim.finding}
    found = found or {id.rpartition("/")[0] for id in claim.evidence}
    return [host for host in incident.hosts if host in found]
