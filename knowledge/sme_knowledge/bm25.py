"""BM25 through SQLite's full-text search (FTS5), on text that we have brought into one spelling.

Source: Robertson and Zaragoza, "The Probabilistic Relevance Framework: BM25 and Beyond" (2009);
https://www.sqlite.org/fts5.html, "The bm25() function".
"""

from __future__ import annotations

import contextlib
import hashlib
import math
import os
import sqlite3
import tempfile
import threading
import weakref
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

from sme_knowledge.known_issue import KnownIssue
from sme_knowledge.retrieval import FIELDS, Match, Matches, field_texts
from sme_knowledge.text import Term, terms, tokens
from sme_tools.errors import StateError, UsageError

INDEX_VERSION = 1
"""Part of the fingerprint: raise it when the same issues give another index."""

WEIGHTS = {"title": 3.0, "symptoms": 3.0, "root_cause": 1.0, "rest": 0.5}

EVIDENCE = {"title": 1.0, "symptoms": 1.0, "root_cause": 0.7, "rest": 0.35}
"""How far a word in that field speaks for the issue: incidental words stand in the long texts."""
EXACT_BONUS = 1.5
"""A whole identifier or code that matches (`s6-applyuidgid`, `Xid 79`) is no chance."""

MIN_STRENGTH = 0.9
"""What the matching words must weigh, in words that only one issue has …"""
MIN_COVERAGE = 0.1
"""… if they are this share of what the query's words weigh; a pasted log has many words."""
MIN_STRENGTH_OF_SHORT = 0.3
MIN_COVERAGE_OF_SHORT = 0.4
"""A short query says it in one common word: `wrong image name`, `53`."""

MAX_TOKENS = 48
"""Of a longer query the rarest tokens are asked for."""
MAX_ROWS_RATED = 6_000
"""About how many rows a search may rate; then the commonest tokens are left out."""
MIN_RELATIVE = 0.25
"""A match is dropped if its score is under this share of the best one's."""


@dataclass(frozen=True)
class _Asked:
    """A query's terms with what the index knows of their tokens."""

    terms: list[Term]
    weight: dict[str, float]
    """Inverse document frequency of each token that occurs."""
    unseen: float
    """What a word weighs that no issue has."""

    def evidence(self, fields: dict[str, set[str]]) -> tuple[float, float]:
        """Strength (in words that only one issue has) and coverage (0 to 1) of a match."""
        total = matched = 0.0
        for term in {term.tokens: term for term in self.terms}.values():
            here = max((self._worth(token, term, fields) for token in term.tokens), default=0.0)
            if here or not term.is_alias:
                most = max((self.weight.get(token, 0.0) for token in term.tokens), default=0.0)
                total += most or self.unseen
                matched += here
        return matched / self.unseen, (matched / total if total else 0.0)

    def _worth(self, token: str, term: Term, fields: dict[str, set[str]]) -> float:
        found = max((EVIDENCE[name] for name in FIELDS if token in fields[name]), default=0.0)
        exact = token == term.exact
        return self.weight.get(token, 0.0) * found * (EXACT_BONUS if exact else 1.0)

    def is_enough(self, fields: dict[str, set[str]]) -> bool:
        """Whether an issue with these words is worth showing."""
        strength, coverage = self.evidence(fields)
        return (strength >= MIN_STRENGTH and coverage >= MIN_COVERAGE) or (
            strength >= MIN_STRENGTH_OF_SHORT and coverage >= MIN_COVERAGE_OF_SHORT
        )


