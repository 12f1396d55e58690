"""Finds the secrets in a text: a quick look for anchors, and a closer look where one stands.

The anchors (the beginnings of known formats, the names of secrets, `://` …) are regular
expressions written as trees of letters: names may stand inside a longer word, all else begins where
a word begins. On log text they are most of the cost. Every closer look is bounded, so the time
is linear in the length of the text, whatever is in it.
"""

from __future__ import annotations

import re
from bisect import bisect_left
from collections.abc import Iterable, Mapping
from functools import cache
from typing import NamedTuple

from sme_tools.safety.secret_blocks import FINDERS, INSIDE_WORDS
from sme_tools.safety.secret_contexts import CONTEXTS, Finder
from sme_tools.safety.secret_formats import FORMATS, Format
from sme_tools.safety.secret_manifests import manifest_secrets
from sme_tools.safety.secret_names import WORDS, named_secret
from sme_tools.safety.secret_programs import PROGRAMS
from sme_tools.safety.secret_values import PLACEHOLDER_BEGINS, PLACEHOLDER_ENDS, Secret


def find_secrets(text: str) -> list[Secret]:
    """The secrets in a text, in order, without overlaps. Placeholders are never part of one."""
    tables = _tables()
    found: list[Secret] = []
    done = 0
    for at, anchor in _anchors(text, tables):
        if at < done:
            continue
        if anchor not in tables.finders:  # a placeholder, whose kind may be an anchor too
            done = at + len(anchor)
            continue
        for finder in tables.finders[anchor]:
            secret = finder(text, at, at + len(anchor))
            if secret is not None and secret.start >= done:
                found.append(_named_by_format(text, secret))
                done = secret.end
                break
    return _together(found, manifest_secrets(text))


def _together(found: list[Secret], whole: list[Secret]) -> list[Secret]:
    """Both, in order; where two overlap, that of the manifest."""
    if not whole:
        return found
    starts = [secret.start for secret in whole]
    apart = [
        secret
        for secret in found
        if not (at := bisect_left(starts, secret.end)) or whole[at - 1].end <= secret.start
    ]
    return sorted(apart + whole)


def _anchors(text: str, tables: _Tables) -> list[tuple[int, str]]:
    """Where anchors and placeholders stand, in order."""
    folded = "\n" + _lower(text)  # so that the beginning of the text is one of a word
    places = [
        (match.start(1) - 1, match[1])
        for pattern in (tables.at_words, tables.after_escapes)
        for match in pattern.finditer(folded)
    ]
    places += [(match.start() - 1, match[0]) for match in tables.anywhere.finditer(folded)]
    places.sort()
    return places


def _lower(text: str) -> str:
    """In lower case as far as ASCII goes: other letters can change their number."""
    if text.isascii():
        return text.lower()
    return text.encode("utf-8", "surrogatepass").lower().decode("utf-8", "surrogatepass")


def _named_by_format(text: str, secret: Secret) -> Secret:
    """`GITHUB_TOKEN=ghp_…` is a GitHub token, wherever else it turns up."""
    for form in FORMATS:
        if text.startswith(form.beginnings, secret.start):
            match = form.pattern.match(text, secret.start)
            if match is not None and match.end() == secret.end:
                return secret._replace(kind=form.kind)
    return secret


def _finder_of(form: Format) -> Finder:
    def find(text: str, at: int, end: int) -> Secret | None:
        if form.alone and not _stands_alone(text, at):
            return None
        match = form.pattern.match(text, at)
        return Secret(at, match.end(), form.kind) if match else None

    return find


def _stands_alone(text: str, at: int) -> bool:
    before = text[at - 1 : at]
    if not (before.isalnum() or before in ("_", "-")):
        return True
    return text[max(0, at - 2) : at] in ("\\n", "\\t", "\\r")  # a line break inside JSON


class _Tables(NamedTuple):
    """Three expressions are faster than one: each begins with few characters (measured: 34 MB/s
    against 17)."""

    anywhere: re.Pattern[str]
    """The anchors that may stand inside a word, and placeholders, to be passed over."""
    at_words: re.Pattern[str]
    """The other anchors, as group 1, where a word begins."""
    after_escapes: re.Pattern[str]
    """The same after a line break inside JSON, a percent-encoded sign, a colour."""
    finders: dict[str, tuple[Finder, ...]]
    """What to try at each anchor."""


@cache
def _tables() -> _Tables:
    by_anchor: dict[str, list[Finder]] = {}
    followed_by: dict[str, str] = {}
    for form in FORMATS:
        for beginning in form.beginnings:
            by_anchor.setdefault(beginning.lower(), []).append(_finder_of(form))
            followed_by[beginning.lower()] = r"(?=\S{8})"
    for context in CONTEXTS + PROGRAMS:
        for anchor in context.anchors:
            by_anchor.setdefault(anchor, []).append(context.find)
    for anchor, finder in FINDERS:
        by_anchor.setdefault(anchor, []).append(finder)
    for word in WORDS:
        by_anchor.setdefault(word, []).append(named_secret)
        followed_by[word] = "(?![a-z])"
    anchors = {anchor: followed_by.get(anchor, "") for anchor in by_anchor}
    anywhere = {
        a: after
        for a, after in anchors.items()
        if a in WORDS or a in INSIDE_WORDS or not a[0].isalnum()
    }
    at_words = {a: after for a, after in anchors.items() if a not in anywhere}
    words = _tree(at_words)
    return _Tables(
        anywhere=re.compile(_tree(anywhere | {PLACEHOLDER_BEGINS: PLACEHOLDER_ENDS})),
        at_words=re.compile(f"(?<![a-z0-9])({words})"),
        after_escapes=re.compile(rf"(?:\\[nrt]|%(?:3d|3a|2f|20|22)|\[[0-9;]{{0,8}}m)({words})"),
        finders={anchor: tuple(_with_shorter(anchor, by_anchor)) for anchor in by_anchor},
    )


def _with_shorter(anchor: str, by_anchor: dict[str, list[Finder]]) -> Iterable[Finder]:
    """The longest anchor at a place is the one that is seen; the shorter ones are tried too."""
    yield from by_anchor[anchor]
    for length in range(len(anchor) - 1, 0, -1):
        for finder in by_anchor.get(anchor[:length], ()):
            yield _ending_earlier(finder, len(anchor) - length)


def _ending_earlier(finder: Finder, chars: int) -> Finder:
    return lambda text, at, end: finder(text, at, end - chars)


def _tree(words: Mapping[str, str]) -> str:
    """A regular expression for any of the words, the longest where several match.

    Each word comes with the expression of what must follow it.
    """
    by_first: dict[str, dict[str, str]] = {}
    for word, followed_by in sorted(words.items()):
        by_first.setdefault(word[:1], {})[word[1:]] = followed_by
    ends_here = by_first.pop("", None)
    branches = [re.escape(first) + _tree(rest) for first, rest in by_first.items()]
    if ends_here is not None:
        branches.append(ends_here[""])
    return branches[0] if len(branches) == 1 else f"(?:{'|'.join(branches)})"
