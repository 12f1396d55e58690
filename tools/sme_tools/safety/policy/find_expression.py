"""The expression language of find(1): tests that look, and actions that do."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import TYPE_CHECKING

from sme_tools.safety.policy.paths import reads
from sme_tools.safety.policy.program import Spec
from sme_tools.safety.policy.verdict import READS, Ruling, change, refuse
from sme_tools.safety.policy.words import MANY, UNKNOWN, Word

if TYPE_CHECKING:
    from sme_tools.safety.policy.tree import Tree

_BEFORE = re.compile(r"-[HLP]+|-O\d|-D")
_RUNS = {"-exec", "-execdir", "-ok", "-okdir"}
_WRITES = {"-fprint": 1, "-fprint0": 1, "-fls": 1, "-fprintf": 2}


def find(tree: Tree, name: str, spec: Spec, words: Sequence[Word]) -> Ruling:
    """What a find command does: `spec.flags` are tests and actions without a value, `values` with
    one."""
    queue = list(words)
    ruling, roots = READS, list[Word]()
    while queue and (_BEFORE.fullmatch(queue[0].text) or not queue[0].may_be_option):
        word = queue.pop(0)
        if word.text in ("(", "!", ","):
            queue.insert(0, word)
            break
        if not _BEFORE.fullmatch(word.text):
            roots.append(word)
        elif word.text == "-D" and queue:
            queue.pop(0)
    while queue:
        word = queue.pop(0)
        ruling = ruling.worse(_primary(tree, spec, word, queue, roots))
    return ruling


def _primary(tree: Tree, spec: Spec, word: Word, queue: list[Word], roots: list[Word]) -> Ruling:
    text = word.text
    if not word.known:
        return change(f"find {word.shown} may turn out as an action")
    if text in ("(", ")", "!", ",", "-a", "-o", "-and", "-or", "-not") or text in spec.flags:
        return READS
    if text in spec.values:
        if queue and queue.pop(0).splits:
            return change(f"find {text}: its value may turn out as more than one word")
        return READS
    if text in _RUNS:
        return _runs(tree, text, queue, roots)
    if text == "-delete":
        from sme_tools.safety.policy.destructive import is_everything

        whole = not queue and any(is_everything(root, tree.folder) for root in roots)
        if whole and len(roots) > 0:
            return refuse(f"find {roots[0].shown} -delete may take the machine down")
        return change("find -delete takes files away")
    if text in _WRITES:
        from sme_tools.safety.policy import paths

        target = queue[0] if queue else Word(UNKNOWN)
        del queue[: _WRITES[text]]
        return paths.writes(target, tree.folder)
    return change(f"find {text} is not known to only read")


def _runs(tree: Tree, text: str, queue: list[Word], roots: list[Word]) -> Ruling:
    """`-exec COMMAND {} ;`: the command, for a path of which only the root is known."""
    from sme_tools.safety.policy.simple import judge_command

    command: list[Word] = []
    while queue and queue[0].text not in (";", "+"):
        command.append(queue.pop(0))
    if queue:
        queue.pop(0)
    if not command:
        return change(f"find {text} without a command")
    if text.startswith("-ok"):
        return refuse(f"find {text} waits for a person", "-exec")
    ruling = READS
    for root in roots or [Word(".")]:
        # What find names lies below its root; where no secret lies there, any of it may be read.
        no_secrets = root.text.startswith("/") and reads(root, deep=True) == READS
        found = f"{root.text.rstrip('/')}/{MANY if no_secrets else UNKNOWN}"
        # The root itself is found too: `find / -exec rm -rf {} +`.
        for path in (root.text, found):
            words = [Word(word.text.replace("{}", path), word.splits) for word in command]
            ruling = ruling.worse(judge_command(tree, words))
    if text.endswith("dir") and ruling == READS and not command[0].text.startswith("/"):
        return change(f"find {text} looks for programs in the folders it finds")
    return ruling
