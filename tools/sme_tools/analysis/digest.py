"""A long output by its beginning, its end and the lines that stand out, numbered for paging.

    shown = digest(evidence.stdout, most_chars=3000)
    shown.render()

A text that fits is given whole. Of a longer one nothing is summed up or reworded: each line is
verbatim, what is between is counted, and every place can be paged to (`numbered.page`).
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from sme_tools.analysis.numbered import MOST_WIDTH, Piece, lines_of
from sme_tools.analysis.standing_out import Shapes, by_worth, shapes_of, standing_out

FEWEST_CHARS = 200
"""A digest of less says nothing."""
_HEAD_SHARE, _TAIL_SHARE = 0.16, 0.26
_ALIKE = 2
"""So many lines that differ in figures alone are shown of the beginning, and of the end."""
_END_UNITS = 400
"""How far from either end its lines are looked for."""
_MOST_LINES = 2_000
_ROUNDS = ((70, (0,)), (80, (1, -1)), (0, (0,)), (55, (1, -1, 2, -2, 3, 4)))
"""What is taken one after the other: of lines that weigh at least so much, the line itself (0) or
those around it, the nearest first. The reason often follows what is grave."""


@dataclass(frozen=True, slots=True)
class Gap:
    """Lines that are left out."""

    lines: int
    like: int | None = None
    """The number of a line that is shown and that most of them differ from in figures alone."""
    alike: int = 0
    """How many of them do."""

    def render(self, digits: int = 1) -> str:
        """`⋮ 812 lines, 805 like 3`."""
        like = f", {self.alike} like {self.like}" if self.like else ""
        return f"{'⋮':>{digits}} {self.lines} {'line' if self.lines == 1 else 'lines'}{like}"


@dataclass(frozen=True)
class Digest:
    """What is shown of a text."""

    parts: tuple[Piece | Gap, ...]
    """In the order of the text."""
    standing: dict[int, str]
    """Of the lines that are shown, why they stand out, by number."""
    total_lines: int
    whole: str | None = None
    """The text itself where it fits; then there are no parts."""

    @property
    def is_whole(self) -> bool:
        """Whether nothing is left out."""
        return self.whole is not None

    def render(self) -> str:
        """The text itself, or numbered lines, with `⋮` where lines are left out."""
        if self.whole is not None:
            return self.whole
        digits = len(str(self.total_lines))
        return "\n".join(part.render(digits) for part in self.parts)


def digest(text: str, *, most_chars: int) -> Digest:
    """What to look at of a text, in at most `most_chars` characters when rendered.

    Takes time linear in the text.

    Raises:
        ValueError: fewer than `FEWEST_CHARS` characters.
    """
    if most_chars < FEWEST_CHARS:
        raise ValueError(f"a digest takes {FEWEST_CHARS} characters or more, not {most_chars}")
    lines = lines_of(text)
    if len(text) <= most_chars:
        return Digest((), {}, len(lines), whole=text)
    units = _Units(lines, min(max(most_chars // 6, 100), MOST_WIDTH))
    choice = _Choice(units, most_chars)
    standings = by_worth(standing_out(units.texts, units.shapes))
    choice.ends(int(_HEAD_SHARE * most_chars), int(_TAIL_SHARE * most_chars))
    for least, steps in _ROUNDS:
        indexes = [standing.index for standing in standings if standing.weight >= least]
        choice.take(index + step for step in steps for index in indexes[:_MOST_LINES])
    choice.ends(choice.left // 2, choice.left)
    shown = sorted(choice.chosen)
    why = {units.place(s.index)[0]: s.why for s in reversed(standings) if s.index in choice.chosen}
    return Digest(tuple(_parts(units, shown)), dict(sorted(why.items())), len(lines))


class _Units:
    """The text in pieces that are shown or left out: a line is one of them, a long one several."""

    def __init__(self, lines: Sequence[str], width: int) -> None:
        self.lines = lines
        self.texts: Sequence[str] = lines
        self._places: list[tuple[int, int]] | None = None
        if max(map(len, lines), default=0) > width:
            self._places, self.texts = _split(lines, width)
        self.shapes: Shapes = shapes_of(self.texts)

    def place(self, index: int) -> tuple[int, int]:
        """The number of the line and the column where the unit begins."""
        return self._places[index] if self._places is not None else (index + 1, 1)


def _split(lines: Sequence[str], width: int) -> tuple[list[tuple[int, int]], list[str]]:
    """Places and texts of the units where some lines are longer than one."""
    places: list[tuple[int, int]] = []
    texts: list[str] = []
    for number, line in enumerate(lines, 1):
        if len(line) <= width:
            texts.append(line)
            places.append((number, 1))
            continue
        begin = 0
        while begin < len(line):
            end = _break(line, begin, width)
            texts.append(line[begin:end])
            places.append((number, begin + 1))
            begin = end
    return places, texts


def _break(line: str, begin: int, width: int) -> int:
    """Where a piece of a long line ends: at a space or comma if one is near."""
    end = begin + width
    if end >= len(line):
        return len(line)
    near = end - width // 4
    return max(line.rfind(" ", near, end), line.rfind(",", near, end)) + 1 or end


class _Choice:
    """Which units are shown; what they take when rendered never exceeds the budget."""

    def __init__(self, units: _Units, most_chars: int) -> None:
        self.chosen: set[int] = set()
        self._units = units
        digits = len(str(len(units.lines)))
        self._frame = digits + len("│ \n")
        self._gap = 4 * digits + len("  lines,  like \n")
        self.left = most_chars - self._gap

    def ends(self, head_chars: int, tail_chars: int) -> None:
        """More of the beginning and of the end, each for at most so many characters."""
        total = len(self._units.texts)
        far = min(_END_UNITS, total)
        self._end(range(far), head_chars)
        self._end(range(total - 1, total - 1 - far, -1), tail_chars)

    def take(self, indexes: Iterable[int]) -> None:
        """Each that exists and still has room."""
        for index in indexes:
            if self.left <= self._frame:
                return
            if 0 <= index < len(self._units.texts):
                self._take(index, self.left)

    def _end(self, indexes: Iterable[int], most: int) -> None:
        """Units from one end on, of those alike only a few, until the share is used up."""
        seen: Counter[int] = Counter()
        for index in indexes:
            shape = self._units.shapes.of_line[index]
            seen[shape] += 1
            if seen[shape] > _ALIKE or index in self.chosen:
                continue
            cost = self._take(index, min(most, self.left))
            if cost == 0:
                return
            most -= cost

    def _take(self, index: int, most: int) -> int:
        """What the unit costs, or 0 if it costs more than that or is there already."""
        text, (number, column) = self._units.texts[index], self._units.place(index)
        cost = len(text) + self._frame
        if len(self._units.lines[number - 1]) > len(text):
            cost += len(f":{column}… …[+{len(self._units.lines[number - 1])}]")
        cost += self._gap * (1 - (index - 1 in self.chosen) - (index + 1 in self.chosen))
        if index in self.chosen or cost > most:
            return 0
        self.chosen.add(index)
        self.left -= cost
        return max(cost, 1)


def _parts(units: _Units, shown: Sequence[int]) -> Iterable[Piece | Gap]:
    """The shown units, those of one line that follow each other joined, and the gaps between."""
    number_of_shape: dict[int, int] = {}
    for index in shown:
        number_of_shape.setdefault(units.shapes.of_line[index], units.place(index)[0])
    before, place = -1, 0
    while place < len(shown):
        first = last = shown[place]
        while place + 1 < len(shown) and _continues(units, last, shown[place + 1]):
            place += 1
            last = shown[place]
        yield from _gap(units, before, first, number_of_shape)
        yield _piece(units, first, last)
        before = last
        place += 1
    yield from _gap(units, before, len(units.texts), number_of_shape)


def _continues(units: _Units, index: int, following: int) -> bool:
    return following == index + 1 and units.place(index)[0] == units.place(following)[0]


def _piece(units: _Units, first: int, last: int) -> Piece:
    number, column = units.place(first)
    text = "".join(units.texts[first : last + 1])
    rest = len(units.lines[number - 1]) - (column - 1 + len(text))
    return Piece(number, text, column, rest)


def _gap(units: _Units, before: int, after: int, number_of_shape: dict[int, int]) -> Iterable[Gap]:
    """The lines between two units, if there are any that are not shown at all."""
    left = units.place(before)[0] if before >= 0 else 0
    right = units.place(after)[0] if after < len(units.texts) else len(units.lines) + 1
    if right - left <= 1:
        return
    counts = Counter(units.shapes.of_line[before + 1 : after])
    shape, alike = max(
        ((shape, count) for shape, count in counts.items() if shape in number_of_shape),
        key=lambda item: item[1],
        default=(-1, 0),
    )
    told = alike > 1 and 2 * alike >= right - left - 1
    yield Gap(right - left - 1, number_of_shape[shape] if told else None, alike if told else 0)
