"""curl and wget: fetching a page only reads if it neither sends, stores, nor asks for an action."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import TYPE_CHECKING
from urllib.parse import unquote

from sme_tools.safety.policy.addresses import (
    carried,
    host_outside,
    is_well_known,
    mentioned,
    outside,
)
from sme_tools.safety.policy.arguments import Arguments, take_apart
from sme_tools.safety.policy.program import Spec
from sme_tools.safety.policy.reach import IMAGES
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
_NAMING = {
    "--resolve", "--connect-to", "--interface", "--dns-servers", "--dns-interface",
    "--bind-address",
}  # fmt: skip
"""Options that name a machine to ask, or to be."""
_NAMING_HEADER = re.compile(r"[\w-]*(?:host|url|forwarded|destination)[\w-]*\s*:", re.I)
"""Headers by which a server on the way may be told whom to ask."""
_ASKS_REGISTRY = re.compile(r"/images/search|/distribution/", re.I)
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
    tree.reach(_reached(spec, found))
    if name == "wget":
        ruling = ruling.worse(_only_prints(found))
    for option in ("--resolve", "--connect-to"):
        if any(_METADATA.search(value.text) for value in found.values.get(option, [])):
            ruling = ruling.worse(change("a cloud's metadata service hands out credentials"))
    for word in [*found.operands, *found.values.get("--url", [])]:
        ruling = ruling.worse(_address(name, word))
    return ruling


def _reached(spec: Spec, found: Arguments) -> list[str]:
    """Whom it asks outside: the addresses, what stands in their paths, and what options name."""
    urls = [*found.operands, *found.values.get("--url", [])]
    asked = [host for word in urls for host in _hosts(word)]
    plain = spec.reaches.plain if spec.reaches else None
    if plain is not None and found.options <= plain:
        return [] if all(is_well_known(word.text) for word in urls if _hosts(word)) else asked
    for option, words in found.values.items():
        texts = [word.text if word.known else "…" for word in words]
        if option in _NAMING:
            asked += [host for text in texts for host in [*host_outside(text), *mentioned(text)]]
        elif option in _DATA:
            asked += [host for text in texts for host in carried(f"?{text}")]
        elif option in ("-H", "--header"):
            named = [text for text in texts if _NAMING_HEADER.match(text)]
            asked += [host for text in named for host in mentioned(text)]
    return list(dict.fromkeys(asked))


def _hosts(word: Word) -> list[str]:
    if not word.known:
        return [word.shown]
    found = outside(word.text.replace(",", "%2C"))
    # The engine's own API, on its socket, asks a registry for these.
    if _ASKS_REGISTRY.search(word.text):
        found.append(IMAGES)
    return found


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
