"""Known issues as files: made so that people like to read them, and read back as they were.

What the form says by leaving it out is left out, what may be written short is written short, and
the fields stand in the order of the shipped library.
"""

from __future__ import annotations

import datetime
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import Any

import yaml
from pydantic import ValidationError

from sme_knowledge.known_issue import (
    MAX_FILE_BYTES,
    KnownIssue,
    Parameter,
    Part,
    Prevention,
    Signature,
    Step,
    Verification,
)
from sme_knowledge.store import KnownIssues
from sme_tools.errors import KnownIssueInvalid, StateError
from sme_tools.files import create_file, replace_file
from sme_tools.yaml_source import describe

MOST_SYMPTOMS = 40
"""What users see can be said in so many ways; more only blurs the search."""

_FOLDED_FROM = 80
"""Prose that is longer is folded into several lines."""
_WIDTH = 90
_DEEPEST_INDENT = 60
"""A line that begins further in may look like nesting that reading refuses."""
_BREAKS_OF_YAML = frozenset("\r\x85\u2028\u2029")
"""What YAML 1.1 takes for the end of a line, and reading would not give back in a block."""

_ORDER: dict[type[Part], tuple[str, ...]] = {
    KnownIssue: (
        "id", "title", "severity", "status", "applies_to", "symptoms", "signature", "explains",
        "root_cause", "diagnosis", "parameters", "resolution", "prevention", "supersedes",
        "provenance",
    ),
    Signature: ("each", "when", "rules_out"),
    Step: (
        "title", "run", "keep_files", "undo", "pre_state", "verify", "timeout_s", "hold_s",
        "by_hand", "alternative", "notes",
    ),
}  # fmt: skip
"""Where the order in the files is not that of the model."""
_MAIN_FIELD: dict[type[Part], str] = {Verification: "when", Prevention: "text", Parameter: "about"}
"""What a part may be written as, where it says nothing else."""
_IN_ONE_LINE = frozenset({"applies_to", "explains", "supersedes", "exit_codes", "keep_files"})
_CODE = frozenset({"when", "run", "undo", "pre_state", "supports", "refutes", "value"})
"""Fields whose lines are not folded."""


class _Code(str):
    __slots__ = ()


class _InOneLine(list[Any]):
    pass


def write(issue: KnownIssue) -> str:
    """The file of a known issue: what `KnownIssue.parse` reads back as equal.

    The story's line ends become `\\n`, and blank lines around it go.

    Raises:
        KnownIssueInvalid: no file can say this: brackets that open by the hundred, a NaN.
    """
    issue = issue.model_copy(update={"story": _story(issue.story)})
    head = yaml.dump(
        _plain(issue), Dumper=_Dumper, sort_keys=False, allow_unicode=True, width=_WIDTH
    )
    text = f"---\n{head}---\n{issue.story}\n" if issue.story else f"---\n{head}---\n"
    if KnownIssue.parse(text, issue.id).model_dump() != issue.model_dump():
        raise KnownIssueInvalid(
            f"{issue.id}: a file would not give it back as it is",
            remedy="Leave out what is not plain text and numbers.",
        )
    return text


def save(issue: KnownIssue, folder: Path, *, replace: bool = False) -> Path:
    """Write an issue into a folder, whole or not at all; gives its file, ID.md if it is a new one.

    Folder and file are for their owner alone. An issue that the folder has already is written over
    in its own file, and only with `replace`.

    Raises:
        KnownIssueInvalid: it is there already; or its file would be too large, or holds something
            that can't be read or is another issue.
        StateError: the folder can't be made or written to.
    """
    data = write(issue).encode()
    if len(data) > MAX_FILE_BYTES:
        raise KnownIssueInvalid(
            f"{issue.id}: its file would be larger than {MAX_FILE_BYTES // 1024} KiB",
            remedy="Shorten the story: what no longer helps anyone can go.",
        )
    try:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        here = KnownIssues.load(folder, shipped=False).by_id.get(issue.id)
        if here is not None and here.path is not None:
            if not replace:
                raise _taken(here.path, f"there is a known issue {issue.id} already")
            replace_file(here.path, data)
            return here.path
        path = folder / f"{issue.id}.md"
        create_file(path, data)
    except FileExistsError as error:
        raise _taken(path, f"there is such a file, which is no known issue {issue.id}") from error
    except OSError as error:
        raise StateError(
            f"{folder}: {issue.id} can't be written: {error.strerror}",
            remedy=f"Free space on its disk, and make {folder} writable for you.",
        ) from error
    return path


