"""Who and where, replaced by placeholders for a model to see, and put back in its answer.

    <ip:2.7> <ip6:1.1>       an address: its network (/24, /64), and which of the network's it is
    <public-ip:1.1>          one that is routed in the Internet
    <host:3> <user:1> <mac:4> <mail:2>
    <text:1>                 what looked like a placeholder before

Placeholders end where their bracket closes, so nothing that stands beside them can become part of
one. What says nothing about anybody stays: loopback, 0.0.0.0, netmasks, multicast, versions.
"""

from __future__ import annotations

import ipaddress
import re
import threading
from collections.abc import Iterable

_KINDS = "ip|ip6|public-ip|public-ip6|host|user|mac|mail|text"
_BARE = rf"(?:{_KINDS}):\d{{1,9}}(?:\.\d{{1,9}})?"
_PLACEHOLDER = re.compile(
    # Also as HTML and Markdown write it: models do, and so may the text that is hidden.
    rf"<(?P<plain>{_BARE})>|&lt;(?P<html>{_BARE})&gt;|\\<(?P<markdown>{_BARE})\\>",
    re.IGNORECASE,
)
_NOT_BEFORE = r"(?<![\w.-])"
_MAIL = r"[A-Za-z0-9][\w.+-]{0,63}@(?:[A-Za-z0-9-]{1,63}\.){1,8}[A-Za-z]{2,24}(?![\w-])"
_MAC = r"(?<![\w:.-])[0-9A-Fa-f]{2}(?:([:-])[0-9A-Fa-f]{2})(?:\1[0-9A-Fa-f]{2}){4}(?![\w:-])"
_IPV6 = (
    r"(?<![\w:.])(?=[0-9A-Fa-f]{0,4}:)[0-9A-Fa-f:]{2,39}(?:(?<=:)(?:\d{1,3}\.){3}\d{1,3})?(?![\w:])"
)
_IPV4 = (
    r"(?<![\w.])(?<![A-Za-z_~+][-_])(?<![vV]ersion )(?<![vV]ersion: )(?<!release )"
    r"(?:\d{1,3}\.){3}\d{1,3}(?![\w~+]|\.\w|-(?!\d{1,3}\.))"
)
_TOP_LEVEL = (
    "com|net|org|io|dev|cloud|info|biz|eu|uk|us|de|at|ch|fr|nl|be|it|es|pt|se|no|fi|dk|cz|jp|cn|kr"
    "|au|nz|ca|br|in|local|lan|home|internal|intranet|corp|localdomain|private|arpa|example|test"
    "|invalid|onion|xyz|online|site|tech|me|ts"
)
"""Not all there are: many are endings of files and units as well (`app.py`, `x.service`)."""
_FQDN = rf"{_NOT_BEFORE}(?:[A-Za-z0-9][A-Za-z0-9-]{{0,62}}\.){{1,8}}(?:{_TOP_LEVEL})(?![\w-]|\.\w)"
_PUBLIC_SITES = re.compile(
    r"(?:.*\.)?(?:github\.com|githubusercontent\.com|docker\.(?:io|com)|ghcr\.io|gcr\.io|quay\.io"
    r"|k8s\.io|kubernetes\.io|debian\.org|ubuntu\.com|canonical\.com|fedoraproject\.org|kernel\.org"
    r"|proxmox\.com|pypi\.org|npmjs\.org|letsencrypt\.org|nvidia\.com|freedesktop\.org)",
    re.IGNORECASE,
)
_KEPT_USERS = frozenset({"root", "nobody", "daemon", "www-data", "postgres", "mysql", "nginx"})
_KEPT_HOSTS = frozenset({"localhost", "localhost.localdomain"})


