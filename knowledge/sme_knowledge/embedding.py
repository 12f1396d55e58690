"""Sentence embeddings: text to vectors whose angle says how near two texts are in meaning."""

from __future__ import annotations

import contextlib
import hashlib
import importlib
import os
import sqlite3
from array import array
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, Protocol

from sme_tools.errors import StateError, UsageError

Vector = Sequence[float]


class Embedder(Protocol):
    """What turns texts into vectors. Implementation: SentenceTransformerEmbedder."""

    @property
    def name(self) -> str:
        """Names the model and its version: vectors of equal names can be compared."""
        ...

    def embed(self, texts: Sequence[str]) -> list[Vector]:
        """One vector of length 1 for each text."""
        ...


class SentenceTransformerEmbedder:
    """A model of sentence-transformers, loaded at the first text.

    `model` is a folder, or the name of a model on the Hugging Face hub that is already in the
    local cache; only with `download` is it fetched from there.
    """

    def __init__(self, model: str, *, download: bool = False) -> None:
        """Name the model; nothing is loaded yet.

        Raises:
            UsageError: `model` looks like a folder, and there is none.
        """
        self.model = model
        self.download = download
        self._loaded: Any = None
        folder = Path(model).expanduser()
        if folder.is_dir():
            self.model = str(folder)
        elif model.startswith(("/", "~", ".")) or model.count("/") > 1:
            raise UsageError(
                f"embedding model {model}: there is no such folder",
                remedy="Name the folder that holds the model's modules.json.",
            )

    @property
    def name(self) -> str:
        """The model's name; of a folder, with what tells one state of its files from another."""
        folder = Path(self.model)
        if not folder.is_dir():
            return self.model
        state = [
            f"{path.relative_to(folder)} {path.stat().st_size} {path.stat().st_mtime_ns}"
            for path in sorted(folder.rglob("*"))
            if path.is_file()
        ]
        return f"{self.model} {hashlib.sha256(chr(10).join(state).encode()).hexdigest()[:16]}"

    def embed(self, texts: Sequence[str]) -> list[Vector]:
        """See Embedder.

        Raises:
            UsageError: the extra is not installed, or the model is not on this machine.
        """
        if self._loaded is None:
            self._loaded = self._load()
        vectors = self._loaded.encode(
            list(texts), normalize_embeddings=True, show_progress_bar=False, convert_to_numpy=True
        )
        return [array("f", vector.astype("float32").tobytes()) for vector in vectors]

    def _load(self) -> Any:  # noqa: ANN401 - SentenceTransformer, which need not be installed
        if not self.download:
            # local_files_only covers the model; this covers what its libraries fetch on the side.
            os.environ["HF_HUB_OFFLINE"] = "1"
        try:
            library = importlib.import_module("sentence_transformers")
        except ImportError as error:
            raise UsageError(
                f"searching by meaning needs sentence-transformers: {error}",
                remedy="Install the extra: pip install 'debug-sme[sentence-transformers]', or go "
                "without; searching by words needs nothing.",
            ) from error
        try:
            return library.SentenceTransformer(self.model, local_files_only=not self.download)
        except (OSError, ValueError) as error:
            first = str(error).strip().split("\n")[0][:160]
            raise UsageError(
                f"embedding model {self.model}: it can't be loaded: {first}",
                remedy="Name a folder that holds the model, or a model of the Hugging Face hub in "
                "your settings, which allows its download.",
            ) from error


class EmbeddingCache:
    """Vectors in a file, by model and by the text's hash.

    A cache only: what can't be read is computed anew, and the file may be deleted at any time.
    Several processes may use it at once.
    """

    def __init__(self, folder: Path) -> None:
        """Keep the file in `folder`, which is made. Raises StateError if it can't be written."""
        self.path = folder / "embeddings.sqlite3"
        try:
            folder.mkdir(parents=True, exist_ok=True, mode=0o700)
            try:
                self._db = self._connect()
            except sqlite3.DatabaseError:
                self.path.unlink(missing_ok=True)
                self._db = self._connect()
        except (OSError, sqlite3.Error) as error:
            raise StateError(
                f"{self.path}: the cache of embeddings can't be used: {error}",
                remedy="Free space or correct the permissions there; the file can be deleted.",
            ) from error

    def vectors(self, embedder: Embedder, texts: Sequence[str]) -> list[Vector]:
        """The vectors of these texts; those that are not in the file yet are made and put there."""
        name = embedder.name
        hashes = [hashlib.sha256(text.encode("utf-8", "replace")).hexdigest() for text in texts]
        known = self._read(name, set(hashes))
        missing = {h: text for h, text in zip(hashes, texts, strict=True) if h not in known}
        if missing:
            made = dict(zip(missing, embedder.embed(list(missing.values())), strict=True))
            known |= made
            # A full disk costs the cache, not the search.
            with contextlib.suppress(sqlite3.OperationalError), self._db:
                self._db.executemany(
                    "INSERT OR REPLACE INTO embeddings VALUES (?, ?, ?)",
                    ((name, h, array("f", vector).tobytes()) for h, vector in made.items()),
                )
        return [known[h] for h in hashes]

    def close(self) -> None:
        """Close the file."""
        self._db.close()

    def _connect(self) -> sqlite3.Connection:
        db = sqlite3.connect(self.path, timeout=10, check_same_thread=False)
        try:
            db.execute(
                "CREATE TABLE IF NOT EXISTS embeddings "
                "(model TEXT, hash TEXT, vector BLOB, PRIMARY KEY (model, hash)) WITHOUT ROWID"
            )
            db.execute("SELECT count(*) FROM (SELECT 1 FROM embeddings LIMIT 1)")
        except sqlite3.Error:
            db.close()
            raise
        return db

    def _read(self, name: str, hashes: set[str]) -> dict[str, Vector]:
        rows = self._db.execute("SELECT hash, vector FROM embeddings WHERE model = ?", (name,))
        return {h: array("f", blob) for h, blob in rows if h in hashes}


def cosines(vectors: Sequence[Vector]) -> Callable[[Vector], list[float]]:
    """A function that gives the cosine of each of these vectors with another; all of length 1."""
    import numpy

    if not vectors:
        return lambda query: []
    matrix = numpy.array(vectors, dtype="float32")
    return lambda query: list((matrix @ numpy.array(query, dtype="float32")).tolist())
