"""One program and its arguments: what it can do."""

from __future__ import annotations

import posixpath
import re
from collections.abc import Sequence
from dataclasses import replace
from itertools import pairwise
from typing import TYPE_CHECKING

from sme_tools.safety.policy import paths
from sme_tools.safety.policy.addresses import automounted
from sme_tools.safety.policy.arguments import CLIMBS, Arguments, take_apart
from sme_tools.safety.policy.program import Spec, of, programs
from sme_tools.safety.policy.reach import reached
from sme_tools.safety.policy.verdict import (
    READS,
    Ruling,
    SimpleCommand,
    Verdict,
    change,
    refuse,
    worst,
)
from sme_tools.safety.policy.words import Word

if TYPE_CHECKING:
    from sme_tools.safety.policy.tree import Tree

SYSTEM_FOLDERS = re.compile(r"(?:/usr(?:/local)?)?/s?bin|/snap/bin|/usr/libexec")
_WRITES_METADATA = {"chmod", "chown", "chgrp", "chattr", "setfacl", "touch", "ln", "rm", "unlink"}
_KEY_USERS = {"ssh", "scp", "sftp", "ssh-copy-id"}
_MAX_TAIL = 40


def judge_command(tree: Tree, argv: Sequence[Word]) -> Ruling:
    """What one simple command can do, and whatever it is told to run."""
    ruling = _judge(tree, argv)
    for word in argv[1:]:
        tree.reach(automounted(word, tree.folder))
    if ruling.verdict is not Verdict.READ_ONLY:
        ruling = ruling.worse(_protected(tree, argv))
    tree.commands.append(
        SimpleCommand(
            tuple(word.shown for word in argv), ruling.verdict, all(word.known for word in argv)
        )
    )
    return ruling


def _judge(tree: Tree, argv: Sequence[Word]) -> Ruling:
    tree.count()
    name = argv[0]
    if not name.known:
        return change(f"which program runs can't be known before: {name.shown}").worse(
            _may_be_refused(tree, argv)
        )
    if name.text in tree.functions:
        return tree.function(name.text, list(argv[1:])).worse(_hidden(tree, argv[1:]))
    folder, base = posixpath.split(name.text)
    spec = programs().get(base)
    if spec is None:
        return change(f"{name.text} is not known to only read").worse(_hidden(tree, argv[1:]))
    if folder and not SYSTEM_FOLDERS.fullmatch(folder):
        outside = change(f"{name.text} is not a program of the system")
        return outside.worse(grave(judge_spec(tree, base, spec, argv[1:])))
    return judge_spec(tree, base, spec, argv[1:])


def judge_spec(tree: Tree, name: str, spec: Spec, words: Sequence[Word]) -> Ruling:
    """What a described program can do with these arguments."""
    if spec.wraps:
        hidden = _hidden(tree, words)
        return judge_spec(tree, name, spec.model_copy(update={"wraps": False}), words).worse(hidden)
    if spec.judged_by is not None:
        from sme_tools.safety.policy.special import SPECIAL

        return SPECIAL[spec.judged_by](tree, name, spec, words)
    if spec.subcommands:
        return _subcommand(tree, name, spec, words)
    found = take_apart(name, spec, words, stop_at=spec.command)
    return rule_of(tree, name, spec, found)


def rule_of(tree: Tree, name: str, spec: Spec, found: Arguments) -> Ruling:
    """The ruling over arguments that were taken apart."""
    tree.reach(reached(spec, found))
    ruling = worst(
        [
            _by_itself(name, spec),
            found.ruling,
            *_missing(name, spec, found),
            *_operands(tree, name, spec, found),
            *(paths.reads(word, tree.folder) for word in found.files),
            *_scripts(tree, name, spec, found),
        ]
    )
    if spec.literal and not all(word.known for word in _all_words(found)):
        ruling = ruling.worse(change(f"what {name} sends can't be known before"))
    if not found.options and not found.operands and spec.command is None:
        ruling = ruling.worse(alone(name, spec))
    if spec.shell and any(word.untrusted for word in found.operands):
        ruling = ruling.worse(refuse("it runs what it fetches from another machine"))
    if spec.command is not None or (spec.command_after and found.rest):
        ruling = _wrapped(tree, name, spec, found, ruling)
    runs_input = spec.runs_input and not found.operands and not found.scripts
    return replace(
        ruling, network=ruling.network or spec.network, runs_input=ruling.runs_input or runs_input
    )


