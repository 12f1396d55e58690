"""Secrets that are known by the name they go by: `DB_PASSWORD=…`, `"api_key": "…"`, `--token …`.

Covered are environments, INI, YAML, JSON (also JSON inside a JSON string), XML, command lines (also
as a list of arguments), SQL, .netrc, connection strings, and `name: X` / `value: Y` pairs.

How strongly a name speaks decides what is asked of the value. Behind a password's name all counts
that is not plainly innocent. Behind "token", "key" and the like that is so only where something is
clearly assigned; in running text ("unexpected token: if") the value must look generated.
"""

from __future__ import annotations

import re
from typing import Literal

from sme_tools.safety.secret_contexts import is_basic_auth
from sme_tools.safety.secret_values import (
    DECIDING_CHARS,
    Secret,
    is_innocent,
    is_number,
    looks_random,
)

Strength = Literal["password", "secret", "token", "key", "auth", "signature"]

WORDS: dict[str, tuple[str, Strength]] = {
    "password": ("password", "password"),
    "passwordsalt": ("password", "password"),
    "passwd": ("password", "password"),
    "passwort": ("password", "password"),
    "passphrase": ("password", "password"),
    "passcode": ("password", "password"),
    "pass": ("password", "password"),
    "pwd": ("password", "password"),
    "pw": ("password", "password"),
    "rootpw": ("password", "password"),
    "bindpw": ("password", "password"),
    "kennwort": ("password", "password"),
    "wachtwoord": ("password", "password"),
    "psk": ("key", "password"),
    "masterauth": ("password", "password"),
    "secret": ("secret", "secret"),
    "credential": ("credential", "token"),
    "credentials": ("credential", "token"),
    "token": ("token", "token"),
    "key": ("key", "key"),
    "keydata": ("key", "key"),
    "auth": ("credential", "auth"),
    "signature": ("signature", "signature"),
}
"""Anchor → the kind its placeholder names, and how strongly it speaks."""

_NEEDS_BOUNDARY = {"pass", "pwd", "pw", "psk", "auth"}
"""Short enough to end other words: bypass, compass."""

_KEY_QUALIFIER = re.compile(
    r"(?:api|access|secret|private|encrypt(?:ion)?|sign(?:ing)?|master|auth|session|account|deploy"
    r"|app|application|(?:pre-?)?shared|licen[cs]e|storage|consumer|client|webhook|jwt|hmac|crypto"
    r"|cookie|admin|root|write|ingest|integration|subscription|functions?|object|rpc|tunnel|join"
    r"|network|noise|routing|setup|recovery|unlock|luks|restic|backup|borg)[ _.-]?$",
    re.IGNORECASE,
)
_INNOCENT_NAME = re.compile(
    r"(?<![A-Za-z])(?:public|eos|bos|pad|unk|sep|cls|mask|eot|eom|eog|nl|lf|fim|prefix|suffix|middle|stop|end"
    r"|start|special|next|prompt|completion|input|output|cached|max|min|num|total|per|unexpected"
    r"|no|proxy|by|existing|load|import)[ _.-]?$",
    re.IGNORECASE,
)
_TAIL = re.compile(
    r"""
    (?i:[_-]?(?:\d{1,4}|in|salt|hash|base|b64|base64|value|data|plain|plaintext|raw|string|old|new|prod|dev|test))?
    (?: (?P<xml> ["']? > (?!\s|<))
      | (?P<close>\\{0,7}["'])? \]?
        (?: (?P<assign>(?P<room>[ \t]{0,40})(?:=>|:=|=(?![=~])|:(?!:)|::(?=[ ]))[ \t]{0,60})
          | (?P<pair>,?\s{0,80}\\{0,7}["']?[Vv]alue\\{0,7}["']?[ \t]{0,4}[:=][ \t]{0,4})
          | (?P<listed>\s{0,80},\s{0,80}(?=\\{0,7}["']))
          | (?P<space>[ \t]{1,40}(?=\S))
        )
    )
    """,
    re.VERBOSE,
)
_NAME_CHARS = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_-."
_LINE_START = re.compile(
    r"[\s>│|+#;]{0,80}(?:-\s{1,8})?(?:(?:export|set|local|ENV|ARG|setenv)\s)?(?:\\{0,7}[\"'])?"
)
_NAMED_BY = re.compile(
    r"(?:name|key)(?:\\{0,7}[\"'])?\s{0,4}[:=]\s{0,4}(?:\\{0,7}[\"'])?$", re.IGNORECASE
)
_NETRC = re.compile(r"\b(?:login|user)\s+\S{1,64}\s+$")
_ACCOUNT = re.compile(r"\b(?:user|login|username|account)\b[^\n]{1,60}[/,;] $", re.IGNORECASE)
_GENERATED = re.compile(
    r"(?=[A-Za-z_-]{0,40}\d)(?:(?=[a-z0-9_-]{0,40}[A-Z])(?=[A-Z0-9_-]{0,40}[a-z])[\w-]{24,256}"
    r"|[0-9a-f]{32,256})(?![\w.:/-])",
    re.ASCII,
)
"""What a sentence may name: `using token …`. Names of things hold no such mixture."""
_WG_VALUE = re.compile(r"[\"']?: ?[\"'][A-Za-z0-9+/]{43}=[\"']")
"""32 bytes in base64, in quotes: what ESPHome and others put behind a mere `key`."""
_SHELL_SETS = re.compile(r"(?:^|\s)(?:set -\w{1,4}|setenv) $")
_PASSWORD_THEN_SPACE = ("requirepass", "masterauth", "rootpw", "bindpw")
_BEFORE_CHARS = 120
_QUALIFIER_CHARS = 16

