"""What a value behind a secret-like name may be: a secret, or one of the many innocent things.

`password: expired`, `EOS token = 2`, `token_file=/run/token`, `api_key: ${API_KEY}`: names say
little without their values. Wrongly hidden values cost a reader and a parser something; a wrongly
shown secret costs more, so behind a name that says "password" everything counts that is not
plainly something else.
"""

from __future__ import annotations

import re
from typing import NamedTuple

PLACEHOLDER_BEGINS = "<secret:"
PLACEHOLDER_ENDS = r"[a-z0-9-]{1,32}:\d{1,9}>"


class Secret(NamedTuple):
    """A stretch of a text that is to be hidden: text[start:end]."""

    start: int
    end: int
    kind: str
    quote: str = ""
    """Put around the placeholder: a number that is a secret must stay valid JSON."""


DECIDING_CHARS = 256
"""So much of a value is looked at to judge it: the same text may be looked at from many places,
and a limit keeps that linear."""

_INNOCENT_WORDS = """
null none nil undefined unset empty missing absent unknown n/a na default optional required
true false yes no on off enabled disabled allow deny allowed denied ask always never
ok valid invalid incorrect correct wrong bad expired changed unchanged locked unlocked
accepted rejected refused failed failure success successful succeeded mismatch unexpected
authentication permission error not is must has was will should cannot can't could too for see
please enter hidden redacted masked sensitive encrypted removed filtered omitted protected
files compat systemd sss ldap winbind nis db dns str string text object bytes secretstr
basic bearer digest interactive keyboard-interactive publickey
chauthtok auth account session setcred
sha256 sha512 md5 bcrypt yescrypt argon2 argon2id scrypt crypt pbkdf2 scram-sha-256
amd64 i386 arm64 armhf armel all any ppc64el s390x riscv64 mips64el
"""
"""Nothing there; switches; states and complaints; databases (nsswitch.conf), types and methods,
modules of PAM, algorithms;
the architecture in dpkg's `passwd:amd64`."""
_WORDS = frozenset(_INNOCENT_WORDS.split())

_INNOCENT = re.compile(
    rf"""
    {PLACEHOLDER_BEGINS}{PLACEHOLDER_ENDS} .* |
    [*•x.#\-_?]{{1,}} |                         # masked by another tool
    <[^<>]*>? | \[[A-Za-z_ ]*\] | \([\w ]*\) |   # <none>, [PAD], (hidden)
    \$\{{[^}}]*(?:\}}.*)? |
    [A-Za-z][\w.@-]{{0,64}}:(?:/[\w.-]+){{2,}} | [\w.-]+@\w+![\w.-]+[:\d]* |
    \$[A-Z_][A-Z0-9_]* | \$\(.* | `.* | \{{\{{.* | %\(?\w+\)?s? | !\w+.* |
    [{{\[(,;] .* |                              # a structure, not a value
    os\.(?:environ|getenv)\b.* | process\.env\b.* | self\.\w+ | [A-Za-z_][\w.]*\(.* |
    (?:https?|file|unix|tcp|ssh|vault|op|env|arn|secretsmanager):.* |
    -----BEGIN.* |                              # a block has its own rule
    \\[nrt]?
    """,
    re.VERBOSE | re.DOTALL,
)
_PATH = re.compile(r"(?:/|~/|\.{1,2}/|[A-Za-z]:\\)[\w./@+,:=~ \\-]*")
_BASE64_LIKE = re.compile(
    r"(?=[^A-Z]*[A-Z])(?=[^a-z]*[a-z])(?=[^0-9]*[0-9])[A-Za-z0-9+/]{32,}={0,2}"
)
_NUMBER = re.compile(r"[+-]?\d{1,11}(?:[.,]\d{1,6})*\s?[A-Za-z%]{0,4}")
_FEW_DIGITS = re.compile(r"[+-]?\d{0,3}(?:\.\d{1,3})?")
_NOT_RANDOM = re.compile(
    r"""
    (?:sha\d{1,3}|md5|blake2[bs]|SHA\d{3}|MD5): .* |                # digests and fingerprints
    \d{4}-\d\d-\d\d .* | \d{1,2}:\d\d .* |                          # dates and times
    (?:\d{1,3}\.){3}\d{1,3} .* | (?:[0-9A-Fa-f]{0,4}:){2,7} .* |    # addresses
    (?:rsa|dsa|ecdsa|ed25519|sha|hmac)_? [a-z0-9_]* |               # algorithms
    v?\d+\.\d+ .* |                                                 # versions
    (?:[A-Za-z0-9_-]{1,63}\.){1,8}[A-Za-z]{2,12}(?::\d{1,5})?       # names of hosts and files
    """,
    re.VERBOSE | re.DOTALL,
)
_EDGES = "\"'`.,:;!?()[]{}"


def is_innocent(value: str, *, quoted: bool = False) -> bool:
    """Whether a value is plainly no secret, whatever its name says.

    Without quotes the value may be the rest of a sentence, and its first word decides.
    """
    value = value[:DECIDING_CHARS].strip()
    words = value.strip(_EDGES).lower()
    if len(value) < 2 or (words if quoted else words.split(" ", 1)[0]) in _WORDS:
        return True
    return (
        _FEW_DIGITS.fullmatch(value) is not None
        or _INNOCENT.fullmatch(value) is not None
        or _is_path(value)
    )


def _is_path(value: str) -> bool:
    return _PATH.fullmatch(value) is not None and _BASE64_LIKE.fullmatch(value) is None


def is_masked(value: str) -> bool:
    """Whether a value is only a stand-in for one: masked, a variable, a template."""
    return _INNOCENT.fullmatch(value) is not None


def is_number(value: str) -> bool:
    """Whether a value is a count, a size or a duration: what follows `tokens:` and the like."""
    return _NUMBER.fullmatch(value.strip()) is not None


def looks_random(value: str) -> bool:
    """Whether a value looks made by a generator: long, mixed, and not of another known form."""
    value = value[:DECIDING_CHARS].strip(_EDGES + " ")
    if len(value) < 10 or " " in value or is_innocent(value) or _NOT_RANDOM.fullmatch(value):
        return False
    has_digit = any(char.isdigit() for char in value)
    has_letter = any(char.isalpha() for char in value)
    return has_digit and has_letter and len(set(value)) >= 6