class Anonymiser:
    """Hides addresses and names consistently, and puts them back.

    `reveal(hide(text)) == text` holds for every text. What is hidden is known by its spelling:
    `FE80::1` and `fe80::1` get two placeholders, of the same network. Safe to use from several
    threads.
    """

    def __init__(self, *, hosts: Iterable[str] = (), users: Iterable[str] = ()) -> None:
        """`hosts` and `users` are names that no form gives away; all else is found by its form."""
        self._hosts: set[str] = set()
        self._users: set[str] = set()
        self._placeholders: dict[str, str] = {}
        self._originals: dict[str, str] = {}
        self._numbers: dict[str, int] = {}
        self._networks: dict[str, int] = {}
        self._lock = threading.Lock()
        self._pattern = self._everything()
        self.know(hosts=hosts, users=users)

    def know(self, *, hosts: Iterable[str] = (), users: Iterable[str] = ()) -> None:
        """Hide these names too from now on."""
        new_hosts = {name for name in hosts if _is_name(name)} - _KEPT_HOSTS - self._hosts
        new_users = {name for name in users if name} - _KEPT_USERS - self._users
        if new_hosts or new_users:
            with self._lock:
                self._hosts |= new_hosts
                self._users |= new_users
                self._pattern = self._everything()

    def hide(self, text: str) -> str:
        """The text with placeholders in place of addresses and names."""
        return self._pattern.sub(self._hidden, text)

    def reveal(self, text: str) -> str:
        """The text with what was hidden put back; placeholders that nobody gave out stay."""
        return _PLACEHOLDER.sub(self._original, text)

    def _everything(self) -> re.Pattern[str]:
        told = sorted(self._hosts | self._users, key=len, reverse=True)
        names = "|".join(map(re.escape, told)) or "(?!)"
        return re.compile(
            f"(?P<text>{_PLACEHOLDER.pattern})|(?P<mail>{_MAIL})|(?P<mac>{_named(_MAC)})"
            rf"|(?P<ip6>{_IPV6})|(?P<ip>{_IPV4})|(?P<fqdn>{_FQDN})"
            rf"|{_NOT_BEFORE}(?P<name>{names})(?![\w-])",
            re.IGNORECASE,
        )

    def _hidden(self, match: re.Match[str]) -> str:
        value = match[0]
        with self._lock:
            known = self._placeholders.get(value)
            if known is not None:
                return known
            made = self._made(match)
            if made is None:
                return value
            placeholder = f"<{made}>"
            self._placeholders[value] = placeholder
            self._originals[made] = value
            return placeholder

    def _made(self, match: re.Match[str]) -> str | None:
        value = match[0]
        if match["ip"] or match["ip6"]:
            return self._address(value)
        if match["fqdn"]:
            hidden = value.lower() not in _KEPT_HOSTS and not _PUBLIC_SITES.fullmatch(value)
            return self._next("host") if hidden else None
        if match["name"]:
            hosts = {name.lower() for name in self._hosts}
            return self._next("host" if value.lower() in hosts else "user")
        return self._next("text" if match["text"] else "mail" if match["mail"] else "mac")

    def _next(self, kind: str) -> str:
        self._numbers[kind] = self._numbers.get(kind, 0) + 1
        return f"{kind}:{self._numbers[kind]}"

    def _address(self, value: str) -> str | None:
        try:
            address = ipaddress.ip_address(value)
        except ValueError:
            return None  # a time, a checksum, a version
        if address.is_loopback or address.is_unspecified or address.is_multicast:
            return None
        if value.startswith("255."):
            return None
        kind = ("public-" if address.is_global else "") + ("ip" if address.version == 4 else "ip6")
        length = 24 if address.version == 4 else 64
        network = str(ipaddress.ip_network((address, length), strict=False))
        number = self._networks.setdefault(f"{kind} {network}", 0) or self._numbered(kind, network)
        if address.version == 4 and value.endswith(".0"):
            return f"{kind}:{number}.0"  # the network itself, as in 10.0.0.0/24
        return f"{kind}:{number}.{self._count(f'{kind} {number}')}"

    def _numbered(self, kind: str, network: str) -> int:
        self._networks[f"{kind} {network}"] = self._count(kind)
        return self._networks[f"{kind} {network}"]

    def _count(self, what: str) -> int:
        self._numbers[what] = self._numbers.get(what, 0) + 1
        return self._numbers[what]

    def _original(self, match: re.Match[str]) -> str:
        made = match["plain"] or match["html"] or match["markdown"]
        return self._originals.get(made.lower(), match[0])


def _is_name(name: str) -> bool:
    """Whether a host's name is one: an address is found by its form."""
    try:
        ipaddress.ip_address(name)
    except ValueError:
        return bool(name)
    return False


def _named(pattern: str) -> str:
    """The pattern with its one group named, so that it can stand among others."""
    return pattern.replace("([:-])", "(?P<joint>[:-])").replace(r"\1", "(?P=joint)")