_OPENING = re.compile(r"[bBuUfrR]?(\\{0,7}[\"'`])")
_CHARS_QUOTED_BY = {
    quote: re.compile(rf"(?:[^{quote}\\\n]|\\.){{0,8192}}") for quote in ("'", '"', "`")
}
_SEPARATES = r"(?:\s|$|[\"'`,;)\]}&|<>\\]|[\w.-]{1,40}[\"']?[ ]?[=:])"
"""What follows a comma, a quote, a bracket that ends a value; otherwise it is part of it."""
_BARE = re.compile(
    r"(?:[^\s\"'`,;&)\]}<>|\\]++"
    r"|\\(?![\"'nrt])"
    rf"|[,;&)\]}}>|\"'`](?!{_SEPARATES})"
    r"|<(?!/|secret:)"
    r")++"
)
_MORE_WORDS = re.compile(r"(?:[ \t][^\s=:,;\"'#<>]{1,64}){1,12}[ \t]*$", re.MULTILINE)
_BLOCK_SCALAR = re.compile(r"[|>][+-]?\d?[ \t]*\n(?P<indent>[ \t]+)")


def named_secret(text: str, at: int, end: int) -> Secret | None:
    """The secret that belongs to the name whose last word is text[at:end]."""
    tail = _TAIL.match(text, end)
    if tail is None:
        return None
    word = text[at:end]
    kind, strength = WORDS[word.lower()]
    before = text[max(0, at - _BEFORE_CHARS) : at]
    rest = before.rstrip(_NAME_CHARS)
    prefix = before[len(rest) :]
    if not _may_name_secret(word, strength, before, prefix, text[end : end + 60]):
        return None
    if strength == "key":
        kind = "private-key" if "private" in before[-9:].lower() else kind
        rest = re.sub(r"[A-Za-z]{1,20} $", "", before) if not prefix else rest
    clear = _is_clear(tail, rest, prefix + word.lower(), strength)
    if clear is None:
        return None
    return _value(text, tail, kind, strength, clear, _at_line_start(rest, at, len(before)))


def _may_name_secret(word: str, strength: Strength, before: str, prefix: str, after: str) -> bool:
    if strength == "key" and not prefix and _WG_VALUE.match(after):
        return True
    if strength == "key" and not _KEY_QUALIFIER.search(before[-_QUALIFIER_CHARS:]):
        return False
    if word.lower() in _NEEDS_BOUNDARY and prefix[-1:].isalpha():
        camel_case = prefix[-1].islower() and word[0].isupper()
        if not camel_case and not prefix.lower().endswith(("require", "mysql", "db", "smtp")):
            return False
    return strength == "password" or not _INNOCENT_NAME.search(before[-_QUALIFIER_CHARS:])


def _is_clear(tail: re.Match[str], rest: str, name: str, strength: Strength) -> bool | None:
    """Whether a value is clearly assigned (True), maybe (False), or not at all (None)."""
    option = name.startswith("-")
    if tail["xml"]:
        return True if rest.endswith(("<", '="')) else None
    if tail["pair"]:
        return True if _NAMED_BY.search(rest) else None
    if tail["listed"]:
        constant = rest.endswith(("define('", 'define("'))
        return True if constant or (option and tail["close"]) else None
    if tail["space"]:
        return _is_clear_by_space(tail, rest, name, strength)
    if strength == "signature":
        return True if tail["assign"] == "=" else None
    if rest.endswith("/") and not tail["assign"].startswith("="):
        return None  # the end of a path or an image's name: registry/token:v1
    bound = not tail["room"] and not tail["assign"].endswith((" ", "\t"))
    return bound or option or tail["close"] is not None or _starts_line(rest)


def _is_clear_by_space(
    tail: re.Match[str], rest: str, name: str, strength: Strength
) -> bool | None:
    following = tail.string[tail.end() : tail.end() + 1]
    if name.startswith("-"):
        return None if following == "-" else True
    if _SHELL_SETS.search(rest):
        return True
    if strength == "password":
        redis_conf = name in _PASSWORD_THEN_SPACE
        netrc = name == "password" and _NETRC.search(rest) is not None
        sql = following == "'" and name == "password"
        login = _ACCOUNT.search(rest) is not None
        return True if redis_conf or netrc or sql or login else None
    if strength == "secret" and following == '"':
        return False
    said = strength in ("secret", "token") and _GENERATED.match(tail.string, tail.end())
    return False if said else None


