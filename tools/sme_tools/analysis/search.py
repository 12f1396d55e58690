"""The lines of a text that a pattern matches, with their numbers and what stands around them."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from sme_tools.analysis.numbered import Piece, lines_of, piece_of
from sme_tools.analysis.patterns import GuardedPattern

MOST_CHARS = 6000
"""Of what is shown of one search, by default."""
MOST_HITS = 200
_HIT_WIDTH, _AROUND_WIDTH = 300, 160
_LEAD = 80
"""Characters of a long line that are shown before the match."""


@dataclass(frozen=True)
class Found:
    """What a search brought."""

    pieces: tuple[Piece, ...]
    """The lines shown, matching ones and those around them, in the order of the text."""
    hits: tuple[int, ...]
    """The numbers of the matching lines that are shown."""
    total_hits: int
    """Lines that match, in the whole text."""
    total_lines: int
    next_line: int | None
    """Where to search on for the hits that are not shown; None if all from `first_line` on are."""

    def render(self) -> str:
        """Numbered lines, `>` before those that match and `⋮` where others are between."""
        digits = len(str(self.pieces[-1].number)) if self.pieces else 1
        matching = set(self.hits)
        rendered: list[str] = []
        for before, piece in zip((None, *self.pieces), self.pieces, strict=False):
            if before is not None and piece.number > before.number + 1:
                rendered.append(f"  {'⋮':>{digits}}")
            mark = ">" if piece.number in matching else " "
            rendered.append(f"{mark} {piece.render(digits)}")
        return "\n".join(rendered)


def search(
    text: str,
    pattern: str,
    *,
    is_regex: bool = True,
    around: int = 2,
    most: int = 20,
    first_line: int = 1,
    most_chars: int = MOST_CHARS,
) -> Found:
    """The first lines from `first_line` on that match, case ignored, and how many do in all.

    At least one hit is shown, whatever `most` and `most_chars` say; of a long line, the stretch
    around the match.

    Raises:
        PatternInvalid: the pattern is no regular expression, or takes too long on this text.
    """
    lines = lines_of(text)
    guarded = GuardedPattern(pattern, is_regex=is_regex)
    hits: list[tuple[int, int]] = []
    for number, line in enumerate(lines, 1):
        if match := guarded.search(line):
            hits.append((number, match.start()))
    following = [hit for hit in hits if hit[0] >= first_line]
    shown = _fitting(lines, following[: min(max(most, 1), MOST_HITS)], max(around, 0), most_chars)
    rest = following[len(shown) :]
    return Found(
        pieces=tuple(_pieces(lines, shown, max(around, 0))),
        hits=tuple(number for number, _ in shown),
        total_hits=len(hits),
        total_lines=len(lines),
        next_line=rest[0][0] if rest else None,
    )


def _fitting(
    lines: Sequence[str], hits: list[tuple[int, int]], around: int, most_chars: int
) -> list[tuple[int, int]]:
    """The first hits that fit with what is around them."""
    frame = len(str(len(lines))) + 16
    for count in range(1, len(hits) + 1):
        pieces = _pieces(lines, hits[:count], around)
        if sum(len(piece.text) + frame for piece in pieces) > most_chars:
            return hits[: max(count - 1, 1)]
    return hits


def _pieces(lines: Sequence[str], hits: Sequence[tuple[int, int]], around: int) -> Iterable[Piece]:
    starts = dict(hits)
    wanted = {
        number
        for hit, _ in hits
        for number in range(max(hit - around, 1), min(hit + around, len(lines)) + 1)
    }
    for number in sorted(wanted):
        start = starts.get(number)
        if start is None:
            yield piece_of(lines, number, width=_AROUND_WIDTH)
        else:
            is_far = start > _HIT_WIDTH - _LEAD
            column = start - _LEAD + 1 if is_far else 1
            yield piece_of(lines, number, column=column, width=_HIT_WIDTH)
