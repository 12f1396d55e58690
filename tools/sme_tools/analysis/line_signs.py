"""How much a line of any output stands out by what it says: errors, failures, bad states."""

from __future__ import annotations

import re
from functools import cache
from importlib.resources import files
from typing import NamedTuple

from sme_tools.analysis.log_lines import read_line
from sme_tools.analysis.log_signatures import kind_of, level_of
from sme_tools.analysis.log_times import Clock

MOST_LOOKED_AT = 1_000
"""Characters of a line."""

_LEVEL_WEIGHT = {"critical": 88, "error": 76, "warning": 50}
_KIND_WEIGHT = 86
_KLOG_TROUBLE = re.compile(r"^[EWF]\d{4} \d\d:\d\d:")
_NONE_OF_IT = re.compile(
    r"(?:fail|fault|err|drop|lost|miss|remov|corrupt|dead|overrun|spare|warn|colli|partition|exit"
    r"|restart)\w{0,20}(?: \w{1,20}){0,2}(?:\"?\s{0,9}[:=]\s{0,20}|\s{1,20})[\[{(\"]?"
    r"(?:0(?![\d.]*[1-9])(?:\.0+)?\b|none\b|no\b|false\b|null\b|\])[\])}\"]?"
    r"|\b(?:no|0|zero|without) (?:\w{1,20} )?(?:err|fail|fault|warn)\w{0,20}"
    r"|\w{0,20}time-?out\w{0,20}\"?[\s=:]{1,3}[\"']?\d",
    re.IGNORECASE,
)
"""A count of none, as `Failed Devices : 0` or `no errors`, and a setting, as `timeout=30`."""


class LineSign(NamedTuple):
    """Why a line stands out."""

    weight: int
    """0 to 100."""
    word: str
    """What it has in common with other lines: a kind of trouble, a level, or the word that told."""


class _Signs(NamedTuple):
    hints: tuple[str, ...]
    rows: tuple[tuple[int, re.Pattern[str]], ...]


@cache
def _signs() -> _Signs:
    import yaml

    table = (files("sme_tools.analysis") / "digest_signs.yaml").read_text("utf-8")
    read = yaml.load(table, Loader=getattr(yaml, "CSafeLoader", yaml.SafeLoader))
    return _Signs(
        tuple(read["hints"]),
        tuple(
            (row["weight"], re.compile("|".join(row["patterns"]), re.IGNORECASE))
            for row in read["signs"]
        ),
    )


def is_hinted(line: str) -> bool:
    """Whether a line may say something of weight: a quick look before `sign_of`."""
    lowered = line[:MOST_LOOKED_AT].lower()
    for hint in _signs().hints:  # any() over a generator takes twice as long
        if hint in lowered:
            return True
    return _KLOG_TROUBLE.match(line) is not None


def sign_of(line: str) -> LineSign | None:
    """What makes the line stand out, or None."""
    text = _NONE_OF_IT.sub("", line[:MOST_LOOKED_AT])
    read = read_line(text, Clock())
    if read.level in ("debug", "info", "notice") and kind_of(read) is None:
        return None
    said = _said(text)
    kind = kind_of(read)
    if kind is not None:
        return LineSign(max(_KIND_WEIGHT, said.weight if said else 0), kind)
    weight = _LEVEL_WEIGHT.get(read.level or "", 0)
    if not weight and level_of(read) == "error" and said is not None:
        weight = _LEVEL_WEIGHT["error"]
    if said is None or weight >= said.weight:
        return LineSign(weight, read.level or "error") if weight else None
    return said


def _said(text: str) -> LineSign | None:
    for weight, pattern in _signs().rows:
        if found := pattern.search(text):
            return LineSign(weight, found[0].strip().lower()[:40])
    return None
