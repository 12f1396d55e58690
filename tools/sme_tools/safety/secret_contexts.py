"""Secrets that are known by where they stand: in a URL, a header, a command line, a key block.

A row of `CONTEXTS` is tried where one of its anchors stands; its pattern begins there, is linear
(every repeat is bounded) and names the secret `value`. What a pattern can't say is a function.
"""

from __future__ import annotations

import re
from base64 import b64decode
from binascii import Error as NotBase64
from collections.abc import Callable
from dataclasses import dataclass

from sme_tools.safety.secret_values import Secret, is_innocent, is_masked, looks_random

Finder = Callable[[str, int, int], Secret | None]
"""Given a text and the place of an anchor in it, text[at:end], the secret that belongs to it."""


@dataclass(frozen=True)
class Context:
    """One place where secrets stand."""

    kind: str
    anchors: tuple[str, ...]
    """In lower case; they are looked for without regard to case."""
    pattern: re.Pattern[str]
    judge: Callable[[str], bool]
    """Whether this value is a secret."""

    def find(self, text: str, at: int, end: int) -> Secret | None:
        """The secret at this anchor."""
        match = self.pattern.match(text, at)
        if match is None or not self.judge(match["value"]):
            return None
        return Secret(*match.span("value"), self.kind)


def _given(value: str) -> bool:
    return not is_masked(value)


def _plain(value: str) -> bool:
    return not is_innocent(value)


def is_basic_auth(value: str) -> bool:
    """Whether a value is `user:password` in base64 (RFC 7617)."""
    try:
        return b":" in b64decode(value + "=" * (-len(value) % 4), validate=True)[1:]
    except NotBase64:
        return False


def _long_or_random(value: str) -> bool:
    return not is_masked(value) and (len(value) >= 20 or looks_random(value))


_USER = r"[^\s/?#@:\"'`<>\\|]"
_OPTIONS = r"(?:[\s\"',][^\n|;&]{0,300}?)?[\s\"']"
"""The part of a command line between the program and the option that counts."""
_ARGUMENT = r"[\"']?(?P<value>(?<=')[^'\n]{1,256}|(?<=\")[^\"\n]{1,256}|[^\s\"']{1,256})"


def _context(
    kind: str, anchors: str, pattern: str, judge: Callable[[str], bool] = _given
) -> Context:
    return Context(kind, tuple(anchors.split("|")), re.compile(pattern), judge)


