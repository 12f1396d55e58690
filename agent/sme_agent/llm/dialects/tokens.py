"""Text cut into tokens: tags, special tokens and backticks of any dialect, and what is between.

What is not a complete token yet is held back; all else is passed on at once. A token never depends
on how the text was cut into chunks.
"""

from __future__ import annotations

import html
import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Literal

LONGEST_TAG = 2048
"""Characters. What is longer is no tag, so that no more than this is ever held back."""

Kind = Literal["text", "ticks", "tag", "mark"]

_BAR = "|｜‖"
_GLUE = rf"[/{_BAR}\s]{{0,6}}"
_INTEREST = re.compile(rf"<(?=[/{_BAR}\sDdtfipac]|\Z)|`|~~|~\Z|\[(?=[TA]|\Z)")
_TICKS = re.compile(r"`{1,64}|~{2,64}")
_MARKED = re.compile(rf"<({_GLUE})(?i:DSML)({_GLUE})([\w▁]{{0,64}})")
_MARKED_PART = re.compile(rf"<{_GLUE}(?i:D(?:S(?:M(?:L{_GLUE})?)?)?)?\Z")
_SPECIAL = re.compile(rf"<[{_BAR}]([A-Za-z][A-Za-z_▁ ]{{0,30}})[{_BAR}]>")
_SPECIAL_PART = re.compile(rf"<[{_BAR}](?:[A-Za-z][A-Za-z_▁ ]{{0,30}}[{_BAR}]?)?\Z")
_PLAIN = re.compile(r"<(/?)([a-z_]{1,16})(?=[\s=>/]|\Z)")
_PLAIN_PART = re.compile(r"</?([a-z_]{0,16})\Z")
_TO_STOP = re.compile(r"[^<>\"']*")
_QUOTED = re.compile(r"\"[^\"<\n]*\"|'[^'<\n]*'")
_QUOTED_PART = re.compile(r"\"[^\"<\n]*\Z|'[^'<\n]*\Z")
_ATTRIBUTE = re.compile(r"([A-Za-z_]\w*)\s*=\s*(?:\"([^\"]*)\"|'([^']*)'|([^\s\"'>/]+))")
_QUOTES = str.maketrans("“”„‟＂‘’＇", '"""""\'\'\'')

WRAPPERS = frozenset(("function_calls", "tool_calls", "tool_call", "function_call", "calls"))
INVOKES = frozenset(("invoke", "function"))
PARAMETERS = frozenset(("parameter", "param", "invoke_arg", "argument", "arg"))
THINKING = frozenset(("think", "thinking"))
_PLAIN_WORDS = WRAPPERS | INVOKES | {"parameter", "param", "invoke_arg"} | THINKING

_ENDS = frozenset(
    {"end_of_sentence", "begin_of_sentence", "eot_id", "eom_id", "im_end"}
    | {"endoftext", "end_of_text", "end_of_turn", "eos"}
)
_SPECIALS = {
    **dict.fromkeys(_ENDS, "end"),
    "tool_calls_begin": "calls_begin",
    "tool_calls_end": "calls_end",
    "tool_call_begin": "call_begin",
    "tool_call_end": "call_end",
    "tool_sep": "separator",
    "python_tag": "python_tag",
}
_BRACKETED = {"[TOOL_CALLS]": "tool_calls", "[ARGS]": "args"}


@dataclass(frozen=True, slots=True)
class Token:
    """A tag, a special token (`mark`), a run of backticks or tildes, or other text."""

    kind: Kind
    raw: str
    word: str = ""
    """Of a tag: its element. Of a mark: which."""
    closing: bool = False
    empty: bool = False
    """A tag that is its own closing tag."""
    marked: bool = False
    """Whether the tag says DSML."""
    attributes: dict[str, str] = field(default_factory=dict)


class Lexer:
    """Cuts text into tokens, chunk by chunk."""

    def __init__(self) -> None:
        self._held = ""

    def feed(self, text: str, *, last: bool = False) -> Iterator[Token]:
        """The tokens that are complete with this chunk."""
        text, self._held = self._held + text, ""
        start = 0
        while start < len(text):
            found = _INTEREST.search(text, start)
            at = found.start() if found else len(text)
            if at > start:
                yield Token("text", text[start:at])
            if found is None:
                return
            token = _token_at(text, at, last)
            if token is None:
                self._held = text[at:]
                return
            yield token
            start = at + len(token.raw)


