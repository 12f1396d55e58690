"""Secrets that a pattern can't say: key blocks, keys in tables, whole Secret manifests.

Each finder is given a text and the place of its anchor, text[at:end].
"""

from __future__ import annotations

import re

from sme_tools.safety.secret_contexts import Finder
from sme_tools.safety.secret_values import Secret, is_masked

_BLOCK = re.compile(
    r"(?:-----BEGIN (?:[A-Z0-9]{1,20} ){0,4}(?:PRIVATE KEY(?: BLOCK)?|OpenVPN Static key V1)-----"
    r"|---- BEGIN SSH2 ENCRYPTED PRIVATE KEY ----)(?:\s|\\[nr]){0,8}"
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
    stop = text.find(
        "---- END" if head[0][4] == " " else "-----END", head.end(), head.end() + _BLOCK_CHARS
    )
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


_PUTTY = re.compile(
    r"Private-Lines: \d{1,3}\r?\n(?P<value>(?:[A-Za-z0-9+/=]{1,64}(?:\r?\n|$)){1,200})"
)


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


_BOOTSTRAP = re.compile(r"[ \t]*(?P<value>[a-z0-9]{6}\.[a-z0-9]{16})[ \t]")
_SMBPASSWD = re.compile(r":(?P<value>[0-9A-F]{32}:[0-9A-FX]{32}):\[")


def bootstrap_token(text: str, at: int, end: int) -> Secret | None:
    """A token in a row of `kubeadm token list`."""
    match = _BOOTSTRAP.match(text, text.rfind("\n", max(0, at - 256), at) + 1, at)
    return Secret(*match.span("value"), "kubeadm-token") if match else None


def smbpasswd_hash(text: str, at: int, end: int) -> Secret | None:
    """The two hashes in a row of smbpasswd(5)."""
    match = _SMBPASSWD.match(text, at - 66) if at >= 66 else None
    return Secret(*match.span("value"), "password-hash") if match else None


def sized_token(text: str, at: int, end: int) -> Secret | None:
    """A token of InfluxDB: 64 bytes in the base64 of URLs, with its two signs of filling."""
    value = text[max(0, at - 86) : at]
    whole = re.fullmatch(r"[\w-]{86}", value, re.ASCII) is not None
    before = text[max(0, at - 87) : max(0, at - 86)]
    if not whole or not ("-" in value or "_" in value) or before in ("-", "_") or before.isalnum():
        return None
    return Secret(at - 86, end, "influx-token")


_AZURE = re.compile(r"[\w.~-]{3}\dQ~[\w.~-]{31,34}(?![\w.~-])", re.ASCII)


def azure_secret(text: str, at: int, end: int) -> Secret | None:
    """A client secret of Entra ID: `Q~` stands at its fifth place."""
    match = _AZURE.match(text, at - 5) if at >= 5 else None
    return Secret(*match.span(), "azure-secret") if match else None


_CHAP = re.compile(
    r"[\"']?[\w.@\\-]{1,64}[\"']?[ \t]{1,20}\*[ \t]{1,20}[\"']?(?P<value>[^\s*\"']{4,256})[\"']?"
    r"[ \t]{1,20}\*[ \t]*(?:\n|$)"
)


def chap_secret(text: str, at: int, end: int) -> Secret | None:
    """The secret in a row of chap-secrets (pppd(8)) that holds for every server and address."""
    match = _CHAP.match(text, text.rfind("\n", max(0, at - 128), at) + 1)
    if match is None or match["value"].isdigit():
        return None
    return Secret(*match.span("value"), "password")


_BACKWARDS = {
    "azca": ("azure-key", 76, re.compile(r"[A-Za-z0-9]{76}AzCa[\w+/=]{4,12}", re.ASCII)),
    "ffffnral": ("newrelic-key", 36, re.compile(r"[a-f0-9]{32,36}FFFFNRAL")),
    "-us": ("mailchimp-key", 32, re.compile(r"[a-f0-9]{32}-us\d{1,2}\b")),
}
"""Forms that are known by what stands in their midst: how many characters stand before it."""


def known_by_midst(text: str, at: int, end: int) -> Secret | None:
    """A key whose known part is not its beginning."""
    kind, before, pattern = _BACKWARDS[text[at:end].lower()]
    start = at - before
    if start < 0 or text[start - 1 : start].isalnum():
        return None
    match = pattern.match(text, start)
    return Secret(start, match.end(), kind) if match else None


FINDERS: tuple[tuple[str, Finder], ...] = (
    ("-----begin ", private_key_block),
    ("---- begin ssh2 ", private_key_block),
    (" * ", chap_secret),
    ("authentication,signing", bootstrap_token),
    (":[u ", smbpasswd_hash),
    (":[ux", smbpasswd_hash),
    ("==", sized_token),
    ("~", azure_secret),
    ("azca", known_by_midst),
    ("ffffnral", known_by_midst),
    ("-us", known_by_midst),
    ("-----end ", private_key_rest),
    ("private-lines: ", putty_key),
    (":aa", telegram_token),
    ("@tcp(", go_dsn_password),
    ("@unix(", go_dsn_password),
    ("=\t", wireguard_dump),
)
"""By anchor, in lower case."""

INSIDE_WORDS = frozenset({"azca", "ffffnral"})
"""Anchors of letters that stand inside of longer words."""
