"""What to do next: specific, in order, and no more than a person will read."""

from __future__ import annotations

from sme_agent.case import Case
from sme_agent.phrases import MOST_NAMED, several, shortened
from sme_agent.roots import Root, all_roots
from sme_knowledge.known_issue import KnownIssue
from sme_memory.incident import NextStep, Verdict
from sme_tools.checks.causes import CauseGraph
from sme_tools.checks.finding import Finding
from sme_tools.checks.ties import ties
from sme_tools.checks.wording import human_bytes

MOST_STEPS = 6
MOST_COMPARED = 3
"""Known issues to compare with, where none is proven."""
MOST_LARGE = 3
"""Directories to name where space has run out."""
MOST_UNTIED = 2
"""Things that are wrong but do not fit the symptom."""


def next_steps(
    case: Case, graph: CauseGraph, verdict: Verdict, roots: list[Root]
) -> list[NextStep]:
    """The steps for each root cause; without one, what would show it."""
    steps = [step for root in roots for step in _steps_of(case, root, most=4 - len(roots))]
    ways = _ways_to_the_unreached(case)
    steps = [*steps[:MOST_STEPS], *ways]
    unread_ = [] if verdict == "cause-found" else _make_readable(case)
    if verdict in ("cause-unknown", "incomplete"):
        steps += _looks_still_open(case, graph, told=bool(steps or unread_))
    steps += unread_
    return steps[: MOST_STEPS + len(ways)]


def _steps_of(case: Case, root: Root, most: int) -> list[NextStep]:
    """The remedy of the check, then the first steps of the known issue."""
    steps = []
    if root.finding is not None:
        largest = _largest_on(case, root.finding)
        text = f"{root.finding.remedy} {largest}".strip()
        steps.append(NextStep(text=text, why=f"{root.host}: {root.title}"))
    if root.issue is not None:
        steps += [
            NextStep(text=step.title, command=step.run, why=f"known issue {root.issue.id}")
            for step in root.issue.resolution[:most]
        ]
    return steps


def _largest_on(case: Case, finding: Finding) -> str:
    """Where the space of a filesystem that runs out of it has gone, if that was looked at."""
    if not finding.check.startswith("storage.filesystem-") or "used_percent" not in finding.facts:
        return ""
    facts = case.facts[finding.host]
    mount, on_mount = finding.subject, ties(facts)["on_mount"]
    sizes = {
        item["path"]: item["size_bytes"]
        for item in facts.get("storage.largest_directories") or []
        if item["path"] != mount and on_mount(item["path"], mount)
    }
    # A directory that is nearly as large as one within it says nothing that the inner one does not.
    telling = [
        path
        for path, size in sizes.items()
        if not any(p.startswith(path + "/") and 4 * s > 3 * size for p, s in sizes.items())
    ]
    telling.sort(key=lambda path: -sizes[path])
    named = ", ".join(f"{path} ({human_bytes(sizes[path])})" for path in telling[:MOST_LARGE])
    return f"Largest there: {named}." if named else ""


def _ways_to_the_unreached(case: Case) -> list[NextStep]:
    return [
        NextStep(
            text=case.remedies.get(host) or f"See why it was not reached: sme hosts test {host}",
            why=f"{host}: {shortened(reason)}",
        )
        for host, reason in list(case.incident.unreachable.items())[:MOST_NAMED]
    ]


def _make_readable(case: Case) -> list[NextStep]:
    return [
        NextStep(text=_way_to_read(host, several(ids), reason), why=shortened(reason))
        for (host, reason), ids in unread(case).items()
        if host not in case.incident.unreachable
    ]


def _way_to_read(host: str, probes: str, reason: str) -> str:
    if reason.startswith("needs root"):
        return f"Make readable on {host}: {probes}: set user: root, or sudo: true, in hosts.yaml"
    if reason == "not in the snapshot":
        return f"Record {host} anew, for it lacks {probes}: sme snapshot {host} -o FILE"
    if reason.startswith("timed out"):
        return f"See what keeps {probes} waiting on {host}"
    return f"Make readable on {host}: {probes}"


def _looks_still_open(case: Case, graph: CauseGraph, *, told: bool) -> list[NextStep]:
    """What would decide the hypotheses that the evidence did not reach."""
    undecided = {
        h.cause.split("@")[0]: h.reason
        for h in case.incident.hypotheses
        if h.status in ("open", "inconclusive") and h.cause and "@" in h.cause
    }
    near = [match.issue for match in case.near if match.issue.id in undecided][:MOST_COMPARED]
    steps = [
        _compare(issue, undecided[issue.id], first=number == 0) for number, issue in enumerate(near)
    ]
    steps += [
        NextStep(
            text=f"Mend in any case: {root.title}. {root.finding.remedy}",
            why="it is wrong, although nothing ties it to the symptom",
        )
        for root in all_roots(case, graph)[:MOST_UNTIED]
        if root.finding is not None
    ]
    if not told:
        steps.append(
            NextStep(
                text="Look again while the trouble is happening, and say when it began",
                why="nothing that is measured now fits the symptom",
            )
        )
    return steps


def _compare(issue: KnownIssue, reason: str, *, first: bool) -> NextStep:
    """For the nearest, the look that its resolution begins with; for others, where to read."""
    if first:
        look = issue.resolution[0]
        return NextStep(
            text=f"If it is “{issue.title}”: {look.title}",
            command=look.run,
            why=f"known issue {issue.id}: {reason}",
        )
    return NextStep(
        text=f"Compare with known issue {issue.id}: {issue.title}",
        command=f"sme issues show {issue.id}",
        why=reason,
    )


def unread(case: Case) -> dict[tuple[str, str], list[str]]:
    """The probes that could not be read, by host and reason."""
    found: dict[tuple[str, str], list[str]] = {}
    for host, facts in case.facts.items():
        for run in facts.unknown():
            found.setdefault((host, run.reason or ""), []).append(run.id)
    return found
