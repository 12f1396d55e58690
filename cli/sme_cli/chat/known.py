"""What is known without a model and without a host: near known issues, and what a log says."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from functools import lru_cache
from typing import TYPE_CHECKING

from sme_agent.phrases import count
from sme_tools.safety.control import one_line, visible

if TYPE_CHECKING:
    from sme_agent.case import Case
    from sme_knowledge.known_issue import KnownIssue
    from sme_knowledge.retrieval import Match, Retriever
    from sme_tools.analysis.log_clusters import LogCluster
    from sme_tools.hosts.evidence import Evidence

MOST_ISSUES = 3
MOST_CLUSTERS = 6
SEARCHED_CLUSTERS = 3
"""So many of the gravest lines of a log are looked up among the known issues."""
MOST_STEPS = 3


def answer(case: Case, attached: Sequence[Evidence], retriever: Retriever) -> str:
    """What there is to say, in Markdown: first of what was brought along, then of what is known."""
    blocks = list(of_logs(attached))
    matches: dict[str, Match] = {}
    # What a log says tells more than the words of a question about it.
    for item in attached:
        for cluster in _clusters(item)[:SEARCHED_CLUSTERS]:
            for match in retriever.search(cluster.example, limit=1):
                matches.setdefault(match.issue.id, match)
    for match in case.near:
        matches.setdefault(match.issue.id, match)
    blocks += _of_issues(list(matches.values())[:MOST_ISSUES], case)
    return "\n\n".join(blocks) + "\n"


def of_logs(attached: Sequence[Evidence]) -> Iterator[str]:
    """What is to be said of what was brought along, in Markdown, by paragraphs."""
    for item in attached:
        yield from _of_log(item, _clusters(item))


@lru_cache(maxsize=8)
def _clusters(item: Evidence) -> list[LogCluster]:
    from sme_tools.analysis.log_clusters import log_clusters
    from sme_tools.analysis.log_lines import read_lines

    return log_clusters(read_lines(item.stdout))


def _of_log(item: Evidence, clusters: Sequence[LogCluster]) -> Iterator[str]:
    lines = len(item.stdout.splitlines())
    yield f"**{item.step}** ({count(lines, 'line')}, evidence `{item.id}`)"
    if not clusters:
        yield "No line of it reports trouble of a kind that is known by its words."
        return
    yield "\n".join(_cluster(cluster) for cluster in clusters[:MOST_CLUSTERS])
    if len(clusters) > MOST_CLUSTERS:
        yield f"And {len(clusters) - MOST_CLUSTERS} more kinds of lines of warning or above."


def _cluster(cluster: LogCluster) -> str:
    kind = f" **{cluster.kind}**" if cluster.kind else ""
    times = f"{cluster.count} times" if cluster.count > 1 else "once"
    last = f", last at {cluster.last:%F %T}" if cluster.last else ""
    at_end = ", among its last words" if cluster.at_end else ""
    who = _plain(cluster.origin)
    return f"- {cluster.level}{kind} from {who}, {times}{last}{at_end}:\n  {_code(cluster.example)}"


def _of_issues(matches: Sequence[Match], case: Case) -> Iterator[str]:
    if not matches:
        why = _plain(case.near_reason or "nothing was asked").rstrip(".")
        yield f"No known issue is near: {why}."
        return
    yield "What is known that may be near (no host was looked at, so none of it is proven):"
    for match in matches:
        yield "\n\n".join(_issue(match.issue, match.why))


def _issue(issue: KnownIssue, why: str) -> Iterator[str]:
    yield f"### {_plain(issue.title)}"
    yield f"{_plain(issue.root_cause)}"
    steps = [
        f"{number}. {_plain(step.title)}:\n   {_code(step.run)}"
        for number, step in enumerate(issue.resolution[:MOST_STEPS], 1)
    ]
    if steps:
        yield "\n".join(steps)
    yield f"Known issue `{issue.id}` ({issue.status}); found by {_plain(why)}"


def _plain(text: str) -> str:
    """Text as one line that can't become markup of ours."""
    line = one_line(text)
    for mark in "\\`*_[]<>#|":
        line = line.replace(mark, f"\\{mark}")
    return line


def _code(text: str) -> str:
    """One line of code, to the letter."""
    first, *rest = visible(text).strip().splitlines() or [""]
    line = first + (" …" if rest else "")
    fence = "`" * (max((len(run) for run in _runs(line)), default=0) + 1)
    pad = " " if line.startswith("`") or line.endswith("`") else ""
    return f"{fence}{pad}{line}{pad}{fence}"


def _runs(line: str) -> list[str]:
    import re

    return re.findall(r"`+", line)
