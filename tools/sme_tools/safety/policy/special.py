"""Programs whose arguments follow a grammar of their own, and programs that can do the worst."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import replace
from itertools import pairwise
from typing import TYPE_CHECKING

from sme_tools.safety.policy import (
    clients,
    destructive,
    grammars,
    operand_rules,
    paths,
    web_clients,
)
from sme_tools.safety.policy.arguments import take_apart
from sme_tools.safety.policy.find_expression import find
from sme_tools.safety.policy.program import Spec
from sme_tools.safety.policy.reach import asked_by_variable
from sme_tools.safety.policy.simple import judge_command, refused_inside, rule_of
from sme_tools.safety.policy.variables import NAMES_SERVER, harmless_in_environment
from sme_tools.safety.policy.verdict import READS, Ruling, change, refuse
from sme_tools.safety.policy.words import UNKNOWN, Word

if TYPE_CHECKING:
    from sme_tools.safety.policy.tree import Tree

Judge = Callable[["Tree", str, Spec, Sequence[Word]], Ruling]

GRAVE_PROGRAMS = ("rm", "dd", "chmod", "chown", "mv", "cat")
"""What an unknown program is taken for, to see whether that would be refused."""

_SAME_TO_ALL = re.compile(r"\w[\w ./,:+|&;-]*")
"""Scripts without anything that zsh and ksh read otherwise than bash."""
MOST_LITERALS = 20
"""Texts in another language's program that are looked at, as it may hand them to a shell."""
_LITERAL = re.compile(r"\"((?:[^\"\\]|\\.)*)\"|'((?:[^'\\]|\\.)*)'")
_ASSIGNMENT = re.compile(r"([A-Za-z_][A-Za-z0-9_]*)=(.*)", re.S)
_HARMLESS_SETTINGS = re.compile(r"pipefail|errexit|nounset|xtrace|noglob")


def shell(tree: Tree, name: str, spec: Spec, words: Sequence[Word]) -> Ruling:
    """`sh -c SCRIPT`, `sh FILE`, `… | sh`."""
    queue, letters = list(words), ""
    while queue and queue[0].known and (queue[0].may_be_option or queue[0].text[:1] in "+-"):
        text = queue.pop(0).text
        if text in ("--", "-"):
            break
        if text.startswith("--"):
            if text not in ("--login", "--norc", "--noprofile", "--posix", "--version"):
                return change(f"{name} {text} is not judged")
            continue
        if not re.fullmatch(r"[-+][ceuxvfnlsi]*o?", text):
            return change(f"{name} {text} changes how the shell reads what follows")
        if text[-1] == "o" and not (queue and _HARMLESS_SETTINGS.fullmatch(queue.pop(0).text)):
            return change(f"{name} -o changes how the shell reads what follows")
        letters += text[1:]
    if "i" in letters:
        return refuse(f"{name} -i waits for a person", f"{name} -c 'COMMAND'")
    if queue and queue[0].text.startswith("-") and not queue[0].untrusted:
        return change(f"what {name} is told to run can't be known before")
    if "c" in letters:
        return _script(tree, name, queue) if queue else change(f"{name} -c without a script")
    return _file(tree, name, queue) if queue and "s" not in letters else _from_input(tree, name)


def _script(tree: Tree, name: str, queue: Sequence[Word]) -> Ruling:
    """`-c SCRIPT NAME WORDS…`: within the script, `$1` and so on are those words."""
    inner = tree.script(queue[0], positional=list(queue[2:]))
    if re.search(r"zsh|ksh", name) and not _SAME_TO_ALL.fullmatch(queue[0].text):
        return inner.worse(change(f"{name} reads scripts in a way of its own"))
    return inner


def trap(tree: Tree, name: str, spec: Spec, words: Sequence[Word]) -> Ruling:
    """`trap SCRIPT SIGNAL…`."""
    ruling = change("trap: what it runs, it runs later")
    script = next((word for word in words if not word.may_be_option), None)
    if script is None or not script.text or script.text.isupper():
        return ruling
    return ruling.worse(tree.script(script))


def command_builtin(tree: Tree, name: str, spec: Spec, words: Sequence[Word]) -> Ruling:
    """`command NAME …` runs it; `command -v NAME` only says where it is."""
    rest = list(words)
    while rest and rest[0].known and re.fullmatch(r"-p*[vV]?p*|--", rest[0].text):
        option = rest.pop(0).text
        if {"v", "V"} & {*option}:
            return READS
    return judge_command(tree, rest) if rest else READS


