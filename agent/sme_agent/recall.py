"""Recall: what is known about this already, by signature, by text, and from past incidents."""

from __future__ import annotations

from sme_agent.case import Case
from sme_knowledge.retrieval import Retriever
from sme_memory.incidents import IncidentStore
from sme_tools.checks.conditions import Holds
from sme_tools.checks.finding import at_least

NEAREST = 5


def recall(case: Case, retriever: Retriever, incidents: IncidentStore) -> str:
    """Fill the case with what is near to it; returns one line that says what was found."""
    found = retriever.search(_query(case), limit=NEAREST)
    case.near = list(found)
    case.near_reason = found.why_nothing or None
    prints = [finding.fingerprint for finding in case.incident.findings]
    case.seen_before = incidents.seen_before(prints, other_than=case.incident.id)
    recognised = sorted({r.issue.id for r in case.recognised if isinstance(r.verdict, Holds)})
    near = [match.issue.id for match in case.near]
    return (
        f"recognised by signature: {', '.join(recognised) or 'none'}; "
        f"near by text: {', '.join(near) or found.why_nothing or 'none'}; "
        f"seen before: {len(case.seen_before)} of {len(prints)} findings"
    )


def _query(case: Case) -> str:
    """The user's own words; without them, the titles of the grave findings."""
    if case.incident.symptom:
        return case.incident.symptom
    grave = [f.title for f in case.incident.findings if at_least(f.severity, "medium")]
    return ". ".join(grave[:5])
