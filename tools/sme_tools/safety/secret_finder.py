"""Finds the secrets in a text: one pass over it, and a closer look only where an anchor stands.

All anchors (the beginnings of known formats, the names of secrets, `://` …) are one regular
expression, written as a tree of their letters; on log text it is the whole cost. Every closer look
is bounded, so the time is linear in the length of the text, whatever is in it.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from functools import cache

from sme_tools.safety.secret_contexts import CONTEXTS, FINDERS, Finder
from sme_tools.safety.secret_formats import FORMATS, Format
from sme_tools.safety.secret_names import WORDS, named_secret
from sme_tools.safety.secret_values import PLACEHOLDER, Secret


def find_secrets(text: str) -> list[Secret]:
    """The secrets in a text, in order, without overlaps. Placeholders are never part of one."""
    anchors, finders = _tables()
    folded = _lower(text)
    found: list[Secret] = []
    done = 0
    for anchor in anchors.finditer(folded):
        at, end = anchor.span()
        if at < done:
            continue
        for finder in finders.get(anchor[0], ()):
            secret = finder(text, at, end)
            if secret is not None and secret.start >= done:
                found.append(_named_by_format(text, secret))
                done = secret.end
                break
    return found


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


@cache
def _tables() -> tuple[re.Pattern[str], dict[str, tuple[Finder, ...]]]:
    """The regular expression of all anchors, and what to try at each of them."""
    by_anchor: dict[str, list[Finder]] = {}
    for form in FORMATS:
        for beginning in form.beginnings:
            by_anchor.setdefault(beginning.lower(), []).append(_finder_of(form))
    for context in CONTEXTS:
        for anchor in context.anchors:
            by_anchor.setdefault(anchor, []).append(context.find)
    for anchor, finder in FINDERS:
        by_anchor.setdefault(anchor, []).append(finder)
    for word in WORDS:
        by_anchor.setdefault(word, []).append(named_secret)
    finders = {anchor: tuple(_with_shorter(anchor, by_anchor)) for anchor in by_anchor}
    return re.compile(f"{PLACEHOLDER}|{_tree(by_anchor)}"), finders


def _with_shorter(anchor: str, by_anchor: dict[str, list[Finder]]) -> Iterable[Finder]:
    """The longest anchor at a place is the one that is seen; the shorter ones are tried too."""
    yield from by_anchor[anchor]
    for length in range(len(anchor) - 1, 0, -1):
        for finder in by_anchor.get(anchor[:length], ()):
            yield _ending_earlier(finder, len(anchor) - length)


def _ending_earlier(finder: Finder, chars: int) -> Finder:
    return lambda text, at, end: finder(text, at, end - chars)


def _tree(words: Iterable[str]) -> str:
    """A regular expression that matches any of the words, the longest where several do."""
    by_first: dict[str, list[str]] = {}
    for word in sorted(words):
        by_first.setdefault(word[:1], []).append(word[1:])
    ends_here = by_first.pop("", None) is not None
    branches = [re.escape(first) + _tree(rest) for first, rest in by_first.items()]
    if not branches:
        return ""
    return f"(?:{'|'.join(branches)})" + ("?" if ends_here else "")