def source(tree: Tree, name: str, spec: Spec, words: Sequence[Word]) -> Ruling:
    """`source FILE`."""
    if any(word.untrusted for word in words):
        return refuse("it runs what it fetches from another machine")
    if len(words) == 1 and words[0].matches("/etc/os-release") and words[0].known:
        return READS  # it is made to be read like this: os-release(5)
    if words and words[0].text in ("/dev/stdin", "/dev/fd/0"):
        return replace(_from_input(tree, name), runs_input=True)
    return change(f"{name} runs a script that can't be read before")


def set_parameters(tree: Tree, name: str, spec: Spec, words: Sequence[Word]) -> Ruling:
    """`set`: options of the shell, and the words that `"$@"` stands for."""
    for at, word in enumerate(words):
        if word.text == "--" or not word.may_be_option:
            if tree.trusting:  # `setsid set` and a set in a branch leave them as they were
                tree.positional = list(words[at + (word.text == "--") :])
            return READS
        if word.text in ("-o", "+o"):
            continue
        if not word.known or not re.fullmatch(r"[-+][euxfvn]*o?", word.text):
            return change(f"set {word.shown} changes how the shell reads what follows")
        if word.text.endswith("o") and not _HARMLESS_SETTINGS.fullmatch(
            words[at + 1].text if words[at + 1 :] else ""
        ):
            return change("set -o changes how the shell reads what follows")
        if word.text.endswith("o"):
            return set_parameters(tree, name, spec, words[at + 2 :])
    return READS


def _file(tree: Tree, name: str, queue: Sequence[Word]) -> Ruling:
    word = queue[0]
    if word.untrusted or word.text.startswith("/dev/stdin"):
        network = refuse("it runs what it fetches from another machine")
        return network if word.untrusted else replace(_from_input(tree, name), runs_input=True)
    return change(f"{name} runs the script {word.shown}, which can't be read before")


def _from_input(tree: Tree, name: str) -> Ruling:
    ruling = change(f"{name} runs what it reads from standard input")
    if tree.piped is not None:
        ruling = ruling.worse(tree.script(tree.piped))
    return replace(ruling, runs_input=True)


def environment(tree: Tree, name: str, spec: Spec, words: Sequence[Word]) -> Ruling:
    """`env`, `sudo` and their like: options, assignments, then a command."""
    found = take_apart(name, spec, words, stop_at=0)
    rest = list(found.rest or [])
    ruling = rule_of(tree, name, spec.model_copy(update={"command": None}), found)
    while rest and (assignment := _ASSIGNMENT.match(rest[0].text)) and not rest[0].splits:
        variable, value = assignment.groups()
        if variable in NAMES_SERVER:
            tree.reach(asked_by_variable(replace(rest[0], text=value)))
        if not harmless_in_environment(variable, value):
            ruling = ruling.worse(change(f"it sets {variable}, on which the program may act"))
        rest.pop(0)
    if not rest:
        return ruling
    return ruling.worse(judge_command(tree, rest))


def xargs(tree: Tree, name: str, spec: Spec, words: Sequence[Word]) -> Ruling:
    """`… | xargs COMMAND`: the command, with more words that are mostly not known."""
    found = take_apart(name, spec, words, stop_at=0)
    command = list(found.rest or []) or [Word("echo")]
    ruling = rule_of(tree, name, spec.model_copy(update={"command": None}), found)
    given = tree.piped
    plain = found.options <= {"-r", "-t", "-I", "-i", "--no-run-if-empty", "--verbose", "--replace"}
    if (
        given is not None
        and given.known
        and (tree.trusting or (plain and not re.search(r"['\"\\]", given.text)))
    ):
        more = [Word(text) for text in given.text.replace("'", "").replace('"', "").split()]
    else:
        more = [Word(UNKNOWN, splits=True)]
    replaced = next(
        (found.values[option][-1].text for option in ("-I", "--replace") if option in found.values),
        "{}" if {"-i", "--replace"} & found.options else None,
    )
    before, tree.piped = tree.piped, None
    if replaced is None:
        inner = judge_command(tree, [*command, *more])
    else:
        value = more[0].text if len(more) == 1 else UNKNOWN
        inner = judge_command(
            tree, [replace(word, text=word.text.replace(replaced, value)) for word in command]
        )
    tree.piped = before
    return ruling.worse(inner)


