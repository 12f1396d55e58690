"""Checking the shares in a claim: `95 %` must come from somewhere.

Of all figures only shares are judged. They say how bad it is, hosts print them as they are, and
general knowledge supplies few; ports, limits, times and amounts in other units a claim may well
have from elsewhere. A round figure may stand for one that is near.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import islice

_SHARE = re.compile(
    r"(?<![\w.,:/-])(\d{1,3}(?:[.,]\d+)?)[\s\u00a0\u202f]?(?:%|％|percent\b|per cent\b|prozent\b)",
    re.IGNORECASE,
)
_NUMBER = re.compile(r"(?<![\w.])(\d{1,15}(?:[.,]\d+)?)(?!\d|\.\d)[ \t]?(%?)")
_COLUMN = re.compile(r"%[A-Za-z]")
"""Heads a column of shares that have no sign of their own, such as `%CPU`."""
_WITHIN = 6
"""How many numbers after a total its parts may stand, in the order in which they are printed."""
_MOST_NUMBERS = 20_000


def unfounded(
    claim: str, outputs: Iterable[str], facts: Iterable[object], words: Iterable[str] = ()
) -> list[str]:
    """The shares in a claim that nothing it rests on bears, as the claim has them.

    A share is borne by one that is printed, by what that leaves of 100, and by a fraction; where an
    output or facts state no shares, by any number, and by two of which one is a part of the other.
    `words` are what people and checks say.
    """
    told = [(found[0].strip(), found[1].replace(",", ".")) for found in _SHARE.finditer(claim)]
    if not told:
        return []
    known = [_of_text(text) for text in outputs]
    known += [_of_facts(one) for one in facts]
    known += [_of_text(text, with_parts=False) for text in words]
    return [text for text, figure in told if not any(one.bears(figure) for one in known)]


@dataclass(frozen=True)
class _Known:
    """The numbers of one source."""

    shares: Sequence[float]
    numbers: Sequence[float]
    with_parts: bool

    def bears(self, figure: str) -> bool:
        """Whether a share, as it is written, may come from here."""
        share, half = float(figure), 0.5 * 10.0 ** -len(figure.partition(".")[2])
        step = 10 if share % 10 == 0 else 5 if share % 5 == 0 else 0

        def is_it(number: float) -> bool:
            return abs(number - share) <= half + 1e-9

        if any(is_it(n) or is_it(100 - n) or abs(n - share) < step for n in self.shares):
            return True
        if any(0 < n <= 1 and is_it(100 * n) for n in self.numbers):
            return True
        if self.shares:
            return False
        return any(map(is_it, self.numbers)) or (
            self.with_parts and any(is_it(n) or is_it(100 - n) for n in _parts(self.numbers))
        )


def _parts(numbers: Sequence[float]) -> Iterator[float]:
    """Numbers as shares of a total that stands before them, or right after."""
    for at, total in enumerate(numbers):
        if total <= 0:
            continue
        if at and 0 < numbers[at - 1] < total:
            yield 100 * numbers[at - 1] / total
        for part in numbers[at + 1 : at + _WITHIN]:
            if part > total:
                break
            yield 100 * part / total


def _of_text(text: str, *, with_parts: bool = True) -> _Known:
    has_columns = _COLUMN.search(text) is not None
    shares: list[float] = []
    numbers: list[float] = []
    for found in islice(_NUMBER.finditer(text), _MOST_NUMBERS):
        number = float(found[1].replace(",", "."))
        is_share = found[2] or (has_columns and number <= 100)
        (shares if is_share else numbers).append(number)
    return _Known(shares, numbers, with_parts)


def _of_facts(facts: object) -> _Known:
    told = list(_leaves(facts))
    shares = [number for key, number in told if "percent" in key]
    return _Known(shares, [number for key, number in told if "percent" not in key], True)


def _leaves(value: object, key: str = "") -> Iterator[tuple[str, float]]:
    if isinstance(value, Mapping):
        for name, inner in value.items():
            yield from _leaves(inner, str(name))
    elif isinstance(value, list | tuple):
        for inner in value:
            yield from _leaves(inner, key)
    elif isinstance(value, int | float) and not isinstance(value, bool):
        yield key, float(value)
