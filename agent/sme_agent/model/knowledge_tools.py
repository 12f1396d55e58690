"""The tools that look up what is known: known issues and past incidents."""

from __future__ import annotations

from difflib import get_close_matches

from sme_agent.case import Case
from sme_agent.model.arguments import KnownIssues, PastIncidents
from sme_agent.model.bench import Bench, Refusal, Told
from sme_agent.symptom import words_of
from sme_knowledge.known_issue import KnownIssue
from sme_memory.incident import Incident
from sme_tools.checks.conditions import Clear, Holds
from sme_tools.errors import UsageError

MOST = 6
MOST_READ = 200
"""Past incidents that are gone through."""


def known_issues(asked: KnownIssues, bench: Bench) -> Told:
    """A search, or one issue with its resolution."""
    if asked.id:
        issue = next((one for one in bench.case.issues if one.id == asked.id), None)
        if issue is None:
            near = get_close_matches(asked.id, [one.id for one in bench.case.issues], cutoff=0.4)
            raise bench.no_such("known issue", asked.id, near)
        text = bench.present.text("issue", issue=issue, hosts=_verdicts(bench.case, issue))
        return Told(_data(bench, text, f"known issue {issue.id}"), f"read known issue {issue.id}")
    found = bench.desk.retriever.search(asked.query or "", limit=MOST)
    text = bench.present.text(
        "issues",
        matches=[(match, _verdicts(bench.case, match.issue)) for match in found],
        why_nothing=found.why_nothing,
    )
    return Told(_data(bench, text, "known issues"), f"searched known issues: {asked.query}")


def past_incidents(asked: PastIncidents, bench: Bench) -> Told:
    """Incidents of before that are like this one, or one of them."""
    if asked.id:
        try:
            incident = bench.desk.incidents.load(asked.id)
        except UsageError as error:
            raise Refusal(error.message) from error
        text = bench.present.text("incident", incident=incident)
        return Told(_data(bench, text, f"incident {incident.id}"), f"read incident {incident.id}")
    past = bench.desk.incidents.list(host=asked.host, limit=MOST_READ)
    others = [one for one in past if one.id != bench.case.incident.id]
    near = sorted(others, key=lambda one: -_likeness(one, asked.query, bench.case))
    near = [one for one in near if _likeness(one, asked.query, bench.case) > 0 or not asked.query]
    text = bench.present.text("incidents", incidents=near[:MOST], searched=len(others))
    return Told(_data(bench, text, "past incidents"), "searched past incidents")


def _likeness(incident: Incident, query: str | None, case: Case) -> int:
    """Findings in common count three words each."""
    mine = {finding.fingerprint for finding in case.incident.findings}
    common = sum(finding.fingerprint in mine for finding in incident.findings)
    summary = incident.diagnosis.summary if incident.diagnosis else ""
    words = words_of(f"{incident.symptom or ''} {summary}") & words_of(query or "")
    return len(words) if query else 3 * common


def _verdicts(case: Case, issue: KnownIssue) -> dict[str, str]:
    """On which hosts the signature holds, and on which not."""
    said = {Holds: "holds", Clear: "does not hold"}
    return {
        seen.host: said.get(type(seen.verdict), "can't be judged yet")
        for seen in case.recognised
        if seen.issue.id == issue.id
    }


def _data(bench: Bench, text: str, source: str) -> str:
    """Files may come from anybody, so they are data as well."""
    return bench.present.fenced(text, source, bench.most_chars)
