"""What is known of programs: the form of `programs/*.yaml`, and their reader.

A file describes the programs of one family:

    programs:
      sort:
        flags: -b -d -f -g -h -n -r -u --reverse --unique
        values: -k -t -S --key --field-separator --buffer-size
        files: --files0-from
        change:
          -o --output: writes its result to a file
          --compress-program: runs another program
        operands: files

Whatever a description does not name makes a command a change. Names that share a description stand
in one key, separated by spaces; so do options. A subcommand without a description only reads; with
a text for one it is a change, and the text says why.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from functools import cache, cached_property
from importlib import resources
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, ValidationError, field_validator

from sme_tools.errors import UsageError
from sme_tools.yaml_source import describe, read_yaml


def _words(value: object) -> object:
    return value.split() if isinstance(value, str) else value


class Part(BaseModel):
    """Base of what a family's file holds."""

    model_config = ConfigDict(extra="forbid", frozen=True, ignored_types=(cached_property,))


class Unless(Part):
    """A ruling that holds unless one of these options is given."""

    options: frozenset[str]
    kind: Literal["change", "endless", "interactive"]
    reason: str
    instead: str | None = None

    split = field_validator("options", mode="before")(_words)


class Reach(Part):
    """Which words of a command say whom it asks over a network, or are names that it looks up.

    `reaches: all` in a file is short for these operands and any option. What a program asks of
    itself or by its configuration, with no word of the command in it, is none of this.
    """

    operands: Literal[
        "none", "all", "first", "links", "urls", "named", "names", "images", "remote"
    ] = "none"
    """all: they are hosts; links, first: all, or the first, are URLs or addresses, with what may
    stand around a host; urls: those are that are URLs or HOST:PATH; named: addresses may stand in
    them; names: the same, but only names are asked for; images: names of container images; remote:
    the first is a repository, or a name that stands for one."""
    options: frozenset[str] = frozenset()
    """Options whose value is an address, or has one in it; `any`: whatever option is given."""
    files: frozenset[str] = frozenset()
    """Options whose value is a file unless it is a URL, or a list with commas."""
    always: str | None = None
    """Where what the command says goes anyway."""
    when: frozenset[str] = frozenset()
    """Only with one of these options it asks anybody."""
    unless: frozenset[str] = frozenset()
    """With one of these options it asks nobody."""
    plain: frozenset[str] | None = None
    """With no options but these it tells nothing but whom it asks, so that it may ask well-known
    names; None: it always tells more."""

    split = field_validator("options", "files", "when", "unless", "plain", mode="before")(_words)