class Bm25Retriever:
    """Word search over known issues, in memory or in a file that is reused while it fits.

    Safe to use from several threads.
    """

    def __init__(self, issues: Iterable[KnownIssue], path: Path | None = None) -> None:
        """Index these issues; `path` is the file to keep the index in.

        Raises:
            UsageError: this Python's SQLite was built without FTS5.
            StateError: the file can't be written.
        """
        self.issues: Sequence[KnownIssue] = list(issues)
        _need_fts5()
        self._lock = threading.Lock()
        self._db = _build(self.issues) if path is None else _open(self.issues, path)
        weakref.finalize(self, self._db.close)

    def search(self, query: str, limit: int = 5) -> Matches:
        """See Retriever."""
        asked = self._ask(query)
        if not self.issues:
            return Matches(why_nothing="There are no known issues yet.")
        if not any(term.tokens for term in asked.terms):
            return Matches(why_nothing="The query holds no word that tells one issue from another.")
        if not asked.weight:
            return Matches(
                why_nothing=f"No known issue has any of the words {_shown(asked.terms)}."
            )
        found: list[Match] = []
        for row, score, fields in self._rated(asked, max(limit * 3, 20)):
            match = self._judge(asked, row, score, fields)
            if match and (not found or score >= MIN_RELATIVE * found[0].score):
                found.append(match)
        if found:
            return Matches(found[:limit])
        known = [term for term in asked.terms if any(t in asked.weight for t in term.tokens)]
        return Matches(
            why_nothing=f"Only {_shown(known)} of the query occurs in known issues: too little."
        )

    def scores(self, query: str) -> dict[int, float]:
        """The score of every issue that shares a word with the query, by its place in `issues`."""
        return {row: score for row, score, _ in self._rated(self._ask(query), len(self.issues))}

    def _ask(self, query: str) -> _Asked:
        asked = terms(query)
        total = len(self.issues)
        weight = {}
        with self._lock:
            for token in dict.fromkeys(token for term in asked for token in term.tokens):
                row = self._db.execute("SELECT doc FROM words WHERE term = ?", (token,)).fetchone()
                if row:
                    weight[token] = _idf(total, row[0])
        return _Asked(asked, weight, _idf(total, 0))

    def _rated(self, asked: _Asked, limit: int) -> list[tuple[int, float, dict[str, set[str]]]]:
        """Place, score and tokens by field of the rows with the best scores."""
        chosen = self._affordable(asked)
        if not chosen:
            return []
        # Tokens are letters and digits only, so quoting them is all the escaping there is.
        match = " OR ".join(f'"{token}"' for token in chosen)
        weights = ", ".join(str(WEIGHTS[name]) for name in FIELDS)
        with self._lock:
            rows = self._db.execute(
                f"SELECT rowid, -bm25(issues, {weights}) AS score, {', '.join(FIELDS)} "
                "FROM issues WHERE issues MATCH ? ORDER BY score DESC, rowid LIMIT ?",
                (match, limit),
            ).fetchall()
        return [
            (
                row,
                score,
                {name: set(text.split()) for name, text in zip(FIELDS, texts, strict=True)},
            )
            for row, score, *texts in rows
        ]

    def _affordable(self, asked: _Asked) -> list[str]:
        """The rarest tokens, as many as may be asked for."""
        total = len(self.issues)
        chosen: list[str] = []
        rows = 0.0
        for token, weight in sorted(asked.weight.items(), key=lambda item: -item[1])[:MAX_TOKENS]:
            rows += _df(total, weight)
            if chosen and rows > MAX_ROWS_RATED:
                break
            chosen.append(token)
        return chosen

    def _judge(
        self, asked: _Asked, row: int, score: float, fields: dict[str, set[str]]
    ) -> Match | None:
        """The row as a match, or None if it shares too little with the query."""
        if not asked.is_enough(fields):
            return None
        return Match(self.issues[row], score, _why(asked, fields))


def _why(asked: _Asked, fields: dict[str, set[str]]) -> str:
    """Each word of the query that matched, with the field that counts most."""
    by_field: dict[str, list[Term]] = {}
    for term in asked.terms:
        for name in FIELDS:
            if any(token in fields[name] for token in term.tokens):
                by_field.setdefault(name, []).append(term)
                break
    names = {"root_cause": "root cause", "rest": "text"}
    return "; ".join(
        f"{names.get(name, name)}: {_shown(by_field[name])}" for name in FIELDS if name in by_field
    )


