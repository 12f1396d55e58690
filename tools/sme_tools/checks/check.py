"""Checks as data: YAML files, validated and compiled."""

from __future__ import annotations

import difflib
from collections.abc import Iterable
from functools import cache, cached_property
from importlib.resources import files
from pathlib import Path
from typing import Any

from pydantic import BaseModel, ConfigDict, Field, ValidationError, field_validator

from sme_tools.checks import wording
from sme_tools.checks.conditions import Condition, matches_any
from sme_tools.checks.finding import Severity
from sme_tools.errors import CheckInvalid, UsageError
from sme_tools.yaml_source import describe, read_yaml


@cache
def _refuse_bad_expression(expression: str) -> None:
    matches_any(expression.replace("{subject}", "x"), [""])


class Explains(BaseModel):
    """An effect that a check's finding would account for."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    check: str
    """One check's id; in a file also a list of them, which stands for a link to each."""
    when: str | None = None
    """A condition over `cause` and `effect`, the two findings' facts; None: always."""
    says: str | None = None
    """A regular expression that a line of the effect's own last words must match: of a unit's log,
    a container's, or the line that was logged. `{subject}` is the cause's subject."""
    may_say: str | None = None
    """The same, but where `when` ties the two, an effect that has left no words of trouble will do
    as well."""

    @cached_property
    def condition(self) -> Condition | None:
        """The compiled condition."""
        return Condition.compile(self.when) if self.when else None

    @field_validator("says", "may_say")
    @classmethod
    def _expression(cls, value: str | None) -> str | None:
        if value is not None:
            _refuse_bad_expression(value)
        return value


class Check(BaseModel):
    """A condition over facts that gives findings."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    id: str = Field(pattern=r"^[a-z]+\.[a-z0-9]+(-[a-z0-9]+)*$")
    """DOMAIN.name, such as `storage.filesystem-full`."""
    title: str = Field(min_length=1)
    """What is wrong, with subject and figure: `{f.mount} is {f.used_percent:percent} full`."""
    subject: str = "host"
    """What the finding is about; the same in every sweep, so no changing figures in it."""
    each: str | None = None
    """`PATH as NAME`: one finding for each item for which `when` holds."""
    when: str
    """The condition, in CEL. `limits` holds the thresholds, `now` the time of observation."""
    limits: dict[str, float] = Field(default_factory=dict)
    """Thresholds by name; the inventory can override them for a host, a group or a tag."""
    severity: Severity
    explains: tuple[Explains, ...] = ()
    """The checks whose findings this one would account for."""
    deepen: tuple[str, ...] = ()
    """Probes that tell more once this check holds."""
    remedy: str = Field(min_length=1)
    """The first thing to do."""
    fires: dict[str, Any]
    """Facts for which it holds: the check's own test."""
    clear: dict[str, Any]
    """Facts for which it does not."""

    @field_validator("explains", mode="before")
    @classmethod
    def _name_alone(cls, value: object) -> object:
        if not isinstance(value, list | tuple):
            return value
        return tuple(link for item in value for link in _one_for_each(item))

    @field_validator("title", "subject", "remedy")
    @classmethod
    def _known_formats(cls, value: str) -> str:
        for problem in wording.problems(value):
            raise ValueError(problem)
        return value

    @cached_property
    def condition(self) -> Condition:
        """The compiled condition. Raises ValueError if it is not CEL."""
        return Condition.compile(self.when, self.each)


def _one_for_each(item: object) -> list[object]:
    """A link written as the id alone, or with a list of ids, as links to one check each."""
    if isinstance(item, str):
        return [{"check": item}]
    if isinstance(item, dict) and isinstance(item.get("check"), list):
        return [{**item, "check": id} for id in item["check"]]
    return [item]


def shipped_checks() -> list[Check]:
    """The checks that come with the program, by id."""
    folder = files("sme_tools.checks") / "library"
    found = [
        check
        for file in sorted(folder.iterdir(), key=lambda f: f.name)
        if file.name.endswith(".yaml")
        for check in parse_checks(file.read_text("utf-8"), file.name)
    ]
    return sorted(found, key=lambda check: check.id)


def load_checks(user_folder: Path | None = None) -> list[Check]:
    """The shipped checks and the user's own; a check of the user's replaces one with its id.

    Raises:
        CheckInvalid: a file of the user's can't be used.
    """
    checks = {check.id: check for check in shipped_checks()}
    if user_folder is not None and user_folder.is_dir():
        for path in sorted(user_folder.glob("*.y*ml")):
            try:
                text = path.read_text("utf-8")
            except (OSError, UnicodeDecodeError) as error:
                raise CheckInvalid(f"{path}: can't be read: {error}") from error
            checks |= {check.id: check for check in parse_checks(text, str(path))}
    return [checks[id] for id in sorted(checks)]


def find_check(checks: Iterable[Check], id: str) -> Check:
    """The check with this id. Raises UsageError, with the nearest names."""
    known = {check.id: check for check in checks}
    if id not in known:
        near = difflib.get_close_matches(id, known, n=3)
        hint = f"; did you mean {' or '.join(near)}?" if near else ""
        raise UsageError(f"there is no check {id!r}{hint}", remedy="See them: sme checks list")
    return known[id]


def parse_checks(text: str, source: str) -> list[Check]:
    """The checks of one YAML file, a list.

    Raises:
        CheckInvalid: the message names source, line, check and field.
    """
    raw = read_yaml(text, source, CheckInvalid)
    if raw is None:
        return []
    if not isinstance(raw, list):
        raise CheckInvalid(f"{source}: a check file is a list of checks (- id: …)")
    checks: list[Check] = []
    for index, item in enumerate(raw):
        try:
            checks.append(Check.model_validate(item))
        except ValidationError as error:
            name = item.get("id", "?") if isinstance(item, dict) else "?"
            raise CheckInvalid(
                f"{describe(error, text, source, Check, at=(index,))} (check {name})",
                remedy="The fields of a check: sme checks show storage.filesystem-full",
            ) from error
    _refuse_twins(checks, source)
    return checks


def _refuse_twins(checks: Iterable[Check], source: str) -> None:
    seen: set[str] = set()
    for check in checks:
        if check.id in seen:
            raise CheckInvalid(f"{source}: two checks are called {check.id}")
        seen.add(check.id)