class Spec(Part):
    """What a program, or a subcommand of one, can do with its arguments."""

    style: Literal["getopt", "words"] = "getopt"
    """words: an option is a whole word with one dash or two (`-name`), never a cluster."""
    any_options: bool = False
    """No option of it writes or runs anything, but for those named under change, refused, …"""
    flags: frozenset[str] = frozenset()
    """Options without a value."""
    values: frozenset[str] = frozenset()
    """Options whose value is harmless text."""
    optional: frozenset[str] = frozenset()
    """Options whose value, if any, is attached: `--color=auto`, `-U3`."""
    files: frozenset[str] = frozenset()
    """Options whose value is a file to be read."""
    scripts: frozenset[str] = frozenset()
    """Options whose value is a script of `language`."""
    recursive: frozenset[str] = frozenset()
    """Options (named above too) that make it read everything under its operands."""
    forms: dict[str, str] = {}
    """Options with a value that is harmless if it matches this regular expression as a whole."""
    change: dict[str, str] = {}
    """Options that change something or run something, and how."""
    refused: dict[str, str] = {}
    """Options that are never allowed, and why."""
    endless: dict[str, str] = {}
    """Options with which it does not end, and the form that does."""
    interactive: dict[str, str] = {}
    """Options with which it waits for a person, and the form that does not."""
    unless: tuple[Unless, ...] = ()
    operands: Literal["none", "any", "names", "files", "deep"] = "any"
    """files: they are read; deep: with everything under them; names: only looked up."""
    max_operands: int | None = None
    operand_form: str | None = None
    """A regular expression that each operand has to match as a whole."""
    denied_operands: str | None = None
    """A regular expression that no operand may match from its beginning."""
    operand_reason: str = "it changes something with such an argument"
    command: int | None = None
    """After so many operands the rest is a command, which is judged."""
    command_after: str | None = None
    """The word after which the command begins: `--`."""
    shell: bool = False
    """The operands, joined by spaces, are a script for a shell."""
    language: str | None = None
    """The first operand is a script of this language, unless an option of `scripts` gives it."""
    subcommands: dict[str, Spec | str | None] = {}
    apart: bool = False
    """Its own options hold only before the subcommand, and may mean something else after it."""
    alone: Literal["read-only", "change", "interactive"] = "read-only"
    """What it is without a subcommand, or without the command it would run."""
    verdict: Literal["read-only", "change", "refused"] = "read-only"
    reason: str | None = None
    instead: str | None = None
    judged_by: str | None = None
    """The name of a function of ours that judges the arguments."""
    literal: bool = False
    """Every word must be known before: it could carry data out."""
    network: bool = False
    """What it prints comes from another machine."""
    reaches: Reach | None = None
    """Whom it asks over a network; None: nobody whom its words name."""
    runs_input: bool = False
    """Without operands it runs what it reads from standard input."""
    interval: bool = False
    """With one number as operand it never ends; a second number is how often."""
    wraps: bool = False
    """A command may stand among its arguments: it is looked for, in case it would be refused."""
    ends: bool = False
    """What it runs is ended after a time."""
    notes: str | None = None
    """For the reader of the file."""

    split = field_validator(
        "flags", "values", "optional", "files", "scripts", "recursive", mode="before"
    )(_words)

    @field_validator("reaches", mode="before")
    @classmethod
    def _short_form(cls, value: object) -> object:
        return {"operands": value, "options": "any"} if isinstance(value, str) else value

    @field_validator("forms")
    @classmethod
    def _all_regexes(cls, value: dict[str, str]) -> dict[str, str]:
        for form in value.values():
            re.compile(form)
        return value

    @field_validator("operand_form", "denied_operands")
    @classmethod
    def _a_regex(cls, value: str | None) -> str | None:
        if value is not None:
            re.compile(value)
        return value

    @cached_property
    def kinds(self) -> dict[str, tuple[str, str]]:
        """What each option means: its kind (the field's name) and its text."""
        found: dict[str, tuple[str, str]] = {}
        for kind in ("flags", "values", "optional", "files", "scripts"):
            found |= dict.fromkeys(getattr(self, kind), (kind, ""))
        for kind in ("forms", "endless", "interactive", "change", "refused"):
            for options, text in getattr(self, kind).items():
                found |= dict.fromkeys(options.split(), (kind, text))
        return found

    @cached_property
    def has_harmful_options(self) -> bool:
        """Whether an unknown word in the place of an option could do harm."""
        return not self.any_options or bool(self.forms or self.change or self.refused)

    @cached_property
    def by_name(self) -> dict[str, Spec | str | None]:
        """Subcommands by each of their names."""
        return {name: spec for names, spec in self.subcommands.items() for name in names.split()}

    def within(self, child: Spec) -> Spec:
        """A subcommand's description, with the options that hold for the whole program."""
        reaches = child.reaches or self.reaches
        if self.apart:
            return child.model_copy(update={"style": self.style, "reaches": reaches})
        update: dict[str, Any] = {
            kind: getattr(self, kind) | getattr(child, kind)
            for kind in ("flags", "values", "optional", "files")
        }
        update |= {
            kind: {**getattr(self, kind), **getattr(child, kind)} for kind in ("change", "refused")
        }
        # Not by `kinds`, which a copy would keep as it was.
        named = child.flags | child.values | child.optional | child.files | child.scripts
        for texts in (child.forms, child.endless, child.interactive, child.change, child.refused):
            named |= {option for options in texts for option in options.split()}
        own = {option for options in self.forms for option in options.split()} - named
        inherited = {
            " ".join(own & {*options.split()}): form
            for options, form in self.forms.items()
            if own & {*options.split()}
        }
        update |= {"forms": {**inherited, **child.forms}}
        update |= {"literal": self.literal or child.literal, "style": self.style}
        update |= {"reaches": reaches}
        return child.model_copy(update=update)


class Family(Part):
    """One file of `programs/`."""

    about: str
    programs: dict[str, Spec | str | None]

    def named(self) -> Iterator[tuple[str, Spec]]:
        """Each program's name and description."""
        for names, spec in self.programs.items():
            for name in names.split():
                yield name, of(spec)


def of(spec: Spec | str | None) -> Spec:
    """The description behind the short forms: nothing, or the reason why it is a change."""
    if spec is None:
        return Spec(any_options=True)
    if isinstance(spec, str):
        return Spec(verdict="change", reason=spec, any_options=True)
    return spec


@cache
def programs() -> dict[str, Spec]:
    """Every program that is described, by name.

    Raises:
        UsageError: a file is not of this form, or two describe one program.
    """
    known: dict[str, Spec] = {}
    folder = resources.files("sme_tools.safety.policy") / "programs"
    for file in sorted(folder.iterdir(), key=lambda file: file.name):
        if not file.name.endswith(".yaml"):
            continue
        for name, spec in family(file.read_text("utf-8"), file.name).named():
            if name in known:
                raise UsageError(f"{file.name}: {name} is described twice")
            known[name] = spec
    return known


def family(text: str, source: str) -> Family:
    """Read one file's text. Raises UsageError with its line."""
    values = read_yaml(text, source, UsageError)
    try:
        return Family.model_validate(values)
    except ValidationError as error:
        raise UsageError(describe(error, text, source, Family)) from error