def _token_at(text: str, at: int, last: bool) -> Token | None:
    """The token that begins here; None if more text is needed to tell."""
    if text[at] in "`~":
        return _ticks(text, at, last)
    if text[at] == "[":
        return _bracketed(text, at, last)
    end = min(len(text), at + LONGEST_TAG)
    for read in (_marked, _special, _plain):
        token, undecided = read(text, at, end)
        if token is not None:
            return token
        if undecided and not last and end - at < LONGEST_TAG:
            return None
    return Token("text", "<")


def _ticks(text: str, at: int, last: bool) -> Token | None:
    run = _TICKS.match(text, at)
    if run is None:
        return Token("text", "~") if last or at + 1 < len(text) else None
    if run.end() == len(text) and not last and len(run[0]) < 64:
        return None
    return Token("ticks" if run[0] != "~~" else "text", run[0])


def _bracketed(text: str, at: int, last: bool) -> Token | None:
    for raw, word in _BRACKETED.items():
        if text.startswith(raw, at):
            return Token("mark", raw, word)
        if not last and raw.startswith(text[at : at + len(raw)]):
            return None
    return Token("text", "[")


def _marked(text: str, at: int, limit: int) -> tuple[Token | None, bool]:
    """A tag of DSML: `<｜DSML｜invoke name="x">`, whatever bars and spaces are around.

    All these close: `</｜DSML｜x>`, `<｜/DSML｜x>`, `<｜DSML｜/x>`.
    """
    head = _MARKED.match(text, at, limit)
    if head is None:
        return None, _MARKED_PART.match(text, at, limit) is not None
    end = _tag_end(text, head.end(), limit)
    if end <= 0:
        return None, end == 0
    word = head[3].strip("_").lower()
    closing = "/" in head[1] or "/" in head[2]
    return _tag(text[at:end], text[head.end() : end - 1], word, closing, True), False


def _special(text: str, at: int, limit: int) -> tuple[Token | None, bool]:
    """A special token, such as `<｜tool▁sep｜>`."""
    found = _SPECIAL.match(text, at, limit)
    if found is None:
        return None, _SPECIAL_PART.match(text, at, limit) is not None
    word = _SPECIALS.get(re.sub("[▁ ]", "_", found[1]).lower())
    return (Token("mark", found[0], word) if word else None), False


def _plain(text: str, at: int, limit: int) -> tuple[Token | None, bool]:
    """A tag without the mark: `<think>`, `<tool_call>`, `<function=name>`, `<invoke name="x">`."""
    head = _PLAIN.match(text, at, limit)
    if head is None or head.end() == limit:
        part = _PLAIN_PART.match(text, at, limit)
        return None, part is not None and any(word.startswith(part[1]) for word in _PLAIN_WORDS)
    if head[2] not in _PLAIN_WORDS:
        return None, False
    end = _tag_end(text, head.end(), limit)
    if end <= 0:
        return None, end == 0
    return _tag(text[at:end], text[head.end() : end - 1], head[2], head[1] == "/", False), False


def _tag(raw: str, inside: str, word: str, closing: bool, marked: bool) -> Token:
    empty = not closing and inside.rstrip().endswith("/")
    inside = inside.translate(_QUOTES).strip().rstrip("/" + _BAR)
    if inside.startswith("="):
        attributes = {"name": inside[1:].strip().strip("\"'")}
    else:
        attributes = {
            key.lower(): html.unescape(next(v for v in values if v is not None))
            for key, *values in (m.groups() for m in _ATTRIBUTE.finditer(inside))
        }
    return Token("tag", raw, word, closing, empty, marked, attributes)


def _tag_end(text: str, at: int, limit: int) -> int:
    """Where the tag ends whose head ends here: 0 if that is not known yet, -1 if it is no tag."""
    while True:
        stop = _TO_STOP.match(text, at, limit)
        at = stop.end() if stop else at
        if at == limit:
            return 0
        if text[at] == ">":
            return at + 1
        if text[at] == "<":
            return -1
        quoted = _QUOTED.match(text, at, limit)
        if quoted is None and _QUOTED_PART.match(text, at, limit):
            return 0
        at = quoted.end() if quoted else at + 1
