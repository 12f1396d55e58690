"""Retrieval: the known issues that a text may be about, and why.

`Bm25Retriever` needs nothing but the standard library; `HybridRetriever` (sme_knowledge.hybrid)
adds sentence embeddings. Both say why they found something, and why they found nothing.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Protocol

from sme_knowledge.known_issue import KnownIssue

FIELDS = ("title", "symptoms", "root_cause", "rest")
"""What is searched, each with a weight of its own; `rest` is everything else of value."""


@dataclass(frozen=True)
class Match:
    """A known issue that a query may be about."""

    issue: KnownIssue
    score: float
    """Larger is nearer; comparable within one search only."""
    why: str
    """Which words matched where: `symptoms: "s6-applyuidgid", "operation not permitted"`."""


class Matches(list[Match]):
    """What a search found, the nearest first; if that is nothing, `why_nothing` says why."""

    def __init__(self, matches: Iterable[Match] = (), why_nothing: str = "") -> None:
        super().__init__(matches)
        self.why_nothing = why_nothing


class Retriever(Protocol):
    """A way to find known issues. Implementations: Bm25Retriever, HybridRetriever."""

    def search(self, query: str, limit: int = 5) -> Matches:
        """The issues that the query may be about, at most `limit`, the nearest first.

        Any text is a valid query. A query that is about none of the issues finds none, and the
        result says why.
        """
        ...


def field_texts(issue: KnownIssue) -> dict[str, str]:
    """The text of each of FIELDS."""
    return {
        "title": f"{issue.title}\n{issue.id}",
        "symptoms": "\n".join(issue.symptoms),
        "root_cause": issue.root_cause,
        "rest": "\n".join(
            [
                " ".join(issue.applies_to),
                *(step.title for step in issue.resolution),
                *(look.why for look in issue.diagnosis),
                *(item.text for item in issue.prevention),
                issue.story,
            ]
        ),
    }
