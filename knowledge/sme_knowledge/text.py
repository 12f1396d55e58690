"""Text to search terms: what people type and what programs print, in one spelling.

`CUDA_ERROR_OPERATING_SYSTEM`, `cudaErrorOperatingSystem (304)` and `cuda error 304` have a token
in common; so have `s6-applyuidgid` and `applyuidgid`, `ErrImagePull` and `errimagepull`.
"""

from __future__ import annotations

import re
import unicodedata
from dataclasses import dataclass
from functools import cache, lru_cache

from sme_knowledge.vocabulary import CUDA_ERRORS, NUMBERED, PHRASES, STOPWORDS, SYNONYMS

MAX_CHARS = 16_000
"""Of a longer text (a pasted log) the head and the tail are read, half and half."""

_CHUNK = re.compile(r"\w{1,200}(?:[-_.:]{1,9}\w{1,200}){0,20}")
_CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f]")
_CAMEL = re.compile(r"(?<=[a-z0-9])(?=[A-Z])|(?<=[A-Z])(?=[A-Z][a-z])")
_IDEOGRAPHS = re.compile("[\u3040-\u30ff\u3400-\u9fff\uac00-\ud7af]+")
_NOISE = re.compile(
    r"0x[0-9a-f]+|[0-9a-f]{12,}|\d{6,}|v?\d+[a-z]{0,3}(?:[.:-]\d+[a-z]{0,3}\d*)+|\d+(?:\.\d+)?[kmgt]i?b"
)
"""Addresses, hashes, serial numbers, versions, times: they tell no issue from another."""
LONG_NAME = 14
"""From this length on a word is a name that somebody joined: `imagepullbackoff`."""
_NEAR = 6
"""How many words may stand between `cuda` and its number."""


@dataclass(frozen=True)
class Term:
    """One word or phrase of a text, as it stands there, and the tokens it is searched by."""

    shown: str
    tokens: tuple[str, ...]
    is_alias: bool = False
    """It repeats what other terms say in another spelling."""
    exact: str | None = None
    """The token that stands for the whole of an identifier or an error code."""


def terms(text: str) -> list[Term]:
    """The terms of a text in order; words that tell nothing are left out."""
    if len(text) > MAX_CHARS:
        text = text[: MAX_CHARS // 2] + "\n" + text[-MAX_CHARS // 2 :]
    words = [word for chunk in _CHUNK.findall(_clean(text)) for word in _words(chunk)]
    found = [word for word in words if word.tokens]
    return found + _aliases(words)


def tokens(text: str) -> list[str]:
    """The tokens of a text in order, those of its aliases last."""
    return [token for term in terms(text) for token in term.tokens]


def stem(word: str) -> str:
    """Fold plural, -ing, -ed and -ion of an English word; names with digits stay."""
    if len(word) < 4 or not word.isascii() or not word.isalpha():
        return word
    if word.endswith("ies") and len(word) > 4:
        word = word[:-3] + "y"
    elif word.endswith("s") and not word.endswith(("ss", "us", "is", "os")):
        word = word[:-1]
    for ending in ("ing", "ed"):
        root = word.removesuffix(ending)
        if root != word and len(root) >= 3 and re.search("[aeiouy]", root):
            word = root[:-1] if root[-1] == root[-2] and root[-1] not in "lsz" else root
            break
    if word.endswith("tion") and len(word) > 6:
        word = word[:-3]
    return word[:-1] if word.endswith("e") and len(word) > 4 else word


def _clean(text: str) -> str:
    """Compatibility forms, accents and format characters folded away; case kept."""
    if not text.isascii():
        text = "".join(
            char
            for char in unicodedata.normalize("NFKD", text)
            if not unicodedata.combining(char) and unicodedata.category(char) not in ("Cf", "Cs")
        )
    return _CONTROL.sub(" ", text)


@lru_cache(maxsize=20_000)
def _words(chunk: str) -> tuple[Term, ...]:
    """The words of one chunk without blanks: the chunk as one, or nothing that tells."""
    if _NOISE.fullmatch(chunk.lower()):
        return (Term(chunk, ()),)
    chunk, ideographs = _IDEOGRAPHS.sub(" ", chunk), _IDEOGRAPHS.findall(chunk)
    found = [_word(part) for part in chunk.split()]
    for run in ideographs:
        pairs = [run[at : at + 2] for at in range(max(1, len(run) - 1))]
        found += [Term(pair, (pair,)) for pair in pairs]
    return tuple(found)


def _word(chunk: str) -> Term:
    parts = [p.lower() for piece in re.split(r"[-_.:]+", chunk) for p in _CAMEL.split(piece) if p]
    joined = "".join(parts)
    if len(parts) > 1 and len(parts) <= 6 and not joined.isdigit():
        parts.append(joined)
    found: dict[str, None] = {}
    for part in parts:
        if part in STOPWORDS or _NOISE.fullmatch(part) or (len(part) < 2 and part.isascii()):
            continue
        root = stem(part)
        found[root] = None
        for other in SYNONYMS.get(part, SYNONYMS.get(root, ())):
            found[stem(other)] = None
    whole = stem(joined)
    is_name = len(parts) > 1 or len(joined) >= LONG_NAME
    exact = whole if is_name and whole in found else None
    if (code := _cuda_names().get(joined)) is not None:
        exact = f"cuda{code}"
        found[exact] = None
    return Term(chunk, tuple(found), exact=exact)


def _aliases(words: list[Term]) -> list[Term]:
    """What neighbouring words say together: phrases, and numbers with their kind."""
    plain = [re.split(r"[-_.:]+", word.shown.lower()) for word in words]
    flat = [part for parts in plain for part in parts if part]
    found: list[Term] = []
    for at, word in enumerate(flat):
        for phrase, meanings in _phrases().get(stem(word), ()):
            if tuple(stem(w) for w in flat[at : at + len(phrase)]) == phrase:
                shown = " ".join(flat[at : at + len(phrase)])
                found.append(Term(shown, meanings, is_alias=True, exact=meanings[0]))
        if word.isdigit() and len(word) < 6:
            found += _numbered(flat, at)
    return found


def _numbered(flat: list[str], at: int) -> list[Term]:
    """The number at `at` with what it counts, if the words before it say so."""
    number = flat[at]
    found = []
    if at and (kind := NUMBERED.get(flat[at - 1])):
        found.append(
            Term(f"{flat[at - 1]} {number}", (kind + number,), is_alias=True, exact=kind + number)
        )
    if int(number) in CUDA_ERRORS and any(
        word.startswith(("cuda", "cuinit")) for word in flat[max(0, at - _NEAR) : at]
    ):
        code = f"cuda{number}"
        found.append(Term(f"cuda {number}", (code,), is_alias=True, exact=code))
    return found


@cache
def _cuda_names() -> dict[str, int]:
    return {
        "cudaerror" + name.replace("_", ""): code
        for code, names in CUDA_ERRORS.items()
        for name in names
    }


@cache
def _phrases() -> dict[str, list[tuple[tuple[str, ...], tuple[str, ...]]]]:
    """The phrases as stemmed words, by their first word."""
    found: dict[str, list[tuple[tuple[str, ...], tuple[str, ...]]]] = {}
    for phrase, meanings in PHRASES.items():
        words = tuple(stem(word) for word in phrase.split())
        stemmed = tuple(stem(meaning) for meaning in meanings)
        found.setdefault(words[0], []).append((words, stemmed))
    return found
