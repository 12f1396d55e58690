"""Addresses in the words of a command: which of them lie outside of the user's network.

Inside are loopback, link-local and private addresses, names without a dot, and names below suffixes
that no registry hands out. What is written so that it can't be read here is outside.
"""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from importlib import resources
from urllib.parse import unquote

from pydantic import BaseModel, ConfigDict

from sme_tools.errors import UsageError
from sme_tools.safety.policy.paths import resolved
from sme_tools.safety.policy.words import MANY, Word
from sme_tools.yaml_source import read_yaml

Address = ipaddress.IPv4Address | ipaddress.IPv6Address

_INSIDE = tuple(
    ipaddress.ip_network(network)
    for network in (
        "0.0.0.0/8", "10.0.0.0/8", "127.0.0.0/8", "169.254.0.0/16", "172.16.0.0/12",
        "192.168.0.0/16", "224.0.0.0/24", "255.255.255.255/32",
        "::/128", "::1/128", "fc00::/7", "fe80::/10", "ff01::/16", "ff02::/16",
    )
)  # fmt: skip
"""0.0.0.0/8 is this machine (RFC 1122) and never routed; a port where an address may stand is
read as one of them."""
_SCHEME = re.compile(r"(?:[a-z][a-z0-9+.-]*:)*(?:[a-z][a-z0-9+.-]*:/{2,}|https?:/+|//)", re.I)
_NAME = re.compile(r"[a-z0-9_-]+(?:\.[a-z0-9_-]+)+", re.I)
_RUN = re.compile(r"[a-z0-9_.-]+", re.I)
_TLD = re.compile(r"[a-z]{2,63}|xn--[a-z0-9-]+", re.I)
"""The last label of a name that there can be: never a number."""
_DOTTED_QUAD = re.compile(r"\d{1,3}(?:\.\d{1,3}){3}\.?")
_FILE = re.compile(
    r"[^.]*(?:\.[^.]*)?|.*\.(?:js|css|html?|json|xml|ya?ml|txt|md|log|conf|php|py|sh|map|png|jpe?g|svg"
    r"|ico|woff2?|gz|xz|bz2|zst|zip|tgz|deb|rpm|iso|img|pem|crt|service|timer|socket)",
    re.I,
)
"""The end of a path that is no host below a domain: nothing fits into `evil.example`."""
_AUTOMOUNTS = ("/net", "/afs")
_BETWEEN = re.compile(r"[\s,;|\"'()<>{}\[\]=&?]+")
_OTHER_DOTS = re.compile("[\u3002\uff0e\uff61]")
"""What IDNA (RFC 3490) reads as a dot."""


