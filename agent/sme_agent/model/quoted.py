"""Finding in evidence what a model quotes of it: to the letter, but for how it was shown.

Shown are lines with their numbers, long ones in part, and what does not print is written out or
left out by the fence. None of that is what a quote turns on, nor are white space, the spelling of
quotation marks, or how JSON escapes a character. Every figure is.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass

from sme_agent.model.presenting import output_of
from sme_tools.analysis.numbered import lines_of
from sme_tools.hosts.evidence import Evidence
from sme_tools.safety.control import visible
from sme_tools.safety.fence import UNSEEN, plain

FEWEST_CHARS = 3
"""A shorter quote says nothing, unless it is a whole line."""

_NUMBER = re.compile(r"^\s*>?\s*\d+(?::\d+)?│ ?")
"""What a numbered line begins with; models copy it along."""
_REST = re.compile(r"\s*…\[\+\d+\]\s*$")
_CUT = re.compile(r"^\s*>?\s*\d+:\d+│")
_ACROSS = re.compile(r"\d(?:[.,]?\0|\0[.,]?)\d")
_GAP = re.compile(r"^\s*⋮.*$")
_LEFT_OUT = re.compile(r"\s*(?:\[\s*(?:…|\.\.\.)\s*\]|…|\.\.\.)\s*")
_WRAPPED = re.compile(r"[`\"'“„«](.*)[`\"'”“»]", re.DOTALL)
_BLANKS = re.compile(r"[^\S\n]+")
_ESCAPED = re.compile(r"\\u([0-9a-fA-F]{4})|\\x([0-9a-fA-F]{2})|\\(033|e(?=\[))|\\([ntr\"/])")
_SPELLINGS = str.maketrans("“”„«»‘’‚‹›–—‑", "\"\"\"\"\"'''''---")


@dataclass(frozen=True)
class _Form:
    """An output in one way of writing it."""

    wholes: tuple[str, ...]
    """All of it in one line."""
    lines: str


class Quotable:
    """The outputs of a case, to look for quotes in."""

    def __init__(self, evidence: Mapping[str, Evidence]) -> None:
        self._evidence = evidence
        self._forms: dict[str, Sequence[_Form]] = {}

    def where(self, quote: str, ids: Sequence[str]) -> str | None:
        """The first of these outputs that has the quote; None if none does."""
        return next((id for id in ids if self._has(id, quote)), None)

    def printed(self, quote: str, id: str) -> str:
        """The quote with the blanks that the output has; as it is given if that is not all."""
        told = bare(quote)
        pattern = r"[^\S\n]+".join(map(re.escape, told.split()))
        found = re.search(pattern, output_of(self._evidence[id])) if pattern else None
        return found[0] if found else told

    def _has(self, id: str, quote: str) -> bool:
        if id not in self._forms:
            output = output_of(self._evidence[id])
            self._forms[id] = [_form(output, write) for write in _WAYS]
        return any(_is_in(reading, self._forms[id]) for reading in _readings(quote))


def bare(quote: str) -> str:
    """A quote without the line numbers and the marks of an omission that it was shown with."""
    read = _read(_told_lines(quote)).text.strip()
    return read.removeprefix("…").removesuffix("…").strip()


@dataclass(frozen=True)
class _Read:
    """What is quoted, without the numbers of lines."""

    text: str
    begins_cut: bool
    """Whether the line was shown from its middle, where a figure may be cut."""
    ends_cut: bool


def _told_lines(quote: str) -> list[str]:
    return [line for line in quote.strip().split("\n") if line.strip() and not _GAP.match(line)]


def _read(lines: Sequence[str]) -> _Read:
    bare_lines = [_REST.sub("", _NUMBER.sub("", line)) for line in lines]
    begins = bool(lines) and _CUT.match(lines[0]) is not None
    return _Read("\n".join(bare_lines), begins, bool(lines) and bool(_REST.search(lines[-1])))


def _readings(quote: str) -> Iterator[Sequence[str]]:
    """The lines of what the quote may mean."""
    yield _told_lines(quote)
    if found := _WRAPPED.fullmatch(quote.strip()):
        yield _told_lines(found[1])


def _is_in(lines: Sequence[str], forms: Sequence[_Form]) -> bool:
    """Whether the quote stands in an output: all in one, or each of its lines by itself."""
    return _stands(_read(lines), forms) or (
        len(lines) > 1 and all(_stands(_read([line]), forms) for line in lines)
    )


def _stands(quote: _Read, forms: Sequence[_Form]) -> bool:
    for write, form in zip(_WAYS, forms, strict=True):
        wanted = _in_one(write(quote.text))
        if len(wanted) < FEWEST_CHARS:
            if wanted and wanted in form.lines.split("\n"):
                return True
            continue
        if any(any(True for _ in _places(wanted, text, quote)) for text in form.wholes):
            return True
        pieces = [piece for piece in _LEFT_OUT.split(wanted) if piece]
        told = sum(map(len, pieces)) >= FEWEST_CHARS and pieces != [wanted]
        if told and _in_one_line(pieces, form.lines, quote):
            return True
    return False


def _in_one_line(pieces: Sequence[str], lines: str, quote: _Read) -> bool:
    """Whether a line has all pieces in their order."""
    for begin in _places(pieces[0], lines, quote):
        end = lines.find("\n", begin)
        at = begin + len(pieces[0])
        rest = lines[at : end if end >= 0 else len(lines)]
        for piece in pieces[1:]:
            place = next(_places(piece, rest, quote), None)
            if place is None:
                break
            rest = rest[place + len(piece) :]
        else:
            return True
    return False


def _places(wanted: str, text: str, quote: _Read) -> Iterator[int]:
    """Where the text has this, and does not go on with a figure: `4 %` is not what `94 %` says."""
    at = text.find(wanted)
    while at >= 0:
        end = at + len(wanted)
        begins = quote.begins_cut or not _goes_on(text[max(at - 2, 0) : at], wanted[:2])
        if begins and (quote.ends_cut or not _goes_on(wanted[-2:], text[end : end + 2])):
            yield at
        at = text.find(wanted, at + 1)


def _goes_on(before: str, after: str) -> bool:
    """Whether a figure stands across the place between these."""
    return _ACROSS.search(f"{before}\0{after}") is not None


def _form(output: str, write: Callable[[str], str]) -> _Form:
    laid = "\n".join(lines_of(output))
    texts = [write(text) for text in dict.fromkeys([output, laid])]
    return _Form(tuple(map(_in_one, texts)), "\n".join(texts))


def _in_one(lines: str) -> str:
    return " ".join(lines.split())


def _lines(text: str) -> str:
    """The text with its lines, but for white space."""
    return _BLANKS.sub(" ", text).replace("\n ", "\n").replace(" \n", "\n").strip()


def _shown(text: str) -> str:
    """The same as the fence shows it."""
    return _lines(plain(text))


def _meant(text: str) -> str:
    """The same without what can't be seen, and with what JSON escapes written as it is meant."""
    shown = visible(_ESCAPED.sub(_unescaped, text))
    return _lines(UNSEEN.sub(" ", shown).replace("�", " ").translate(_SPELLINGS))


def _unescaped(found: re.Match[str]) -> str:
    if code := found[1] or found[2]:
        return chr(int(code, 16))
    if found[3]:
        return "\x1b"
    return found[4] if found[4] in '"/' else " "


_WAYS = (_lines, _shown, _meant)
"""How a text may be written, by whom it is quoted."""
