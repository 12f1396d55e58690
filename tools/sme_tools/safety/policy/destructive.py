"""Programs that take away, give away or overwrite: what of it would be the end of the machine."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import TYPE_CHECKING

from sme_tools.safety.policy import paths
from sme_tools.safety.policy.arguments import take_apart
from sme_tools.safety.policy.program import Spec
from sme_tools.safety.policy.verdict import READS, Ruling, change, refuse
from sme_tools.safety.policy.words import MANY, MARKS, UNKNOWN, Word

if TYPE_CHECKING:
    from sme_tools.safety.policy.tree import Tree

_EVERYTHING = re.compile(
    r"/|~|/(?:bin|boot|dev|etc|home|lib|lib32|lib64|libx32|media|mnt|nix|opt|proc|root|run|sbin"
    r"|snap|srv|sys|usr|var)|/usr/(?:bin|lib|lib64|sbin|local|share)|/var/(?:lib|log|spool)"
    r"|/etc/(?:pve|ssh|systemd|pam\.d)|/home/[^/]+|/boot/(?:efi|grub)"
)
"""Folders whose loss is the loss of the machine."""


def remove(tree: Tree, name: str, spec: Spec, words: Sequence[Word]) -> Ruling:
    """`rm` and what else takes files and folders away, gives them away or moves them."""
    found = take_apart(name, spec, words)
    ruling = change(f"{name}: {spec.reason or 'it takes files away'}")
    if "--no-preserve-root" in found.options:
        return refuse(f"{name} --no-preserve-root is meant for /")
    recursive = bool(spec.recursive & found.options) or not spec.recursive
    operands = found.operands
    if name == "mv":
        operands = operands[:-1]
    if name in ("chmod", "chown", "chgrp"):
        operands = operands[1:]
    for word in operands:
        if recursive and is_everything(word, tree.folder):
            ruling = ruling.worse(refuse(f"{name} {word.shown} takes the machine down"))
    return ruling


def is_everything(word: Word, folder: str | None) -> bool:
    """Whether the word means, or may mean, a folder without which the machine is lost."""
    text = word.text
    if word.known:
        path = paths.resolved(text, folder)
        return _EVERYTHING.fullmatch(path) is not None
    if re.fullmatch(rf"[{UNKNOWN}]/?[{MARKS}.]*", text) and "/" in text:
        return True  # $x/* of an x that is empty
    path = paths.resolved(re.sub(r"^~[^/]*", "~", text), folder)
    bare = re.sub(rf"/[{MANY}]+[^/]*$|/\.[{MARKS}]*$", "", path) or "/"
    if _EVERYTHING.fullmatch(bare) and bare != path:
        return not (bare in ("~",) or re.fullmatch(r"/home/[^/]+|/(?:mnt|media|srv|opt)", bare))
    return re.fullmatch(rf"/[{MARKS}]+", path) is not None


def dd(tree: Tree, name: str, spec: Spec, words: Sequence[Word]) -> Ruling:
    """`dd if=… of=…`."""
    ruling = READS
    for word in words:
        key, _, value = word.text.partition("=")
        given = Word(value, word.splits)
        if key == "of":
            ruling = ruling.worse(paths.writes(given, tree.folder))
        elif key == "if":
            ruling = ruling.worse(paths.reads(given, tree.folder))
        elif not word.known or key not in spec.values:
            ruling = ruling.worse(change(f"dd {word.shown} is not known to only read"))
    return ruling
