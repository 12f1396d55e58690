"""Which known issue a finding is already covered by, as things were before anything was changed."""

from __future__ import annotations

from sme_agent.case import Case, Recognised
from sme_agent.relevance import names
from sme_knowledge.known_issue import KnownIssue
from sme_tools.checks.conditions import Condition, FactContext
from sme_tools.checks.finding import Finding
from sme_tools.facts import Facts


def faulty_facts(case: Case) -> dict[str, Facts]:
    """The facts of each host as they were while the fault was there."""
    before = {
        host: Facts.from_document(document, f"incident {case.incident.id}")
        for host, document in case.incident.facts_before.items()
    }
    return {**case.facts, **before}


def covering(case: Case, finding: Finding) -> KnownIssue | None:
    """The known issue whose signature holds, or held, on what the finding is about."""
    facts = faulty_facts(case).get(finding.host)
    if facts is None:
        return None
    context = FactContext(facts)
    for issue in case.issues:
        if issue.signature is None:
            continue
        verdict = Condition.compile(issue.signature.when, issue.signature.each).evaluate(context)
        if names(case, Recognised(issue, finding.host, verdict), finding):
            return issue
    return None