def change_folder(tree: Tree, name: str, spec: Spec, words: Sequence[Word]) -> Ruling:
    """`cd`, which only matters to what comes after it."""
    operands = [word for word in words if not re.fullmatch(r"-[LPe@]+|--", word.text)]
    known = len(operands) == 1 and operands[0].known and operands[0].text != "-"
    target = operands[0].text if known else ""
    reachable = tree.folder is not None or target.startswith("/")
    tree.folder = paths.resolved(target, tree.folder) if known and reachable else None
    return READS


def test(tree: Tree, name: str, spec: Spec, words: Sequence[Word]) -> Ruling:
    """`[` and `test`, whose -v evaluates the subscript of what it is asked for."""
    for before, word in pairwise(words):
        if before.matches("-v") or before.matches("-R"):
            if before.known and re.fullmatch(r"[A-Za-z_]\w*", word.text):
                continue
            if before.known or re.search(rf"[\[{UNKNOWN}]", word.text):
                return change(f"{name} -v evaluates its operand")
    return READS


def assigning(tree: Tree, name: str, spec: Spec, words: Sequence[Word]) -> Ruling:
    """`read`, `printf -v`, `unset`, … whose operands are names, which may have subscripts."""
    from sme_tools.safety.policy.variables import harmful_to_assign

    if name == "printf" and words and not words[0].may_be_option:
        return READS  # all that follows the format is text
    found = take_apart(name, spec, words)
    named = found.values.get("-v", []) if name == "printf" else list(found.operands)
    named += found.values.get("-a", [])
    ruling = rule_of(tree, name, spec, found)
    for word in named:
        if not word.known or not re.fullmatch(r"[A-Za-z_]\w*", word.text):
            ruling = ruling.worse(change(f"{name} may evaluate {word.shown}"))
        elif harmful_to_assign(word.text):
            ruling = ruling.worse(change(f"{name} sets {word.text}"))
    return ruling


def interpreter(tree: Tree, name: str, spec: Spec, words: Sequence[Word]) -> Ruling:
    """Python, Perl and their like: never proven to read only; refused for what it hands a shell."""
    if [word.text for word in words] in (["--version"], ["-V"], ["-v"], ["version"]):
        return READS
    if any(word.untrusted for word in words):
        return refuse("it runs what it fetches from another machine")
    ruling = change(f"what a program in {name} does can't be judged")
    literals = [found for word in words for found in _LITERAL.findall(word.text)]
    for literal in literals[:MOST_LITERALS]:
        ruling = ruling.worse(refused_inside(tree, literal[0] or literal[1]))
    file = next((word for word in words if not word.may_be_option), None)
    reads_input = file is None and not any(
        re.match(r"-[A-Za-z]*[cemr]", word.text) for word in words
    )
    return replace(ruling, runs_input=reads_input or (file is not None and file.text == "-"))


SPECIAL: dict[str, Judge] = {
    "accounts": grammars.accounts,
    "assigning": assigning,
    "change_folder": change_folder,
    "command_builtin": command_builtin,
    "compressor": grammars.compressor,
    "dd": destructive.dd,
    "environment": environment,
    "file_type": operand_rules.file_type,
    "find": find,
    "interpreter": interpreter,
    "json_filter": grammars.json_filter,
    "listing": operand_rules.listing,
    "kubernetes_objects": clients.kubernetes_objects,
    "multicall": clients.multicall,
    "needs_command": grammars.needs_command,
    "pacman": clients.pacman,
    "pattern_first": grammars.pattern_first,
    "ps": grammars.ps,
    "quiet_input": grammars.quiet_input,
    "redis": clients.redis,
    "remove": destructive.remove,
    "rpm": clients.rpm,
    "response_files": operand_rules.response_files,
    "sequence": operand_rules.sequence,
    "services": grammars.services,
    "set_parameters": set_parameters,
    "shell": shell,
    "source": source,
    "trap": trap,
    "sql_client": clients.sql_client,
    "sqlite": clients.sqlite,
    "tail": operand_rules.tail,
    "tar": grammars.tar,
    "test": test,
    "verbs": clients.verbs,
    "tunnels": grammars.tunnels,
    "web_client": web_clients.web_client,
    "wireless": grammars.wireless,
    "written": grammars.written,
    "xargs": xargs,
}
"""What `judged_by` in a description may name."""