def _starts_line(rest: str) -> bool:
    line = rest.rsplit("\n", 1)[-1]
    whole = "\n" in rest or len(rest) < _BEFORE_CHARS
    return whole and _LINE_START.fullmatch(line) is not None


def _at_line_start(rest: str, at: int, looked_back: int) -> bool:
    return _starts_line(rest) and ("\n" in rest or looked_back == at)


def _value(
    text: str, tail: re.Match[str], kind: str, strength: Strength, clear: bool, own_line: bool
) -> Secret | None:
    start = tail.end()
    if own_line and tail["assign"] and (block := _BLOCK_SCALAR.match(text, start)) is not None:
        return _block_scalar(text, block, kind)
    opening = _OPENING.match(text, start)
    if opening is not None:
        start, end = opening.end(), _closing(text, opening)
    else:
        bare = _BARE.match(text, start, start + DECIDING_CHARS)
        if bare is None:
            return None
        end = max(bare.end(), _end_of_assignment(text, tail, start, own_line))
    value = text[start:end]
    if "<secret:" in value[:8] or not _is_secret(
        value, strength, clear=clear, quoted=opening is not None
    ):
        return None
    quote = ""
    if opening is None:
        quote = tail["close"] if tail["close"] and value.isdigit() else ""
        more = _BARE.match(text, end)
        end = more.end() if more else end
        if own_line and strength == "password" and (tail["assign"] or "").endswith((" ", "\t")):
            phrase = _MORE_WORDS.match(text, end)
            end += len(phrase[0].rstrip()) if phrase and not tail["close"] else 0
    return Secret(start, end, "wireguard-key" if _is_wireguard(text[start:end]) else kind, quote)


_OUTER_QUOTE = re.compile(r"(?:^|[=\s,\[(])([\"'])(?:[\w.-]+)$")
_TO_NEXT = re.compile(r"[^\s\"'\\<>]*")


def _end_of_assignment(text: str, tail: re.Match[str], start: int, own_line: bool) -> int:
    """Where `NAME=value` ends if the quotes stand around both, or nothing else on the line."""
    if tail["assign"] != "=" or tail["close"]:
        return start
    line = text[max(0, tail.start() - _BEFORE_CHARS) : tail.start()].rsplit("\n", 1)[-1]
    outer = _OUTER_QUOTE.search(line)
    if outer is not None:
        chars = _CHARS_QUOTED_BY[outer[1]].match(text, start)
        end = chars.end() if chars else start
        several = " " in text[start:end] and "=" in text[start:end].split(" ", 1)[1]
        return end if text[end : end + 1] == outer[1] and not several else start
    upper_case = text[tail.start() - 1 : tail.start()].isupper()
    rest = _TO_NEXT.match(text, start) if own_line and upper_case else None
    return rest.end() if rest else start


def _closing(text: str, opening: re.Match[str]) -> int:
    """Where a quoted value ends: at its closing quote, or at the end of its line."""
    quote, start = opening[1], opening.end()
    if len(quote) == 1:
        chars = _CHARS_QUOTED_BY[quote].match(text, start)
        return chars.end() if chars else start
    line_end = text.find("\n", start, start + 8192)
    limit = line_end if line_end >= 0 else min(len(text), start + 8192)
    end = text.find(quote, start, limit)
    return end if end >= 0 else limit


def _block_scalar(text: str, block: re.Match[str], kind: str) -> Secret | None:
    """A YAML value that fills the indented lines below its name (YAML 1.2, 8.1)."""
    start = block.end()
    end = start
    for line in re.compile(rf"(?:{block['indent']})?([^\n]*)\n?").finditer(text, start):
        is_first = line.start() == start
        if line[0].strip() and not is_first and not line[0].startswith(block["indent"]):
            break
        if line[0].strip():
            end = line.start() + len(line[0].rstrip())
        if line.end() == len(text):
            break
    if text.startswith(("<secret:", "-----BEGIN"), start) or end == start:
        return None
    return Secret(start, end, kind)


def _is_secret(value: str, strength: Strength, *, clear: bool, quoted: bool) -> bool:
    if is_innocent(value, quoted=quoted):
        return False
    if strength == "auth":
        return is_basic_auth(value) or (clear and len(value) >= 16 and looks_random(value))
    if strength == "signature":
        return clear and len(value) >= 16 and looks_random(value)
    if strength == "password" or looks_random(value):
        return True
    return clear and len(value) >= 6 and not is_number(value)


def _is_wireguard(value: str) -> bool:
    return len(value) == 44 and value.endswith("=") and value[:43].isascii()
