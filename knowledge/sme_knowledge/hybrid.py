"""Retrieval by words and by meaning together."""

from __future__ import annotations

import statistics
import threading
from collections.abc import Iterable, Sequence
from itertools import islice
from pathlib import Path

from sme_knowledge.bm25 import Bm25Retriever
from sme_knowledge.embedding import (
    Embedder,
    EmbeddingCache,
    SentenceTransformerEmbedder,
    cosines,
)
from sme_knowledge.known_issue import KnownIssue
from sme_knowledge.retrieval import Match, Matches

BM25_SHARE = 0.3
EMBEDDING_SHARE = 0.7
"""Of the sum of z-scores. Measured as the best of 0.1 … 0.9 on 288 phrasings of 51 issues."""

MIN_COSINE = 0.4
"""Under this cosine two texts are not about the same thing, for models of the MiniLM kind."""
MAX_QUERY_CHARS = 2_000
"""What is embedded of a query; such models read about 256 words and leave the rest."""


class HybridRetriever:
    """BM25 and sentence embeddings, each as z-scores over all issues, added 0.3 to 0.7.

    An issue is shown if either of the two finds it near enough. Safe to use from several threads.
    """

    def __init__(
        self,
        issues: Iterable[KnownIssue],
        model: str | Embedder,
        *,
        cache_folder: Path,
        download: bool = False,
        min_cosine: float = MIN_COSINE,
    ) -> None:
        """Index these issues; their embeddings are kept under `cache_folder`.

        `model` is a folder, a model's name (fetched from the hub only with `download`), or an
        embedder.

        Raises:
            UsageError: the extra [sentence-transformers] is not installed, or the model is not
                on this machine.
            StateError: the cache can't be written.
        """
        self.issues: Sequence[KnownIssue] = list(issues)
        self.min_cosine = min_cosine
        if isinstance(model, str):
            model = SentenceTransformerEmbedder(model, download=download)
        self._embedder: Embedder = model
        self._words = Bm25Retriever(self.issues)
        self._lock = threading.Lock()
        texts = [passages(issue) for issue in self.issues]
        self._sizes = [len(of_issue) for of_issue in texts]
        cache = EmbeddingCache(cache_folder)
        try:
            vectors = cache.vectors(self._embedder, [text for some in texts for text in some])
        finally:
            cache.close()
        self._cosines = cosines(vectors)

    def search(self, query: str, limit: int = 5) -> Matches:
        """See Retriever."""
        by_words = self._words.search(query, limit=max(limit, 20))
        if not self.issues or not query.strip():
            return Matches(why_nothing=by_words.why_nothing)
        near = self._nearness(query[:MAX_QUERY_CHARS])
        scores = self._words.scores(query)
        summed = [
            BM25_SHARE * word + EMBEDDING_SHARE * meaning
            for word, meaning in zip(
                z_scores([scores.get(row, 0.0) for row in range(len(self.issues))]),
                z_scores(near),
                strict=True,
            )
        ]
        why = {match.issue.id: match.why for match in by_words}
        found = []
        for row in sorted(range(len(self.issues)), key=lambda row: -summed[row]):
            issue = self.issues[row]
            if near[row] >= self.min_cosine or issue.id in why:
                reasons = [f"meaning: {near[row]:.2f} near"] * (near[row] >= self.min_cosine)
                reasons += [why[issue.id]] if issue.id in why else []
                found.append(Match(issue, summed[row], "; ".join(reasons)))
                if len(found) == limit:
                    break
        if found:
            return Matches(found)
        return Matches(
            why_nothing=f"{by_words.why_nothing} The nearest in meaning reaches {max(near):.2f}; "
            f"{self.min_cosine:.2f} would be needed."
        )

    def _nearness(self, query: str) -> list[float]:
        """For each issue, the cosine of its nearest passage with the query."""
        with self._lock:
            (vector,) = self._embedder.embed([query])
        values = iter(self._cosines(vector))
        return [max(islice(values, size)) for size in self._sizes]


def passages(issue: KnownIssue) -> list[str]:
    """The texts of an issue that are embedded; the nearest of them counts.

    A symptom is as short as a query, and one vector for all of them would be near to none.
    """
    return [f"{issue.title}\n{issue.root_cause}", *issue.symptoms]


def z_scores(values: Sequence[float]) -> list[float]:
    """Each value's distance from the mean, in standard deviations; all 0 if they are equal."""
    deviation = statistics.pstdev(values) if values else 0.0
    if deviation == 0:
        return [0.0] * len(values)
    mean = statistics.fmean(values)
    return [(value - mean) / deviation for value in values]
