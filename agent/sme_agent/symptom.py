"""What a symptom's words point at: domains of facts, and whether it is about speed."""

from __future__ import annotations

import re
from functools import cache
from importlib.resources import files

from pydantic import BaseModel, ConfigDict

from sme_tools.errors import SettingsInvalid
from sme_tools.yaml_source import read_yaml

_WORD = re.compile(r"[^\W_](?:[\w.+-]*[^\W_])?")
_LATIN = re.compile(r"[a-z]{2}")


class Area(BaseModel):
    """A part of a machine that symptoms name."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    domains: tuple[str, ...]
    level: int
    """How deep a symptom of this area asks to look."""
    behind: tuple[str, ...]
    """Domains and checks outside of the area that such trouble often comes from."""
    words: tuple[str, ...]
    """Words, or phrases of several, in lower case; a word also stands for its plural."""

    def may_come_from(self, check: str) -> bool:
        """Whether a finding of this check can be behind such a symptom."""
        domain = check.split(".")[0]
        return domain in self.domains or domain in self.behind or check in self.behind


@cache
def areas() -> dict[str, Area]:
    """The areas by name."""
    text = (files("sme_agent") / "symptom_areas.yaml").read_text("utf-8")
    raw = read_yaml(text, "symptom_areas.yaml", SettingsInvalid)
    return {name: Area.model_validate(area) for name, area in raw.items()}


def areas_of(symptom: str | None) -> dict[str, Area]:
    """The areas that a symptom names; none if there is no symptom."""
    if not symptom:
        return {}
    spoken = " ".join(_WORD.findall(symptom.lower()))
    return {
        name: area for name, area in areas().items() if any(_says(spoken, w) for w in area.words)
    }


def is_understood(symptom: str) -> bool:
    """Whether there is anything in it that its words could be compared with.

    Checks, facts and known issues speak English in Latin letters. Of a symptom in another script
    nothing can be said, so it rules nothing out either.
    """
    return _LATIN.search(symptom.lower()) is not None or bool(areas_of(symptom))


def is_vague(symptom: str | None) -> bool:
    """Whether it says no more than that something is wrong."""
    return symptom is not None and (
        not is_understood(symptom) or set(areas_of(symptom)) == {"anything"}
    )


def words_of(text: str) -> set[str]:
    """The telling words of a text, in lower case, and their parts: `backups` and `backup.service`
    have `backup` in common."""
    whole = set(_WORD.findall(text.lower()))
    parts = {part for word in whole for part in re.split(r"[._+-]", word)}
    plain = {_singular(word) for word in whole | parts}
    return {word for word in plain if len(word) > 2 and not word.isdigit()} - _COMMON


def _singular(word: str) -> str:
    return word[:-1] if len(word) > 3 and word.endswith("s") and not word.endswith("ss") else word


def _says(spoken: str, phrase: str) -> bool:
    return re.search(rf"(?<![^\W_]){re.escape(phrase)}(?:s|es)?(?![^\W_])", spoken) is not None


_COMMON = frozenset(
    """the and for are was not but can has have with from this that when why what how its does into
    after before since still very some all any out our your their there then than service host
    will one two more most now new""".split()  # noqa: SIM905
)
