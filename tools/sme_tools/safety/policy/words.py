"""Words of a command line, as far as they are known before it runs.

What is not known is kept as a mark within the text, so that a path with an unknown beginning still
shows how it ends. No mark can come from outside: control characters are refused by the parser.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

UNKNOWN = "\x01"
"""Any text, the output of a substitution or the value of a variable."""
MANY = "\x02"
"""An active `*`."""
ONE = "\x03"
"""An active `?` or `[…]`."""
MARKS = UNKNOWN + MANY + ONE
SUBSTITUTED = f"/dev/fd/\x04{UNKNOWN}"
"""What stands in the place of `<(…)`; nothing that is typed can turn out as this."""
_MARK = re.compile(f"[{MARKS}]")
_SHOWN = {UNKNOWN: "…", MANY: "*", ONE: "?"}


@dataclass(frozen=True)
class Word:
    """One word after quotes were removed and known values put in."""

    text: str
    """With a mark for each part that is not known."""
    splits: bool = False
    """Whether it may turn out as several words, or as none."""
    untrusted: bool = False
    """Whether a part of it comes from another machine through a substitution."""

    @property
    def known(self) -> bool:
        """Whether it is exactly `text`."""
        return not self.splits and not _MARK.search(self.text)

    @property
    def prefix(self) -> str:
        """What it surely begins with."""
        return _MARK.split(self.text, maxsplit=1)[0]

    @property
    def may_be_option(self) -> bool:
        """Whether it begins with a dash, or may."""
        if self.known:
            return self.text.startswith("-") and self.text != "-"
        if not _MARK.search(self.text):
            return self.text.startswith("-")  # `$(which X)`: this, or nothing
        return self.splits or not self.prefix or self.prefix.startswith("-")

    @property
    def shown(self) -> str:
        """For people: unknown parts as an ellipsis."""
        text = self.text.replace("\x04", "")
        return _MARK.sub(lambda mark: _SHOWN[mark[0]], text)

    def matches(self, literal: str) -> bool:
        """Whether it may turn out as this text."""
        if self.known:
            return self.text == literal
        return re.fullmatch(self.pattern(), literal) is not None

    def pattern(self) -> str:
        """A regular expression for all that it may be; an active glob stops at a slash."""
        meanings = {UNKNOWN: "[^\\n]*", MANY: "[^/\\n]*", ONE: "[^/\\n]"}
        return "".join(meanings.get(char) or re.escape(char) for char in self.text)


def unquoted(lit: str, *, glob: bool = True) -> str:
    """The value of an unquoted literal of shfmt's: backslashes removed, active globs as marks."""
    out: list[str] = []
    at = 0
    while at < len(lit):
        char = lit[at]
        if char == "\\" and at + 1 < len(lit):
            if lit[at + 1] != "\n":
                out.append(lit[at + 1])
            at += 2
            continue
        if glob and char in "*?":
            out.append(MANY if char == "*" else ONE)
        elif glob and char == "[" and (end := lit.find("]", at + 2)) > 0:
            # `[n]ginx` is nginx, or stays as it is.
            only = lit[at + 1] if end == at + 2 and lit[at + 1].isalnum() else None
            out.append(only or ONE)
            at = end
        else:
            out.append(char)
        at += 1
    return "".join(out)


def double_quoted(lit: str) -> str:
    """The value of a literal within double quotes."""
    return re.sub(r"\\(?:(\n)|([$`\"\\]))", lambda found: found[2] or "", lit)


_ESCAPES = {"a": "\a", "b": "\b", "e": "\x1b", "E": "\x1b", "f": "\f", "n": "\n", "r": "\r",
            "t": "\t", "v": "\v", "\\": "\\", "'": "'", '"': '"', "?": "?"}  # fmt: skip
_ANSI_C = re.compile(
    r"\\(?:x([0-9A-Fa-f]{1,2})|u([0-9A-Fa-f]{1,4})|U([0-9A-Fa-f]{1,8})|([0-7]{1,3})|c(.)|(.))", re.S
)


def ansi_c(lit: str) -> str:
    """The value of `$'…'`. What gives a control character that could pass for a mark is unknown."""

    def value(found: re.Match[str]) -> str:
        hexa, small, large, octal, control, plain = found.groups()
        if control:
            return UNKNOWN
        if plain:
            return _ESCAPES.get(plain, found[0])
        number = int(octal, 8) & 0xFF if octal else int(hexa or small or large, 16)
        # A byte of a longer UTF-8 sequence is nothing by itself.
        return chr(number) if 0x20 <= number < 0x7F or number in (9, 10) else UNKNOWN

    return _ANSI_C.sub(value, lit)


MAX_BRACES = 64
"""Words that one is expanded to; of more it is only known that there are many."""
TOO_MANY = 100_000
"""Words that would fill the memory of the host's shell."""
_RANGE = re.compile(r"(-?\d+|[A-Za-z])\.\.(-?\d+|[A-Za-z])(?:\.\.(-?\d+))?")


def braces(lit: str) -> list[str] | None:
    """The unquoted literals that brace expansion makes of one; None for more than can be said."""
    found = _brace(lit)
    if found is None:
        return [lit]
    start, end, items = found
    if items is None or len(items) > MAX_BRACES:
        return None
    out: list[str] = []
    for item in items:
        for rest in (middle := braces(item)) or []:
            tails = braces(lit[end:])
            if middle is None or tails is None or len(out) + len(tails) > MAX_BRACES:
                return None
            out += [lit[:start] + rest + tail for tail in tails]
    return out


def braces_make(lit: str) -> int:
    """How many words brace expansion makes of an unquoted literal, up to TOO_MANY."""
    made = 1
    while made < TOO_MANY and (found := _brace(lit)) is not None:
        _, end, items = found
        made *= sum(braces_make(item) for item in items) if items is not None else MAX_BRACES
        lit = lit[end:]
    return min(made, TOO_MANY)


def _brace(lit: str) -> tuple[int, int, list[str] | None] | None:
    """The first brace expression: where it begins and ends, and its items."""
    for start in range(len(lit)):
        if lit[start] != "{" or (start and lit[start - 1] in "\\$"):
            continue
        depth, commas = 0, [start]
        for at in range(start, len(lit)):
            if lit[at] == "{":
                depth += 1
            elif lit[at] == "," and depth == 1 and lit[at - 1] != "\\":
                commas.append(at)
            elif lit[at] == "}":
                depth -= 1
                if depth:
                    continue
                if len(commas) > 1:
                    ends = [*commas[1:], at]
                    items = [lit[a + 1 : b] for a, b in zip(commas, ends, strict=True)]
                    return start, at + 1, items
                if spread := _RANGE.fullmatch(lit[start + 1 : at]):
                    return start, at + 1, _spread(spread)
                break
    return None


def _spread(found: re.Match[str]) -> list[str] | None:
    first, last, step = found.groups()
    if not (first.lstrip("-").isdigit() and last.lstrip("-").isdigit()):
        if len(first) != 1 or len(last) != 1 or first.isdigit() or last.isdigit():
            return None
        a, b = ord(first), ord(last)
        return [chr(code) for code in range(a, b + (1 if b >= a else -1), 1 if b >= a else -1)]
    a, b = int(first), int(last)
    by = abs(int(step)) if step and int(step) else 1
    if abs(b - a) // by > MAX_BRACES:
        return None
    width = max(len(first), len(last)) if first.startswith("0") or last.startswith("0") else 0
    numbers = range(a, b + (1 if b >= a else -1), by if b >= a else -by)
    return [str(number).zfill(width) for number in numbers]