def _by_itself(name: str, spec: Spec) -> Ruling:
    if spec.verdict == "change":
        return change(f"{name}: {spec.reason or 'it changes something'}")
    if spec.verdict == "refused":
        return refuse(f"{name}: {spec.reason or 'it is never allowed'}", spec.instead)
    return READS


def _subcommand(tree: Tree, name: str, spec: Spec, words: Sequence[Word]) -> Ruling:
    found = take_apart(name, spec, words, stop_at=1)
    tree.reach(reached(spec, found, before_subcommand=True))
    own = _by_itself(name, spec).worse(found.ruling)
    own = worst([own, *(paths.reads(word, tree.folder) for word in found.files)])
    if not found.operands:
        ruling = READS if {"--version", "-V", "--help"} & found.options else alone(name, spec)
        return worst([own, ruling, *_missing(name, spec, found)])
    word = found.operands[0]
    if not word.known:
        return own.worse(change(f"which subcommand of {name} runs can't be known before"))
    if word.text not in spec.by_name:
        return own.worse(change(f"{name} {word.text} is not known to only read"))
    inner = spec.within(of(spec.by_name[word.text]))
    if not spec.apart:
        unmet = tuple(u for u in inner.unless if not u.options & found.options)
        inner = inner.model_copy(update={"unless": unmet})
    ruling = judge_spec(tree, f"{name} {word.text}", inner, found.rest or [])
    if spec.literal and not all(value.known for value in _all_words(found)):
        ruling = ruling.worse(change(f"what {name} sends can't be known before"))
    return replace(own.worse(ruling), network=ruling.network or spec.network)


def alone(name: str, spec: Spec) -> Ruling:
    """What it does without a subcommand, or without the command it would wrap."""
    return {
        "read-only": READS,
        "change": change(f"{name} alone changes something"),
        "interactive": refuse(f"{name} alone waits for a person", spec.instead),
    }[spec.alone]


def _missing(name: str, spec: Spec, found: Arguments) -> list[Ruling]:
    rulings = []
    for unless in spec.unless:
        if unless.options & found.options:
            continue
        ruling = change(unless.reason)
        if unless.kind != "change":
            ruling = refuse(f"{name} {unless.reason}", unless.instead)
        rulings.append(replace(ruling, endless=unless.kind == "endless"))
    return rulings


def _operands(tree: Tree, name: str, spec: Spec, found: Arguments) -> list[Ruling]:
    words = found.operands
    if spec.command is not None:
        words = words[: spec.command]
    if spec.language and not found.scripts:
        words = words[1:]
    rulings = []
    if words and spec.operands == "none":
        rulings.append(change(f"{name} {words[0].shown}: {spec.operand_reason}"))
    most = spec.max_operands
    if most is not None and (len(words) > most or any(word.splits for word in words)):
        rulings.append(change(f"{name} {words[-1].shown}: {spec.operand_reason}"))
    for word in words:
        if spec.operands in ("files", "deep"):
            deep = spec.operands == "deep" or bool(spec.recursive & found.options)
            rulings.append(paths.reads(word, tree.folder, deep=deep))
            rulings.append(paths.to_the_end(name, word, found.options))
        if not _has_form(spec, word):
            rulings.append(change(f"{name} {word.shown}: {spec.operand_reason}"))
    sure = [word for word in words if not word.splits]
    if spec.interval and _is_number(sure[-1:]) and not _is_number(sure[-2:-1]):
        once = f"{name} {sure[-1].shown} 2"
        rulings.append(replace(refuse(f"{name} does not end without a count", once), endless=True))
    return rulings


def _is_number(words: list[Word]) -> bool:
    """Whether the one word there is, if any, may be a number."""
    number = re.compile(r"\+?\d[^:]*")  # with a colon it is a time
    return bool(words) and (not words[0].known or number.fullmatch(words[0].text) is not None)


