"""Clients of clusters and databases: arguments that say what a server is asked to do."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import TYPE_CHECKING

from sme_tools.safety.policy.arguments import Arguments, take_apart
from sme_tools.safety.policy.languages.redis import redis_command
from sme_tools.safety.policy.languages.sql import sql
from sme_tools.safety.policy.program import Spec
from sme_tools.safety.policy.reach import reached
from sme_tools.safety.policy.simple import alone, judge_command, rule_of
from sme_tools.safety.policy.verdict import Ruling, Verdict, change, refuse
from sme_tools.safety.policy.words import Word

if TYPE_CHECKING:
    from sme_tools.safety.policy.tree import Tree

_SECRET_KIND = re.compile(r"(?i)secrets?(?:[./,]|$)|sealedsecret|(?:^|,)(?:all|\*)(?:,|$)")
_NAMES_ONLY = re.compile(r"=?(?:wide|name)")


def multicall(tree: Tree, name: str, spec: Spec, words: Sequence[Word]) -> Ruling:
    """`k3s kubectl …` is `kubectl …`: the subcommand is a program of its own."""
    return judge_command(tree, [Word(name.split()[-1]), *words])


def kubernetes_objects(tree: Tree, name: str, spec: Spec, words: Sequence[Word]) -> Ruling:
    """`kubectl get` and `describe`, which can print what a Secret holds."""
    found = take_apart(name, spec, words)
    ruling = rule_of(tree, name, spec, found)
    formats = [v for option in ("-o", "--output") for v in found.values.get(option, [])]
    templated = "--template" in found.options or not all(
        value.known and _NAMES_ONLY.fullmatch(value.text) for value in formats
    )
    for word in found.files:
        if re.match(r"https?:", word.text):
            ruling = ruling.worse(change(f"{name} -f asks {word.shown}"))
    if not templated and "--show-managed-fields" not in found.options and "get" in name:
        return ruling
    for word in [*found.operands, *found.files]:
        if word in found.files or not word.known or _SECRET_KIND.search(word.text):
            return ruling.worse(change(f"{name} {word.shown} may print what secrets hold"))
    return ruling


def sql_client(tree: Tree, name: str, spec: Spec, words: Sequence[Word]) -> Ruling:
    """`psql -c SQL`, `mysql -e SQL`, or SQL on standard input."""
    return _with_input(tree, name, spec, take_apart(name, spec, words))


def sqlite(tree: Tree, name: str, spec: Spec, words: Sequence[Word]) -> Ruling:
    """`sqlite3 FILE SQL…`: every operand but the first is SQL."""
    found = take_apart(name, spec, words)
    found.scripts += found.operands[1:]
    del found.operands[1:]
    return _with_input(tree, name, spec, found)


def _with_input(tree: Tree, name: str, spec: Spec, found: Arguments) -> Ruling:
    """The ruling with that over standard input, which is read where no script is given."""
    if found.scripts:
        return rule_of(tree, name, spec, found)
    ruling = rule_of(tree, name, spec.model_copy(update={"language": None}), found)
    if {"--version", "-version", "-V", "--help", "-l", "--list"} & found.options:
        return ruling
    given = tree.piped
    if given is None:
        reason = f"{name} runs what it reads from standard input, or waits for a person"
        return ruling.worse(change(reason))
    if "\\" in given.text:
        return ruling.worse(change("a backslash is text to one echo, not to another"))
    return ruling.worse(sql(tree, name, given))


def verbs(tree: Tree, name: str, spec: Spec, words: Sequence[Word]) -> Ruling:
    """`aws ec2 describe-instances`, `esxcli network nic list`: words, of which one is the verb.

    `operand_form` is what all words before the first option, joined by blanks, have to look like;
    options that stand before them are those of `flags` and `values`.
    """
    if not words and spec.alone != "read-only":
        return alone(name, spec)
    queue, said = list(words), list[str]()
    leading = list[Word]()
    while queue and queue[0].may_be_option:
        option, attached, _ = queue[0].text.partition("=")
        if option not in spec.kinds:
            break
        takes = 2 if not attached and spec.kinds[option][0] in ("values", "forms") else 1
        leading += queue[:takes]
        del queue[:takes]
    while queue and not queue[0].may_be_option:
        said.append(queue.pop(0).text)
    if not said and any(not word.may_be_option for word in queue):
        return change(f"{name} {queue[0].shown}: what it is told to do can't be seen behind it")
    sent = [*leading, *queue]
    found = take_apart(name, spec, sent)
    tree.reach(reached(spec, found))
    if " ".join(said) not in ("", "help", "version") and not re.fullmatch(
        spec.operand_form or "", " ".join(said)
    ):
        return found.ruling.worse(change(f"{name} {' '.join(said)[:40]}: {spec.operand_reason}"))
    for word in words:
        if not word.known:
            return found.ruling.worse(change(f"what {name} sends can't be known before"))
        if re.search(r"(?:file|fileb|https?)://|^@|=@", word.text):
            return found.ruling.worse(change(f"{name} {word.shown}: it sends what is read there"))
    return found.ruling


def redis(tree: Tree, name: str, spec: Spec, words: Sequence[Word]) -> Ruling:
    """`redis-cli OPTIONS COMMAND ARGUMENTS…`: after the first operand nothing is an option."""
    found = take_apart(name, spec, words, stop_at=1)
    found.operands += found.rest or []
    ruling = rule_of(tree, name, spec, found)
    modes = {"--scan", "--bigkeys", "--memkeys", "--hotkeys", "--version", "-v", "--help"}
    if modes & found.options or "--intrinsic-latency" in found.values:
        return ruling
    if ruling.verdict is not Verdict.READ_ONLY and not found.operands:
        return ruling
    if not found.operands:
        if tree.piped is None:
            return ruling.worse(refuse(f"{name} alone waits for a person", f"{name} COMMAND"))
        return ruling.worse(change(f"{name} runs what it reads from standard input"))
    return ruling.worse(redis_command(name, found.operands))


def rpm(tree: Tree, name: str, spec: Spec, words: Sequence[Word]) -> Ruling:
    """`rpm -q`, `rpm -V`, which runs the scripts of a package that is a file."""
    found = take_apart(name, spec, words)
    ruling = rule_of(tree, name, spec, found)
    if {"-V", "--verify"} & found.options and {"-p", "--package"} & found.options:
        ruling = ruling.worse(change(f"{name} -Vp runs a script of the package"))
    return ruling


def pacman(tree: Tree, name: str, spec: Spec, words: Sequence[Word]) -> Ruling:
    """`pacman -Ss` searches, `pacman -S` installs."""
    found = take_apart(name, spec, words)
    ruling = rule_of(tree, name, spec, found)
    looks = {"-s", "--search", "-i", "--info", "-l", "--list", "-g", "--groups"}
    acts = {"-c", "-u", "--upgrades"}
    syncs = bool({"-S", "--sync"} & found.options)
    if syncs and (acts & found.options or not looks & found.options):
        ruling = ruling.worse(change(f"{name} -S changes packages"))
    return ruling
