"""curl and wget: fetching a page only reads if it neither sends, stores, nor asks for an action."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import TYPE_CHECKING
from urllib.parse import unquote

from sme_tools.safety.policy.arguments import Arguments, take_apart
from sme_tools.safety.policy.program import Spec
from sme_tools.safety.policy.simple import rule_of
from sme_tools.safety.policy.verdict import READS, Ruling, change, refuse
from sme_tools.safety.policy.words import MARKS, ONE, Word

if TYPE_CHECKING:
    from sme_tools.safety.policy.tree import Tree

_URL = re.compile(r"(?:https?://)?(?!\w+://)[^\s]+", re.I)
_GUESSED = re.compile(r"(?:[^/@]*@)?(?:ftp|dict|ldap|imap|smtp|pop3)\.", re.I)
"""Hosts for which curl takes another protocol than HTTP if the URL names none."""
_METADATA = re.compile(
    r"169\.254\.169\.254|169\.254\.170\.2|\[?fd00:ec2::254|metadata\.google|100\.100\.100\.200"
    r"|192\.0\.0\.192|2852039166|0xa9|instance-data|\b0+251\.|\b169\.(?:254|16\d{6})\b|a9fe:a9fe"
    r"|//(?:[^/@]*@)?metadata(?:[:/]|$)", re.I
)  # fmt: skip
_ACTS = re.compile(
    r"(?:[/?&=_.-])(?:reboot|restart|shutdown|poweroff|halt|reset|reload|delete|destroy|remove|purge"
    r"|flush|wipe|format|kill|stop|start|quit|quitquitquit|drop|clear|exec|execute|run|upgrade"
    r"|install|uninstall|unlock|enable|disable|toggle|unload|update|apply|trigger|logout|exit|set"
    r"|cmd|command|action)(?=$|[/?&=.;_-])",
    re.I,
)
_DATA = {"-d", "--data", "--data-raw", "--data-urlencode", "--data-ascii"}
_TO_OUTPUT = {"-", "/dev/null", "/dev/stdout", "/dev/stderr"}


def web_client(tree: Tree, name: str, spec: Spec, words: Sequence[Word]) -> Ruling:
    """`curl URL`, `wget -O- URL`."""
    found = take_apart(name, spec, [_query(word) for word in words])
    ruling = rule_of(tree, name, spec, found)
    if found.options & _DATA and not found.options & {"-G", "--get"}:
        ruling = ruling.worse(change(f"{name} sends data"))
    for option in ("-o", "--output", "-O", "--output-document", "-D", "--dump-header"):
        for value in found.values.get(option, []):
            if value.text not in _TO_OUTPUT:
                ruling = ruling.worse(change(f"{name} {option} writes to {value.shown}"))
    if name == "wget":
        ruling = ruling.worse(_only_prints(found))
    for option in ("--resolve", "--connect-to"):
        if any(_METADATA.search(value.text) for value in found.values.get(option, [])):
            ruling = ruling.worse(change("a cloud's metadata service hands out credentials"))
    for word in [*found.operands, *found.values.get("--url", [])]:
        ruling = ruling.worse(_address(name, word))
    return ruling


def _query(word: Word) -> Word:
    """An address whose query begins with a question mark that the shell could take for a glob."""
    address = re.fullmatch(rf"(https?://[\w.:@-]+/[^{MARKS}]*){ONE}([^{MARKS}]*)", word.text)
    return word if word.splits or not address else Word(f"{address[1]}?{address[2]}")


def _only_prints(found: Arguments) -> Ruling:
    prints = {"-O", "--output-document", "--spider", "-V", "--version", "-h", "--help"}
    return READS if prints & found.options else change("wget stores what it fetches in a file")


def _address(name: str, word: Word) -> Ruling:
    """What asking for this address does."""
    text = word.text
    if not word.known:
        # A host or an answer put into an address may carry data away.
        return change(f"which address {name} asks can't be known before: {word.shown}")
    if re.match(r"file:", text, re.I):
        return refuse(f"{name} would read a file of this machine past the policy")
    scheme = re.match(r"https?://", text, re.I)
    if not _URL.fullmatch(text) or re.search(rf"[{{}}\[\]{MARKS}]", text.split("/")[0]):
        return change(f"{word.shown} is not an HTTP address")
    if not scheme and _GUESSED.match(text):
        return change(f"{name} may take another protocol than HTTP for {word.shown}")
    if _METADATA.search(text):
        return change("a cloud's metadata service hands out credentials")
    path = re.sub(r"^(?:https?://)?[^/?]*", "", unquote(text), flags=re.I)
    path = re.sub(r"([a-z])([A-Z])", r"\1_\2", path)
    if re.search(r"\[\w+-\w+", path):
        return change(f"{name} may ask for each address of a range")
    if acts := _ACTS.search(path):
        return change(f"asking for {acts[0].lstrip('/?&=_.-')} may be more than reading")
    return READS