def _shown(found: list[Term], most: int = 6) -> str:
    words = list(dict.fromkeys(term.shown.lower()[:40] for term in found))
    shown = ", ".join(f"“{word}”" for word in words[:most])
    return shown + (f" and {len(words) - most} more" if len(words) > most else "")


def _idf(total: int, having: int) -> float:
    return math.log(1 + (total - having + 0.5) / (having + 0.5))


def _df(total: int, idf: float) -> float:
    """The number of rows with a token of this weight: `_idf` the other way round."""
    return (total + 1) / math.exp(idf) - 0.5


def _need_fts5() -> None:
    with contextlib.closing(sqlite3.connect(":memory:")) as db:
        try:
            db.execute("CREATE VIRTUAL TABLE probe USING fts5(x)")
        except sqlite3.OperationalError as error:
            raise UsageError(
                f"searching known issues needs SQLite with FTS5: {error}",
                remedy="Use a Python whose SQLite has FTS5: those of python.org, Debian, Homebrew "
                "and uv have it. Check: sme doctor",
            ) from error


def _build(issues: Sequence[KnownIssue], path: Path | None = None) -> sqlite3.Connection:
    """A new index, in memory or in a file that does not exist yet."""
    db = sqlite3.connect(path or ":memory:", check_same_thread=False, isolation_level=None)
    db.executescript(
        "PRAGMA journal_mode = OFF; PRAGMA synchronous = OFF;"
        f"CREATE VIRTUAL TABLE issues USING fts5({', '.join(FIELDS)}, tokenize = 'unicode61');"
        "CREATE VIRTUAL TABLE words USING fts5vocab(issues, row);"
        "CREATE TABLE made_of (fingerprint TEXT); BEGIN"
    )
    marks = ", ".join("?" * (len(FIELDS) + 1))
    db.executemany(
        f"INSERT INTO issues (rowid, {', '.join(FIELDS)}) VALUES ({marks})",
        (
            (row, *(" ".join(tokens(texts[name])) for name in FIELDS))
            for row, texts in enumerate(map(field_texts, issues))
        ),
    )
    db.execute("INSERT INTO made_of VALUES (?)", (_fingerprint(issues),))
    db.execute("INSERT INTO issues (issues) VALUES ('optimize')")
    db.execute("COMMIT")
    return db


def _open(issues: Sequence[KnownIssue], path: Path) -> sqlite3.Connection:
    """The index in the file if it was made of these issues; otherwise a new one in its place."""
    wanted = _fingerprint(issues)
    db = None
    with contextlib.suppress(sqlite3.Error):
        # immutable: the file is only ever replaced as a whole.
        db = sqlite3.connect(
            f"{path.absolute().as_uri()}?immutable=1", uri=True, check_same_thread=False
        )
        if db.execute("SELECT fingerprint FROM made_of").fetchone() == (wanted,):
            return db
    if db is not None:
        db.close()
    try:
        path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        handle, name = tempfile.mkstemp(dir=path.parent, prefix=path.name, suffix=".new")
        os.close(handle)
        try:
            db = _build(issues, Path(name))
            Path(name).replace(path)
        except BaseException:
            Path(name).unlink(missing_ok=True)
            raise
    except (OSError, sqlite3.Error) as error:
        raise StateError(
            f"{path}: the search index can't be written: {error}",
            remedy="Free space or correct the permissions there; the index can be deleted safely.",
        ) from error
    return db


def _fingerprint(issues: Sequence[KnownIssue]) -> str:
    """Of everything that the index holds."""
    hashed = hashlib.sha256(f"{INDEX_VERSION}".encode())
    for issue in issues:
        hashed.update("\0".join(field_texts(issue).values()).encode("utf-8", "replace"))
    return hashed.hexdigest()