def _has_form(spec: Spec, word: Word) -> bool:
    if spec.operand_form is None and spec.denied_operands is None:
        return True
    if not word.known:
        return False
    if spec.operand_form is not None and CLIMBS.search(word.text):
        return False
    if spec.operand_form is not None and not re.fullmatch(spec.operand_form, word.text):
        return False
    return spec.denied_operands is None or not re.match(spec.denied_operands, word.text)


def _scripts(tree: Tree, name: str, spec: Spec, found: Arguments) -> list[Ruling]:
    if spec.language is None:
        return []
    from sme_tools.safety.policy.languages import LANGUAGES

    judge = LANGUAGES[spec.language]
    scripts = found.scripts or found.operands[:1]
    return [judge(tree, name, word) for word in scripts]


def _wrapped(tree: Tree, name: str, spec: Spec, found: Arguments, own: Ruling) -> Ruling:
    """The ruling with that of the command which the rest of the words are."""
    rest = found.rest or []
    if rest and rest[0].text == "--":
        rest = rest[1:]
    if not rest:
        return own.worse(alone(name, spec))
    if spec.shell:
        untrusted = any(word.untrusted for word in rest)
        text = " ".join(word.text for word in rest)
        inner = tree.script(Word(text, any(word.splits for word in rest), untrusted))
    else:
        inner = judge_command(tree, rest)
    if spec.ends and inner.endless:
        rest_of_it = change(inner.changes) if inner.changes else READS
        inner = replace(rest_of_it, network=inner.network)
    if own.endless and inner.verdict is Verdict.READ_ONLY and spec.shell:
        own = replace(own, instead=" ".join(word.shown for word in rest))
    return own.worse(inner)


def _all_words(found: Arguments) -> list[Word]:
    values = [word for words in found.values.values() for word in words]
    return [*found.operands, *values]


def _protected(tree: Tree, argv: Sequence[Word]) -> Ruling:
    """What no change may touch: secrets, and this program's own memory."""
    base = posixpath.basename(argv[0].text)
    for before, word in pairwise(argv):
        if base in _KEY_USERS and before.text == "-i":
            continue  # the key is used, not shown
        value = Word(re.sub(r"^--?[A-Za-z][\w-]*=|^[a-z]+=", "", word.text), word.splits)
        if base not in _WRITES_METADATA and paths.names_secret(value, tree.folder):
            return refuse(f"{value.shown} holds secrets")
        if paths.is_own_state(value, tree.folder):
            return refuse(f"{value.shown} is this program's own memory and settings")
    return READS


def _hidden(tree: Tree, words: Sequence[Word]) -> Ruling:
    """Whether the arguments of a program that nobody described hold a command that is refused."""
    rulings = []
    for at, word in enumerate(words[:_MAX_TAIL]):
        if not word.known:
            continue
        if posixpath.basename(word.text) in programs():
            rulings.append(grave(_judge(tree, words[at:])))
        elif re.search(r"[\s;|&]", word.text):
            rulings.append(refused_inside(tree, word.text))
    return worst(rulings)


def refused_inside(tree: Tree, text: str) -> Ruling:
    """Whether a text that another program may hand to a shell is refused as a script."""
    from sme_tools.safety.policy.syntax import NotJudgeable

    try:
        return grave(tree.script(Word(text)))
    except NotJudgeable:
        return READS


def _may_be_refused(tree: Tree, argv: Sequence[Word]) -> Ruling:
    """Whether the program, which is not known, may be one that would be refused here."""
    from sme_tools.safety.policy.special import GRAVE_PROGRAMS

    name = argv[0]
    rulings = [_hidden(tree, argv[1:])]
    base = Word(posixpath.basename(name.text))
    partly_known = re.search(r"[\w.-]", base.text) is not None
    candidates = programs() if partly_known else GRAVE_PROGRAMS
    for candidate in candidates if argv[1:] else ():
        if base.matches(candidate):
            rulings.append(grave(judge_spec(tree, candidate, programs()[candidate], argv[1:])))
    return worst(rulings)


def grave(ruling: Ruling) -> Ruling:
    """The ruling if it refuses what would do harm; else nothing worse than reading."""
    harmful = ruling.verdict is Verdict.REFUSED and not ruling.endless and not ruling.instead
    return ruling if harmful else READS
