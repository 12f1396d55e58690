"""Programs whose operands decide what their options do."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import TYPE_CHECKING

from sme_tools.safety.policy import paths
from sme_tools.safety.policy.arguments import take_apart
from sme_tools.safety.policy.program import Spec
from sme_tools.safety.policy.simple import judge_spec, rule_of
from sme_tools.safety.policy.verdict import Ruling, change
from sme_tools.safety.policy.words import Word

if TYPE_CHECKING:
    from sme_tools.safety.policy.tree import Tree

_DISK = re.compile(
    r"/dev/(?:[sv]d[a-z]+\d*|xvd[a-z]+\d*|nvme\d+n\d+(?:p\d+)?|mmcblk\d+(?:p\d+)?|md\d+|dm-\d+|loop\d+"
    r"|sr\d+|mapper/[\w.-]+|disk/by-\w+/[\w.:+-]+)"
)
_FEW = re.compile(r"[-+]?\d{0,7}(?:\.\d{0,4})?")


def file_type(tree: Tree, name: str, spec: Spec, words: Sequence[Word]) -> Ruling:
    """`file`, which with -s opens devices: a watchdog, once opened, restarts the machine."""
    found = take_apart(name, spec, words)
    ruling = rule_of(tree, name, spec, found)
    if found.options & {"-s", "--special-files"}:
        for word in found.operands:
            if not word.known or not _DISK.fullmatch(paths.resolved(word.text, tree.folder)):
                ruling = ruling.worse(change(f"{name} -s opens {word.shown}, no known disk"))
    return ruling


def tail(tree: Tree, name: str, spec: Spec, words: Sequence[Word]) -> Ruling:
    """`tail`, where `+1f` is the old form of `-f`."""
    ruling = rule_of(tree, name, spec, take_apart(name, spec, words))
    if any(re.fullmatch(r"\+\d*[bcl]?f", word.text) for word in words):
        ruling = ruling.worse(change(f"{name} +f does not end"))
    return ruling


def sequence(tree: Tree, name: str, spec: Spec, words: Sequence[Word]) -> Ruling:
    """`seq FIRST STEP LAST`, as long as it ends soon."""
    found = take_apart(name, spec, [word for word in words if not _is_negative(word)])
    ruling = rule_of(tree, name, spec, found)
    for word in found.operands:
        if word.known and not _FEW.fullmatch(word.text):
            ruling = ruling.worse(change(f"{name} {word.shown} may not end"))
    numbers = [word.text for word in words if not word.text.startswith("-") or _is_negative(word)]
    if len(numbers) == 3 and not numbers[1].strip("-+0."):
        ruling = ruling.worse(change(f"{name} with a step of nothing does not end"))
    return ruling


def _is_negative(word: Word) -> bool:
    return word.known and re.fullmatch(r"-\d+(?:\.\d+)?", word.text) is not None


def response_files(tree: Tree, name: str, spec: Spec, words: Sequence[Word]) -> Ruling:
    """The tools of binutils take each `@FILE`, wherever it stands, for the words in that file."""
    ruling = judge_spec(tree, name, spec.model_copy(update={"judged_by": None}), words)
    for word in words:
        if word.text.startswith("@") or (not word.known and not word.prefix):
            ruling = ruling.worse(change(f"{name} {word.shown}: it may take words from a file"))
    return ruling


def listing(tree: Tree, name: str, spec: Spec, words: Sequence[Word]) -> Ruling:
    """`unzip -l ARCHIVE MEMBER…`: only what stands before the archive is an option; what is
    unpacked to standard output must not be a secret by its name."""
    found = take_apart(name, spec, words, stop_at=1)
    members = found.rest or []
    found.rest = None
    ruling = rule_of(tree, name, spec, found)
    for word in members:
        if word.text not in ("-x", "-d") and paths.names_secret(word, "/"):
            ruling = ruling.worse(change(f"{name} would show {word.shown} out of an archive"))
    return ruling