CONTEXTS = (
    # RFC 3986 userinfo; people leave `@` and `/` in passwords unescaped, so both are tried.
    _context(
        "password",
        "://",
        rf"://{_USER}{{0,128}}:(?P<value>[^\s/?#\"'`<>\\|]{{1,1024}})@(?=[\w\[%.-])",
    ),
    _context(
        "password",
        "://",
        rf"://{_USER}{{0,128}}:(?!\d{{1,5}}(?:[/?#]|$))(?P<value>[^\s\"'`<>\\|,]{{1,256}})@(?=[\w\[%.-])",
    ),
    _context("token", "://", rf"://(?P<value>{_USER}{{20,512}})@(?=[\w\[%.-])", looks_random),
    # RFC 9110 Authorization and its kin
    _context(
        "authorization",
        "authorization",
        r"(?i:authorization)(?:\\{0,7}[\"'])?\]?\s{0,4}[:=,]\s{0,4}[\[(]?(?:\\{0,7}[\"'])?"
        r"(?i:bearer|basic|token|apikey|bot|negotiate|ntlm|jwt|geniekey|ssws)\s{1,4}"
        r"(?P<value>[^\s\"'\\,;<>\])]{1,4096})",
        _plain,
    ),
    _context(
        "authorization",
        "authorization",
        r"(?i:authorization)(?:\\{0,7}[\"'])?\]?\s{0,4}[:=,]\s{0,4}[\[(]?(?:\\{0,7}[\"'])?"
        r"(?P<value>[^\s\"'\\,;<>\])]{10,2048})",
        looks_random,
    ),
    _context("token", "bearer ", r"(?i:bearer) {1,4}(?P<value>[\w.~+/=-]{12,4096})", looks_random),
    _context(
        "cookie",
        "cookie",
        r"(?i:cookie)(?:\\{0,7}[\"'])?\s{0,4}[:=]\s{0,4}(?:\\{0,7}[\"'])?"
        r"(?P<value>[\w.-]{1,64}=[^\s\"'\\<>;]{4,4096}(?:; ?[^\s\"'\\<>;]{1,4096}){0,50})",
    ),
    _context("signature", "?sig=|&sig=", r"[?&](?i:sig)=(?P<value>[\w%+/=.-]{20,512})"),
    # programs that take a password as an argument
    _context(
        "password",
        "mysql|mariadb",
        rf"(?i:mysql|mariadb)[\w-]{{0,20}}{_OPTIONS}-p(?!ort\b){_ARGUMENT}",
    ),
    _context("password", "sshpass", rf"sshpass{_OPTIONS}-p[\s\"',]{{0,4}}{_ARGUMENT}"),
    _context("password", "redis-cli", rf"redis-cli{_OPTIONS}-a[\s\"',]{{1,4}}{_ARGUMENT}"),
    _context(
        "password",
        "curl|wget",
        rf"(?:curl|wget){_OPTIONS}(?:-u|-U|--user|--proxy-user)[\s\"',=]{{0,4}}[^\s:\"',=-]{{1,64}}:"
        r"(?P<value>[^\s\"']{1,256})",
    ),
    _context(
        "password",
        "ldapsearch|ldapmodify|ldapadd|ldapwhoami",
        rf"ldap\w{{1,10}}{_OPTIONS}-w[\s\"',]{{1,4}}{_ARGUMENT}",
    ),
    _context("password", "ipmitool", rf"ipmitool{_OPTIONS}-P[\s\"',]{{1,4}}{_ARGUMENT}"),
    _context(
        "password",
        "smbclient|rpcclient",
        rf"(?:smb|rpc)client{_OPTIONS}(?:-U|--user)[\s\"',=]{{0,4}}[^\s%\"',=]{{1,64}}%"
        r"(?P<value>[^\s\"']{1,256})",
    ),
    _context(
        "password",
        "docker login|podman login",
        rf"(?:docker|podman) login{_OPTIONS}-p[\s\"',]{{1,4}}{_ARGUMENT}",
    ),
    _context(
        "password",
        "identified by",
        r"(?i:identified by) {1,4}(?:password {1,4})?['\"](?P<value>[^'\"\n]{1,256})",
    ),
)

_BLOCK = re.compile(
    r"-----BEGIN (?:[A-Z0-9]{1,20} ){0,4}(?:PRIVATE KEY(?: BLOCK)?|OpenVPN Static key V1)-----"
    r"(?:\s|\\[nr]){0,8}"
)
_BLOCK_BODY = re.compile(
    r"(?:\s|\\[nr]|[A-Za-z0-9+/=]{16,}|(?:Proc-Type|DEK-Info|Version|Comment):[^\n\\]{0,200})*"
)
_BLOCK_END = re.compile(r"-----END (?:[A-Z0-9]{1,20} ){0,4}PRIVATE KEY(?: BLOCK)?-----")
_BLOCK_CHARS = 64 * 1024
_BASE64 = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/="


def private_key_block(text: str, at: int, end: int) -> Secret | None:
    """The body of a PEM, OpenSSH, PGP or OpenVPN key (RFC 7468), also where the end was cut off.

    In JSON a block stands on one line, its line breaks written `\\n`.
    """
    head = _BLOCK.match(text, at)
    if head is None or text.startswith("<secret:", head.end()):
        return None
    stop = text.find("-----END", head.end(), head.end() + _BLOCK_CHARS)
    if stop < 0:
        body = _BLOCK_BODY.match(text, head.end())
        stop = body.end() if body else head.end()
    stop = _without_line_breaks(text, head.end(), stop)
    return Secret(head.end(), stop, "private-key") if stop > head.end() else None


