"""Programs of the base system whose arguments follow a grammar that no description can hold."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

from sme_tools.safety.policy import paths
from sme_tools.safety.policy.arguments import take_apart
from sme_tools.safety.policy.program import Spec
from sme_tools.safety.policy.simple import judge_spec, rule_of
from sme_tools.safety.policy.verdict import READS, Ruling, Verdict, change, refuse
from sme_tools.safety.policy.words import Word

if TYPE_CHECKING:
    from sme_tools.safety.policy.tree import Tree

_PATTERN_FILES = {"-f", "--file", "--from-file"}
_TO_OUTPUT = {
    "-c", "--stdout", "--to-stdout", "-l", "--list", "-t", "--test", "-L", "--license", "-V",
    "--version", "-h", "--help",
}  # fmt: skip
_JQ_OUTSIDE = re.compile(r"\b(?:import|include|input_filename|get_search_list|modulemeta)\b")
_JQ_ENDLESS = re.compile(
    r"\b(?:repeat|infinite|until|while|range\([^)]*e\d+)\b|\bdef\s+(\w+)[^:]*:.*\b\1\b.*;"
)
_YQ_OUTSIDE = re.compile(r"\b(?:load\w*|strload|system|exec|import|include|split_doc)\b")
_PS_VALUES = {"-": "oOpCgGtuUsqn", "": "oOpqtUkN"}
_PS_OF_BSD = re.compile(r"[^AacCdeFfgGHjlLMmNnOopPqsTtuUVwyZ]")
"""With one of these after a dash, ps takes all that comes after a dash as without one."""
_SEARCH_INPUT = {"rg", "ag", "ack", "ack-grep"}
_BUNDLED_VALUES = "fbCTXKgVNLHIF"
_IW = re.compile(
    r"list|phy|dev|features|--version|reg get|(?:phy\d+|phy phy\d+) (?:info|channels|reg get)"
    r"|(?:dev )?[a-z]+\d\w* (?:info|link|station dump|survey dump|scan dump|mpath dump"
    r"|get power_save|station get [0-9a-fA-F:]+)"
)
_OWN_DATABASES = {
    "passwd", "group", "initgroups", "services", "protocols", "rpc", "aliases", "netgroup",
}  # fmt: skip
"""Of getent: what it looks up there is no name of a machine."""
_GUARDS = re.compile(r"(?:auditd?|systemd-journald(?:-audit)?|sme(?:[@-][\w.@-]*)?)(?:\.\w+)?")
_ENDS_SERVICE = {"stop", "disable", "mask", "kill", "freeze", "condstop", "try-restart", "clean"}


def pattern_first(tree: Tree, name: str, spec: Spec, words: Sequence[Word]) -> Ruling:
    """`grep` and its like: the first operand is a pattern, unless an option gives it; without
    files, what searches folders searches the one that it runs in."""
    found = take_apart(name, spec, words)
    given = spec.scripts | _PATTERN_FILES | {"--files", "--type-list", "--help-types"}
    ruling = READS
    if found.operands and not found.options & given:
        pattern = found.operands.pop(0)
        if pattern.splits:
            ruling = change(f"{pattern.shown} may turn out as more than a pattern")
    ruling = ruling.worse(rule_of(tree, name, spec, found))
    deep = spec.operands == "deep" or bool(spec.recursive & found.options)
    if deep and not found.operands and (tree.folder != "/" or name not in _SEARCH_INPUT):
        # Those read what is piped to them; in /, where a script begins, nothing else is meant.
        here = Word(".") if tree.folder else Word("/")
        ruling = ruling.worse(paths.reads(here, tree.folder, deep=True))
    return ruling


def json_filter(tree: Tree, name: str, spec: Spec, words: Sequence[Word]) -> Ruling:
    """`jq FILTER FILE…` and `yq`: options of two values, and filters that reach outside."""
    plain: list[Word] = []
    queue = list(words)
    while queue:
        word = queue.pop(0)
        if word.text in ("--arg", "--argjson") and word.known:
            if any(value.splits for value in queue[:2]):
                return change(f"{name} {word.text}: its values may turn out as more words")
            del queue[:2]
        else:
            plain.append(word)
    found = take_apart(name, spec, plain)
    outside = _YQ_OUTSIDE if name == "yq" else _JQ_OUTSIDE
    first = found.operands[0].text if found.operands else ""
    if name == "yq" and first in ("e", "eval", "ea", "eval-all"):
        found.operands.pop(0)
    ruling = READS
    if not found.options & _PATTERN_FILES and found.operands:
        script = found.operands.pop(0)
        if _JQ_ENDLESS.search(script.text):
            ruling = change(f"the filter of {name} may not end")
        if not script.known or outside.search(script.text):
            ruling = ruling.worse(change(f"the filter of {name} may read or run something else"))
    return ruling.worse(rule_of(tree, name, spec, found))


def ps(tree: Tree, name: str, spec: Spec, words: Sequence[Word]) -> Ruling:
    """`ps`, whose options come with a dash and without; without, `e` shows environments."""
    shows = change("ps shows the environments of processes, which hold secrets")
    strange = every = False
    queue = list(words)
    while queue:
        word = queue.pop(0)
        if "environ" in word.text:
            return shows
        if word.text.startswith("--") or not word.known or re.fullmatch(r"[\d,]+", word.text):
            continue
        dash = word.text[:1] if word.text.startswith("-") else ""
        letters = word.text[len(dash) :]
        at = next((i for i, char in enumerate(letters) if char in _PS_VALUES[dash]), None)
        own = letters if at is None else letters[:at]
        if (not dash and "e" in own) or re.search(r"ux?e|uxw*e", letters if dash else ""):
            return shows
        strange |= bool(dash) and (
            _PS_OF_BSD.search(own) is not None or letters[at or 0 : (at or 0) + 1] in (*"uUgGt",)
        )
        every |= bool(dash) and "e" in own
        if at == len(letters) - 1 and queue and "environ" in queue.pop(0).text:
            return shows
    return shows if strange and every else READS


def tar(tree: Tree, name: str, spec: Spec, words: Sequence[Word]) -> Ruling:
    """`tar`: listing and comparing, and unpacking to standard output, only read."""
    found = take_apart(name, spec, _unbundled(words))
    options = found.options
    ruling = rule_of(tree, name, spec, found)
    if options & {"-x", "--extract", "--get"}:
        if any(paths.names_secret(member, "/") for member in found.operands):
            ruling = ruling.worse(change("tar would show secrets out of an archive"))
        if not options & {"-O", "--to-stdout"}:
            ruling = ruling.worse(change("tar -x writes the files it unpacks"))
    elif not options & {"-t", "--list", "-d", "--diff", "--compare", "--version", "--help"}:
        ruling = ruling.worse(change("tar is not told to list an archive"))
    for archive in (*found.values.get("-f", []), *found.values.get("--file", [])):
        if ":" in archive.text or not (archive.known or "/" in archive.prefix):
            ruling = ruling.worse(change("tar -f HOST:FILE runs a program to get there"))
    return ruling


def _unbundled(words: Sequence[Word]) -> list[Word]:
    """`tvf ARCHIVE` as `-t -v -f ARCHIVE`; with words after it for each letter that takes one."""
    if not words or not words[0].known or not re.fullmatch(r"[A-Za-z]+", words[0].text):
        return list(words)
    rest = list(words[1:])
    out: list[Word] = []
    for letter in words[0].text:
        out.append(Word(f"-{letter}"))
        if letter in _BUNDLED_VALUES and rest:
            out.append(rest.pop(0))
    return out + rest


def compressor(tree: Tree, name: str, spec: Spec, words: Sequence[Word]) -> Ruling:
    """`gzip` and its like: from standard input, or with an option, they print; else they put
    another file in the place of each."""
    found = take_apart(name, spec, words)
    ruling = rule_of(tree, name, spec, found)
    files = [word for word in found.operands if word.text != "-"]
    if files and not found.options & _TO_OUTPUT:
        ruling = ruling.worse(change(f"{name} puts another file in the place of {files[0].shown}"))
    return ruling


def written(tree: Tree, name: str, spec: Spec, words: Sequence[Word]) -> Ruling:
    """`tee`, `cp`, `truncate`: what they write to decides between a change and worse."""
    found = take_apart(name, spec, words)
    ruling = rule_of(tree, name, spec, found)
    targets = found.operands[-1:] if name in ("cp", "install", "ln") else found.operands
    given = [found.values.get(option, []) for option in ("-t", "--target-directory")]
    for word in [*targets, *(word for values in given for word in values)]:
        ruling = ruling.worse(paths.writes(word, tree.folder))
    return ruling


def needs_command(tree: Tree, name: str, spec: Spec, words: Sequence[Word]) -> Ruling:
    """`ssh HOST COMMAND`, `nsenter … COMMAND`, which without a command open a shell."""
    found = take_apart(name, spec, words, stop_at=spec.command)
    ruling = rule_of(tree, name, spec, found)
    if not found.rest and not found.options & {"-V", "--version", "-h", "--help", "-Q"}:
        form = f"{name} {' '.join(word.shown for word in words)} COMMAND"
        return ruling.worse(refuse(f"{name} without a command waits for a person", form))
    return ruling


def services(tree: Tree, name: str, spec: Spec, words: Sequence[Word]) -> Ruling:
    """`systemctl` and `service`: nobody stops the audit or this program through them."""
    if name in ("systemctl", "supervisorctl"):
        ruling = judge_spec(tree, name, replace_judge(spec), words)
    else:
        ruling = _service(name, words)
    texts = [word.text for word in words]
    if ruling.verdict is not Verdict.READ_ONLY and _ENDS_SERVICE.intersection(texts):
        for text in texts:
            if _GUARDS.fullmatch(text):
                return refuse(f"{name} would end {text}, which keeps the record of what is done")
    return ruling


def replace_judge(spec: Spec) -> Spec:
    """The same description, judged as it stands."""
    return spec.model_copy(update={"judged_by": None})


def _service(name: str, words: Sequence[Word]) -> Ruling:
    """`service NAME status`."""
    match [word.text for word in words if word.known]:
        case ["--status-all" | "--list" | "-l" | "--version"]:
            return READS
        case [unit, "status"] if re.fullmatch(r"\w[\w@.-]*", unit) and len(words) == 2:
            return READS
    return change(f"{name} starts or stops a service")


def accounts(tree: Tree, name: str, spec: Spec, words: Sequence[Word]) -> Ruling:
    """`getent DATABASE KEY…`."""
    found = take_apart(name, spec, words)
    database = found.operands[0] if found.operands else Word("")
    if database.matches("shadow") or database.matches("gshadow"):
        return refuse(f"{name} {database.shown} shows password hashes")
    if database.known and database.text in _OWN_DATABASES:
        spec = spec.model_copy(update={"reaches": None})
    found.operands = found.operands[1:]
    return rule_of(tree, name, spec, found)


def tunnels(tree: Tree, name: str, spec: Spec, words: Sequence[Word]) -> Ruling:
    """`wg show …`, most of whose fields are harmless."""
    texts = [word.text for word in words]
    if texts[:1] == ["showconf"] or {"private-key", "preshared-keys", "dump"} & set(texts):
        return refuse("wg would show private keys", "wg show")
    if not texts or (texts[0] == "show" and all(word.known for word in words)):
        return READS
    return change("wg sets up a tunnel, or prints a key")


def wireless(tree: Tree, name: str, spec: Spec, words: Sequence[Word]) -> Ruling:
    """`iw`: what its commands are called decides."""
    if all(word.known for word in words) and _IW.fullmatch(" ".join(w.text for w in words)):
        return READS
    return change("iw changes the interface, or scans")


def quiet_input(tree: Tree, name: str, spec: Spec, words: Sequence[Word]) -> Ruling:
    """What sends its standard input to another machine: only where that is known before."""
    if spec.reaches is not None and (tree.piped is None or tree.piped.text):
        spec = spec.model_copy(update={"reaches": spec.reaches.model_copy(update={"plain": None})})
    ruling = rule_of(tree, name, spec, take_apart(name, spec, words))
    if tree.piped is None or not tree.piped.known:
        form = f"{name} … </dev/null"
        return ruling.worse(refuse(f"{name} waits for a person, and sends what it is given", form))
    return replace(ruling, network=True)
