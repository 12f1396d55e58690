"""The arguments of a program, taken apart as the program itself would take them apart."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, field

from sme_tools.safety.policy.program import Spec
from sme_tools.safety.policy.verdict import READS, Ruling, change, refuse
from sme_tools.safety.policy.words import Word

CLIMBS = re.compile(r"(?:^|[/=:])\.\./")
"""A path that leaves the folder which its form begins with."""


@dataclass
class Arguments:
    """What was found: options with their values, operands, and what can already be said."""

    options: set[str] = field(default_factory=set)
    operands: list[Word] = field(default_factory=list)
    files: list[Word] = field(default_factory=list)
    """Values of options that are files to be read."""
    scripts: list[Word] = field(default_factory=list)
    values: dict[str, list[Word]] = field(default_factory=dict)
    written: list[Word] = field(default_factory=list)
    """The options as they are written, with what is attached to them."""
    rest: list[Word] | None = None
    """The words after the one that the operands end with, where a command is expected."""
    ruling: Ruling = READS

    def rule(self, ruling: Ruling) -> None:
        """Take this into account."""
        self.ruling = self.ruling.worse(ruling)


def take_apart(
    name: str, spec: Spec, words: Sequence[Word], *, stop_at: int | None = None
) -> Arguments:
    """Tell options from operands. `stop_at`: after so many operands the rest is not looked at."""
    found = Arguments()
    queue = list(words)
    while queue:
        if stop_at and len(found.operands) == stop_at:
            break
        word = queue.pop(0)
        if word.known and word.text == "--":
            if spec.command_after != "--":
                taken = len(queue) if stop_at is None else stop_at - len(found.operands)
                found.operands += queue[:taken]
                del queue[:taken]
                break
            found.rest, queue = queue, []
        elif not word.may_be_option:
            if stop_at == 0:
                queue.insert(0, word)
                break
            found.operands.append(word)
        elif not word.known and not _has_known_name(word):
            if spec.has_harmful_options:
                found.rule(change(f"{word.shown} may turn out as an option of {name}"))
            found.operands.append(word)
        else:
            _option(name, spec, word, queue, found)
    if found.rest is None:
        found.rest = queue
    return found


def _has_known_name(word: Word) -> bool:
    """Whether it is surely an option whose name is known: `--since=…`."""
    return not word.splits and re.match(r"--?[A-Za-z0-9][\w-]*=", word.prefix) is not None


def _option(name: str, spec: Spec, word: Word, queue: list[Word], found: Arguments) -> None:
    found.written.append(word)
    if spec.style == "words" or word.text.startswith("--"):
        _long(name, spec, word, queue, found)
    else:
        _cluster(name, spec, word, queue, found)


def _long(name: str, spec: Spec, word: Word, queue: list[Word], found: Arguments) -> None:
    option, equals, value = word.text.partition("=")
    known = _resolve(spec, option)
    attached = Word(value) if equals else None
    _meaning(name, spec, known or option, attached, queue, found)


def _resolve(spec: Spec, option: str) -> str | None:
    """The option that is meant: itself, or the long one that it is a beginning of."""
    if option in spec.kinds:
        return option
    if spec.style == "words":
        other = option[1:] if option.startswith("--") else f"-{option}"
        return other if other in spec.kinds else None
    if len(option) < 3:
        return None
    near = [known for known in spec.kinds if known.startswith(option)]
    grave = [known for known in near if spec.kinds[known][0] not in ("flags", "values", "optional")]
    if grave:
        return grave[0]
    # Where unknown options may do harm, one that nobody described may have just this name.
    # So may one that takes no value: then the next word is an operand, and is judged as one.
    sure = len(near) == 1 and spec.any_options and spec.kinds[near[0]][0] != "values"
    return near[0] if sure else None


def _cluster(name: str, spec: Spec, word: Word, queue: list[Word], found: Arguments) -> None:
    if word.text in spec.kinds and len(word.text) > 2:
        _meaning(name, spec, word.text, None, queue, found)
        return
    letters = word.text[1:]
    for at, letter in enumerate(letters):
        option = f"-{letter}"
        kind, _ = spec.kinds.get(option, ("", ""))
        rest = letters[at + 1 :]
        if kind in ("flags", "endless", "interactive") or (not kind and spec.any_options):
            _meaning(name, spec, option, None, queue, found)
            continue
        _meaning(name, spec, option, Word(rest) if rest else None, queue, found)
        return


def _meaning(
    name: str, spec: Spec, option: str, attached: Word | None, queue: list[Word], found: Arguments
) -> None:
    """Take one option, and its value from the word itself or from the next one."""
    if attached is None or attached.text.lower() not in ("false", "f", "0"):
        found.options.add(option)
    kind, text = spec.kinds.get(option, ("", ""))
    if kind in ("values", "files", "scripts", "forms"):
        value = attached if attached is not None else queue.pop(0) if queue else Word("")
        if attached is None and _is_harmful(spec, value):
            # Another version of the program may take it for an option.
            found.rule(change(f"{name} {option}: {value.shown} looks like an option"))
        _value(name, spec, option, value, found)
    elif kind == "change":
        found.rule(change(f"{name} {option}: {text}"))
    elif kind == "refused":
        found.rule(refuse(f"{name} {option}: {text}"))
    elif kind == "endless":
        found.rule(Ruling(refuse("").verdict, f"{name} {option} does not end", text, endless=True))
    elif kind == "interactive":
        found.rule(refuse(f"{name} {option} waits for a person", text))
    elif not kind and not spec.any_options:
        found.rule(change(f"{name} {option} is not known to only read"))


def _value(name: str, spec: Spec, option: str, value: Word, found: Arguments) -> None:
    """Note an option's value, and judge it by its form."""
    kind, form = spec.kinds[option]
    if value.splits and spec.has_harmful_options:
        found.rule(change(f"{value.shown} may turn out as more than one word"))
    found.values.setdefault(option, []).append(value)
    if kind == "forms" and (
        not value.known or CLIMBS.search(value.text) or not re.fullmatch(form, value.text)
    ):
        found.rule(change(f"{name} {option} {value.shown} is not known to only read"))
    if kind == "files":
        found.files.append(value)
    if kind == "scripts":
        found.scripts.append(value)


def _is_harmful(spec: Spec, value: Word) -> bool:
    """Whether a word in the place of a value is an option that changes something."""
    if not value.text.startswith("-"):
        return False
    option = value.text.partition("=")[0]
    if option not in spec.kinds and not option.startswith("--") and spec.style == "getopt":
        option = option[:2]
    return spec.kinds.get(option, ("", ""))[0] in ("change", "refused", "endless", "interactive")
