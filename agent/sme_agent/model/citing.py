"""Reading what a model cites as it is meant: ids in brackets, findings in place of their evidence.

Nothing is added that is not in the case: a finding stands for the outputs that it rests on, a probe
for its latest output, and a quote that the rules rest on for what they rest on it.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from sme_agent.case import Case
from sme_agent.diagnosis import diagnose
from sme_agent.model.arguments import Cause, Conclude
from sme_agent.model.bench import Bench, id_of
from sme_memory.incident import Claim
from sme_tools.checks.finding import Finding

TELLING_CHARS = 12
"""A quote of fewer does not tell which cause is meant."""

_MARKS = re.compile(r"^\s*>\s+|\s+\[\S+/\S+#\d+\]$")
"""What the case puts around a line: the mark before it, the id of its output behind it."""


def as_meant(stated: Conclude, bench: Bench) -> Conclude:
    """The conclusion with its ids as the case has them; what can't be told is left as it is."""
    case = bench.case
    roots = diagnose(case).root_causes if stated.causes and case.facts else []
    causes = [_cause(cause, bench, roots) for cause in stated.causes]
    return stated.model_copy(update={"causes": causes})


def _cause(cause: Cause, bench: Bench, roots: list[Claim]) -> Cause:
    case = bench.case
    host = cause.host or (next(iter(case.hosts)) if len(case.hosts) == 1 else "")
    named = [bench.finding(id) for id in [cause.finding or "", *cause.evidence]]
    finding = next((one for one in named if one is not None), None)
    cited = [id for told in cause.evidence for id in _ids(told, host, bench)]
    if not cited and finding is not None:
        cited = list(finding.evidence)
    update: dict[str, object] = {
        "host": host,
        "evidence": list(dict.fromkeys(cited)),
        "quotes": [_MARKS.sub("", quote) for quote in cause.quotes],
    }
    if finding is not None and not cause.finding:
        update["finding"] = id_of(finding)
    if root := next((one for one in roots if _is_about(one, cause, finding, host)), None):
        update["known_issue"] = cause.known_issue or root.known_issue
        update.setdefault("finding", cause.finding or _id_of(root, case))
    return cause.model_copy(update=update)


def _ids(told: str, host: str, bench: Bench) -> Iterator[str]:
    """The evidence that is meant by what a model gave as an id; that itself if none is."""
    id = told.strip(" []`")
    if id in bench.case.evidence:
        yield id
    elif (finding := bench.finding(id)) is not None:
        yield from finding.evidence
    else:
        of_host = [one for one in bench.case.evidence.values() if one.host == host]
        meant = [one.id for one in of_host if id in (one.step, one.id.removeprefix(f"{host}/"))]
        yield meant[-1] if meant else told


def _is_about(root: Claim, cause: Cause, finding: Finding | None, host: str) -> bool:
    """Whether a root cause of the rules is the one that the model states."""
    if finding is not None:
        return root.finding == finding.fingerprint
    if not any(quote.evidence.startswith(f"{host}/") for quote in root.quotes[:1]):
        return False
    told = [_plain(quote) for quote in cause.quotes]
    known = [_plain(quote.line) for quote in root.quotes[:1]]
    return any(
        min(len(one), len(line)) >= TELLING_CHARS and (one in line or line in one)
        for one in told
        for line in known
    )


def _plain(text: str) -> str:
    return " ".join(text.replace("…", " ").split())


def _id_of(root: Claim, case: Case) -> str | None:
    found = (one for one in case.incident.findings if one.fingerprint == root.finding)
    return next(map(id_of, found), None)
