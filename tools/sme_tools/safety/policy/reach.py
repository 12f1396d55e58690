"""Whom a command asks outside of the network, by its words and by what is known of its program."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator

from sme_tools.safety.policy import addresses
from sme_tools.safety.policy.arguments import Arguments
from sme_tools.safety.policy.program import Reach, Spec
from sme_tools.safety.policy.words import Word

IMAGES = "docker.io"
"""Where an image is looked for that names no registry."""

_SAYS_NOTHING = re.compile(r"[\d.,:-]{0,5}|\+?[A-Za-z]{1,5}|\+noall|\+answer|/dev/null")
"""Ports, counts, seconds, types of records."""

Reader = Callable[[str], list[str]]


def reached(spec: Spec, found: Arguments, *, before_subcommand: bool = False) -> list[str]:
    """The names and addresses outside that a command with these arguments asks, as they are
    written; `…` stands for what can't be known before. Empty where there is none."""
    reach = spec.reaches
    if reach is None or reach.unless & found.options:
        return []
    if reach.when and not reach.when & found.options:
        return []
    operands = found.operands
    if before_subcommand:
        # An option that makes it ask at all stands here; else what comes after is told by itself.
        operands = (found.rest or []) if reach.when else []
    asked = [*_operands(reach, operands), *_options(reach, found)]
    hosts = [host for _, hosts in asked for host in hosts]
    if reach.always and not before_subcommand:
        hosts.append(reach.always)
    elif hosts and _tells_nothing(reach, found, asked):
        return []
    return list(dict.fromkeys(hosts))


def _tells_nothing(reach: Reach, found: Arguments, asked: Iterable[tuple[Word, list[str]]]) -> bool:
    """Whether all that leaves is the question to well-known names."""
    if reach.plain is None or not found.options <= reach.plain:
        return False
    words = [*found.operands, *(word for words in found.values.values() for word in words)]
    return all(addresses.is_well_known(word.text) for word, hosts in asked if hosts) and all(
        addresses.is_well_known(word.text) or _SAYS_NOTHING.fullmatch(word.text) for word in words
    )


def _operands(reach: Reach, words: list[Word]) -> Iterator[tuple[Word, list[str]]]:
    match reach.operands:
        case "all":
            yield from _read(words, _host)
        case "links":
            yield from _read(words, _link)
        case "first":
            yield from _read(words[:1], _link)
        case "urls":
            yield from _read(words, _url)
        case "named":
            yield from _read(words, addresses.mentioned)
        case "names":
            yield from _read(words, _only_names)
        case "images":
            yield from _read(words, image)
        case "remote":
            yield from _read(words[:1], _remote)


def _options(reach: Reach, found: Arguments) -> Iterator[tuple[Word, list[str]]]:
    reader = _only_names if reach.operands == "names" else addresses.mentioned
    for option, words in found.values.items():
        if option in reach.options:
            yield from _read(words, _value)
        elif option in reach.files:
            yield from _read(words, _url)
        elif "any" in reach.options:
            yield from _read(words, reader)
    if "any" in reach.options:
        yield from _read(found.written, reader)


def _read(words: Iterable[Word], reader: Reader) -> Iterator[tuple[Word, list[str]]]:
    for word in words:
        yield word, reader(word.text) if word.known else [word.shown]


def _only_names(text: str) -> list[str]:
    return [host for host in addresses.mentioned(text) if addresses.ip_of(host) is None]


def _host(text: str) -> list[str]:
    """Of a host; `+name=value` is an option of dig's, which may hold one."""
    return addresses.mentioned(text) if text[:1] == "+" else addresses.host_outside(text)


def _link(text: str) -> list[str]:
    """Of a URL, or of a host with what may stand around it: `udp:host:161`."""
    return [*addresses.outside(text), *addresses.mentioned(text)]


def _value(text: str) -> list[str]:
    """Of an option's value: a host, a URL, a text of `key=value` that holds one."""
    if "://" in text or text.startswith("//"):
        return _link(text)
    if re.search(r"[\s=]", text):
        return addresses.mentioned(re.sub(r"[/~]", " ", text))  # none of it is a path
    return addresses.host_outside(text)


def _url(text: str) -> list[str]:
    """Of what is a file unless it has a scheme, a host before a colon, or commas."""
    head = re.sub(r"[a-z][\w+.-]*://", "", text, flags=re.I).split("/")[0]
    if "://" not in text and "," not in text and ":" not in head:
        return []
    return [*addresses.outside(text), *addresses.mentioned(head)]


def _remote(text: str) -> list[str]:
    """Of a repository; a bare name stands for an address that only the configuration knows."""
    return [text] if re.fullmatch(r"[\w-]+", text) else addresses.outside(text)


def image(text: str) -> list[str]:
    """Of an image's name: its registry, which is Docker Hub where none is named."""
    name = re.sub(r"^docker://", "", text)
    if re.match(r"(?:containers-storage|docker-daemon|oci|dir|docker-archive|oci-archive):", name):
        return []
    registry, slash, _ = name.partition("/")
    if slash and (re.search(r"[.:]", registry) or registry == "localhost"):
        return addresses.outside(registry)
    return [IMAGES]


def asked_by_variable(value: Word) -> list[str]:
    """Whom a client asks because a variable says so."""
    return _value(value.text) if value.known else [value.shown]