def _without_line_breaks(text: str, start: int, stop: int) -> int:
    while stop > start:
        if text[stop - 1].isspace():
            stop -= 1
        elif text[stop - 2 : stop] in ("\\n", "\\r"):
            stop -= 2
        else:
            break
    return stop


def private_key_rest(text: str, at: int, end: int) -> Secret | None:
    """The lines before the end of a key block whose beginning was cut off."""
    if _BLOCK_END.match(text, at) is None:
        return None
    before = text[max(0, at - _BLOCK_CHARS) : at]
    body = before.rstrip()
    start = at - len(before) + len(body.rstrip(_BASE64 + "\r\n"))
    while start < at and text[start].isspace():
        start += 1
    stop = at - len(before) + len(body)
    return Secret(start, stop, "private-key") if stop - start >= 16 else None


_PUTTY = re.compile(r"Private-Lines: \d{1,3}\r?\n(?P<value>(?:[A-Za-z0-9+/=]{1,64}\r?\n?){1,200})")


def putty_key(text: str, at: int, end: int) -> Secret | None:
    """The private part of a PuTTY key file."""
    match = _PUTTY.match(text, at)
    if match is None:
        return None
    return Secret(
        match.start("value"), match.start("value") + len(match["value"].rstrip()), "private-key"
    )


_TELEGRAM = re.compile(r":AA[\w-]{30,36}(?![\w-])", re.ASCII)


def telegram_token(text: str, at: int, end: int) -> Secret | None:
    """A Telegram bot's token: the bot's number, a colon, some 35 characters."""
    match = _TELEGRAM.match(text, at)
    number = text[max(0, at - 10) : at]
    digits = len(number) - len(number.rstrip("0123456789"))
    if match is None or digits < 8:
        return None
    return Secret(at - digits, match.end(), "telegram-token")


_ENDS_DSN = re.compile(r"[\s\"'`]")


def go_dsn_password(text: str, at: int, end: int) -> Secret | None:
    """The password of `user:password@tcp(host)/db`, the form of Go's MySQL driver."""
    window = text[max(0, at - 256) : at]
    last = _ENDS_DSN.split(window)[-1]
    user, colon, password = last.partition(":")
    if not colon or not password or not user or is_masked(password) or "<secret:" in password:
        return None
    return Secret(at - len(password), at, "password")


_WG_KEY = r"[A-Za-z0-9+/]{43}="
_WG_INTERFACE = re.compile(rf"{_WG_KEY}\t{_WG_KEY}\t\d{{1,5}}\t(?:off|0x[0-9a-f]+)")
_WG_PEER = re.compile(rf"{_WG_KEY}\t(?P<value>{_WG_KEY})\t(?:\(none\)|\S{{3,64}}:\d{{1,5}})\t")


def wireguard_dump(text: str, at: int, end: int) -> Secret | None:
    """The private key of an interface and the shared one of a peer in `wg show dump` (wg(8))."""
    start = at - 43
    if start < 0:
        return None
    if _WG_INTERFACE.match(text, start):
        return Secret(start, at + 1, "wireguard-key")
    peer = _WG_PEER.match(text, start)
    return Secret(*peer.span("value"), "wireguard-key") if peer else None


FINDERS: tuple[tuple[str, Finder], ...] = (
    ("-----begin ", private_key_block),
    ("-----end ", private_key_rest),
    ("private-lines: ", putty_key),
    (":aa", telegram_token),
    ("@tcp(", go_dsn_password),
    ("@unix(", go_dsn_password),
    ("=\t", wireguard_dump),
)
"""By anchor, in lower case."""