def updated(
    old: KnownIssue,
    *,
    on: datetime.date,
    symptoms: Iterable[str] = (),
    incidents: Sequence[str] = (),
    story_addition: str = "",
) -> KnownIssue:
    """An issue with what was learned since; what is known already is not added again.

    Symptoms that differ in case and blanks alone are the same, and those over `MOST_SYMPTOMS` are
    left out. `story_addition` becomes a paragraph of its own with the date `on`. Everything else
    stays, the status too. Where nothing is new, `old` itself is given.

    Raises:
        KnownIssueInvalid: something is no symptom or no incident, such as a text of many lines.
    """
    known = {_folded(symptom) for symptom in old.symptoms}
    more: list[str] = []
    for symptom in symptoms:
        if _folded(symptom) not in known and len(old.symptoms) + len(more) < MOST_SYMPTOMS:
            known.add(_folded(symptom))
            more.append(symptom)
    seen = [id for id in dict.fromkeys(incidents) if id not in old.provenance.incidents]
    told = _story(story_addition)
    was_told = not told or f": {told}\n" in f"{old.story}\n"
    paragraph = "" if was_told else f"{on.isoformat()}: {told}"
    if not (more or seen or paragraph):
        return old
    values = old.model_dump()
    values["symptoms"] += more
    values["provenance"]["incidents"] += seen
    values["story"] = "\n\n".join(filter(None, [old.story, paragraph]))
    try:
        return KnownIssue.model_validate(values)
    except ValidationError as error:
        raise KnownIssueInvalid(
            describe(error, "", old.id, KnownIssue),
            remedy="A symptom is one line of at most 300 characters, as a user would type it.",
        ) from error


def _taken(path: Path, problem: str) -> KnownIssueInvalid:
    return KnownIssueInvalid(
        f"{path}: {problem}",
        remedy="Give the new one another id, or change the one that is there.",
    )


def _folded(symptom: str) -> str:
    return " ".join(symptom.split()).casefold()


def _story(text: str) -> str:
    return text.replace("\r\n", "\n").replace("\r", "\n").strip()


def _plain(value: Any, field: str = "") -> Any:  # noqa: ANN401 - anything a field may hold
    """What YAML can say of a value, with everything left out that goes without saying."""
    if isinstance(value, Part):
        said = {name: _plain(getattr(value, name), name) for name in _told(value)}
        main = _MAIN_FIELD.get(type(value))
        return said[main] if main and said.keys() == {main} else said
    if isinstance(value, dict):
        return {key: _plain(item) for key, item in value.items()}
    if isinstance(value, list):
        items = [_plain(item, field) for item in value]
        fits = sum(len(f"{item}, ") for item in items) < _FOLDED_FROM
        return _InOneLine(items) if field in _IN_ONE_LINE and fits else items
    if isinstance(value, float) and value.is_integer() and abs(value) < 1e9:
        return int(value)
    return _Code(value) if field in _CODE and isinstance(value, str) else value


def _told(part: Part) -> list[str]:
    """The fields that are not at their default, in the order of the files."""
    fields = type(part).model_fields
    order = _ORDER.get(type(part), tuple(fields))
    return [name for name in order if getattr(part, name) != fields[name].default]


class _Dumper(yaml.SafeDumper):
    def choose_scalar_style(self) -> str:
        style: str = super().choose_scalar_style()
        if style != "'":
            return style
        text = getattr(self.event, "value", "")
        return style if "'" not in text and ('"' in text or "\\" in text) else '"'

    def increase_indent(self, flow: bool = False, indentless: bool = False) -> None:
        super().increase_indent(flow, indentless=False)

    def ignore_aliases(self, data: object) -> bool:
        return True


def _represent_text(fold: str) -> Callable[[_Dumper, str], yaml.ScalarNode]:
    """How to write a text; `fold` is the style for one that is long."""

    def represent(dumper: _Dumper, text: str) -> yaml.ScalarNode:
        style = _style(str(text), fold)
        # Its fields strip blanks, so that a block may end as blocks usually do.
        ended = f"{text}\n" if style == "|" else str(text)
        return dumper.represent_scalar("tag:yaml.org,2002:str", ended, style=style)

    return represent


def _style(text: str, fold: str) -> str | None:
    lines = text.split("\n")
    far_in = any(len(line) - len(line.lstrip(" \t-?:")) > _DEEPEST_INDENT for line in lines)
    if far_in or _BREAKS_OF_YAML & set(text):
        return '"'
    if len(lines) > 1:
        return "|"
    if len(text) > _FOLDED_FROM:
        return fold
    return None


def _represent_in_one_line(dumper: _Dumper, items: _InOneLine) -> yaml.SequenceNode:
    return dumper.represent_sequence("tag:yaml.org,2002:seq", items, flow_style=True)


_Dumper.add_representer(str, _represent_text(">"))
_Dumper.add_representer(_Code, _represent_text("|"))
_Dumper.add_representer(_InOneLine, _represent_in_one_line)