class Names(BaseModel):
    """The form of `names.yaml`."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    about: str
    inside: frozenset[str]
    """Suffixes of names that are never delegated to strangers."""
    well_known: dict[str, frozenset[str]]
    """Names and addresses, by what they are asked for."""
    shared: frozenset[str]
    """Domains below which anybody can have a name."""


@cache
def names() -> Names:
    """What is known of names.

    Raises:
        UsageError: the shipped file is broken.
    """
    path = resources.files("sme_tools.safety.policy") / "names.yaml"
    return Names.model_validate(read_yaml(path.read_text("utf-8"), "names.yaml", UsageError))


@dataclass(frozen=True)
class _Split:
    """A text that begins with an address."""

    host: str
    rest: str
    """Path and query."""


def outside(text: str) -> list[str]:
    """The hosts outside that a text asks which is an address, a URL, or several with commas."""
    found: list[str] = []
    for piece in text.split(","):
        split = _split(piece)
        if split is None:
            continue
        if not is_inside(split.host):
            found.append(split.host)
        found += carried(split.rest)
    return found


def host_outside(text: str) -> list[str]:
    """The hosts outside in a text that is nothing but a host with or without a port, or several
    with commas. A resolver asks for whatever text it is given, slashes and brackets and all."""
    found = []
    for piece in text.split(","):
        host = piece.strip().rpartition("@")[2]
        if bracketed := re.fullmatch(r"\[([^\[\]]*)\](?::\w*)?", host):
            host = bracketed[1]
        elif ip_of(host) is None:
            host = re.sub(r":\w*$", "", host)
        found += [] if is_inside(host) else [host]
    return found


def mentioned(text: str) -> list[str]:
    """The hosts outside that a text names, whatever else it says: `host=db.example.org port=5`."""
    return [host for token in _BETWEEN.split(text) if token for host in _in_token(token)]


def carried(rest: str) -> list[str]:
    """The hosts outside that the path or the query of a URL names: a server may ask them."""
    text = unquote(unquote(rest))
    found = [
        host
        for part in re.split(r"(?<=[^/:])(?=//|https?:/)|[?&=;]", text)
        if (match := re.search(r"(?:https?:/+|//).*", part, re.I | re.S))
        and (host := _host_of_url(match[0]))
    ]
    path, *values = re.split(r"[?&=;#]", text)
    *folders, file = path.split("/")
    pieces = [*folders, *values, *([] if _FILE.fullmatch(file) else [file])]
    found += [host for piece in pieces for host in _in_token(piece)]
    return found


def is_inside(host: str) -> bool:
    """Whether a host, without port and path, is in it. Strange spellings are not."""
    if (address := ip_of(host)) is not None:
        return any(address in network for network in _INSIDE if network.version == address.version)
    if not host.isascii() or "%" in host:
        return False
    name = host.lower().rstrip(".")
    if not re.search(r"[.:]", name):
        return True
    if not _NAME.fullmatch(name):
        return False
    return any(name.endswith(f".{suffix}") for suffix in names().inside)


def ip_of(host: str) -> Address | None:
    """The IP address that a host is, in any spelling that a resolver takes: `0x7f.1`, `127.1`."""
    text = host.strip("[]").rstrip(".")
    if ":" in text:
        try:
            six = ipaddress.IPv6Address(text.partition("%")[0])
        except ValueError:
            return None
        return six.ipv4_mapped or six
    parts = text.split(".")
    if not 1 <= len(parts) <= 4 or not all(_NUMBER.fullmatch(part) for part in parts):
        return None
    numbers = [_number(part) for part in parts]
    if None in numbers:
        return None
    *high, low = [number or 0 for number in numbers]
    if any(number > 255 for number in high) or low >= 256 ** (4 - len(high)):
        return None
    return ipaddress.IPv4Address(sum(n << (24 - 8 * at) for at, n in enumerate(high)) + low)


_NUMBER = re.compile(r"0x[0-9a-f]{1,16}|\d{1,20}", re.I)


def _number(text: str) -> int | None:
    """A part of an address as inet_aton(3) reads it."""
    try:
        base = 16 if text[:2].lower() == "0x" else 8 if text[:1] == "0" and len(text) > 1 else 10
        return int(text, base)
    except ValueError:
        return None


def is_well_known(text: str) -> bool:
    """Whether a text is nothing but one of the well-known names: no path, no query, no account."""
    found = re.fullmatch(r"(?:https?://|@)?\[?([\w.:-]+?)\]?(?::(?:80|443|53))?/?", text, re.I)
    if found is None:
        return False
    name = found[1].lower()
    address = ip_of(name)
    known = _well_known()
    return name in known or (address is not None and str(address) in known)


@cache
def _well_known() -> frozenset[str]:
    return frozenset(name for listed in names().well_known.values() for name in listed)


def automounted(word: Word, folder: str | None) -> list[str]:
    """The hosts outside that a path makes the kernel ask: `/net/HOST`, `/afs/CELL` (autofs(5))."""
    text = re.sub(r"^(?:-\w|--?[\w-]+=)(?=/)", "", word.text)
    if (folder or "/").startswith(_AUTOMOUNTS) and not text.startswith("/"):
        text = f"{folder}/{text}"
    elif "/" not in text:
        return []
    _, first, *more = f"{resolved(text, folder)}/".split("/", 2)
    host = more[0].split("/")[0] if more else ""
    if not host or first == MANY or not any(Word(first).matches(a[1:]) for a in _AUTOMOUNTS):
        return []
    shown = Word(host).shown
    return [] if is_inside(shown) else [shown]


def _split(text: str) -> _Split | None:
    """Host and rest of one address; None for a path of this machine."""
    text = text.strip()
    scheme = _SCHEME.match(text)
    if scheme is None and text.startswith(("/", "./", "../", "~")):
        return None
    body = text[scheme.end() :] if scheme else text
    authority = re.split(r"[/?#]", body, maxsplit=1)[0]
    # Some end the host at a backslash, others take it for a part of the account's name.
    host = authority if "\\" in authority else _host(authority.rpartition("@")[2])
    return _Split(host, body[len(authority) :])


def _host(authority: str) -> str:
    """The host without its port, or a path behind a colon."""
    if bracketed := re.fullmatch(r"\[([^\[\]]*)\](?::\w*)?", authority):
        return bracketed[1]
    if authority.startswith("["):
        return authority
    if authority.count(":") > 1 and ip_of(authority) is not None:
        return authority
    return authority.partition(":")[0]


def _host_of_url(text: str) -> str | None:
    split = _split(text)
    return None if split is None or is_inside(split.host) else split.host


def _in_token(token: str) -> Iterator[str]:
    if "://" in token or token.startswith("//"):
        if host := _host_of_url(token):
            yield host
        return
    if token.startswith(("/", "./", "../", "~")):
        return
    text = re.sub(r"^(?:-\w|--?|[+!@]+)", "", token) if token[:1] in "-+!@" else token
    for part in re.split(r"[/\\#@!]", text):
        # `udp:host:161`: the host may be any of them.
        whole = part.count(":") > 1 and ip_of(part) is not None
        for piece in [part] if whole else part.split(":"):
            yield from _in_piece(piece)


def _in_piece(piece: str) -> Iterator[str]:
    if ":" in piece or _DOTTED_QUAD.fullmatch(piece):
        named = [piece] if ip_of(piece) is not None else []
    elif not piece.isascii() and (_OTHER_DOTS.search(piece) or "." in piece):
        named = [piece]
    else:
        runs = [run.lstrip(".") for run in _RUN.findall(piece)]
        named = [run for run in runs if _TLD.fullmatch(run.rstrip(".").rpartition(".")[2])]
        named = [run for run in named if "." in run.rstrip(".")]
    yield from (host for host in named if not is_inside(host))
