"""SQL: read-only if every statement is a plain SELECT, SHOW or EXPLAIN without functions that act.

The texts of PostgreSQL, MySQL, SQLite and others are read by one grammar, so whatever two of them
read differently (a backslash before a quote, `#`, `--x`, `/*!`) is not understood, and a change.
"""

from __future__ import annotations

import re
from itertools import pairwise
from typing import TYPE_CHECKING

from sme_tools.safety.policy.languages import sql_words
from sme_tools.safety.policy.verdict import READS, Ruling, change
from sme_tools.safety.policy.words import Word

if TYPE_CHECKING:
    from sme_tools.safety.policy.tree import Tree

_TOKEN = r"""(?P<comment>--(?=[ \t\n]|$)[^\n]*)
      | (?P<string>'(?:[^'\\]|''|\\[^'"])*')
      | (?P<quoted>"(?:[^"\\]|"")*"{quoted})
      | (?P<terminator>;{terminator})
      | (?P<word>@{{0,2}}[A-Za-z_\u0080-\uffff][\w\u0080-\uffff$]*)
      | (?P<number>\d[\w.]*|\.\d+)
      | (?P<space>\s+)
      | (?P<operator>::|->>?|[|]{{2}}|[<>!]=|<>|!~\*?|~\*?|@>|<@|:=|&&|-(?!-)
          |[+*%=<>(),.:@&|^]{operator})
    """


def _dialect(quoted: str = "", terminator: str = "", operator: str = "") -> re.Pattern[str]:
    return re.compile(_TOKEN.format(quoted=quoted, terminator=terminator, operator=operator), re.X)


_SLASH, _BRACKETS, _BACKTICKS = r"|/(?![*/])", r"|[\[\]]", "|`[^`\\\\]*`"
_PLAIN = _dialect()
_DIALECTS = {
    "psql": _dialect("", r"|\\gx?(?=[ \t]*(?:\n|$))", _SLASH + _BRACKETS + r"|[#]>>?"),
    "mysql": _dialect(_BACKTICKS, r"|\\[gG]", _SLASH),
    "mariadb": _dialect(_BACKTICKS, r"|\\[gG]", _SLASH),
    "sqlite": _dialect(_BACKTICKS, "", _SLASH),
    "clickhouse": _dialect(_BACKTICKS, "", _SLASH + _BRACKETS),
}
"""What a client reads beyond what all do. `[` quotes in SQLite, `/` in InfluxQL, `#` and `//` begin
comments elsewhere: what is a quote or a comment to one of them must not be text to us."""

_PSQL = re.compile(
    r"\\(?:d[a-zA-Z]*|l|z|conninfo|x|timing|encoding|echo|q|sf|sv|pset|a|t|\?|h|copyright)"
    r"[S+x]*(?:[ \t]+(?:[\w.*=%-]+|\"[\w .-]+\"))*[ \t]*;?"
)
_SQLITE = re.compile(
    r"\.(?:tables|schema|databases|indexes|indices|dbinfo|headers?|mode|stats|fullschema|lint|show"
    r"|timer|width|nullvalue|separator|dump|version|sha3sum|echo|bail|help|changes|vfsinfo|vfslist)"
    r"(?:[ \t]+[\w.*%-]+)*[ \t]*;?"
)
_LOCKS = ("update", "share", "no", "key")
_CLIENT_COMMANDS = {"psql": _PSQL, "sqlite": _SQLITE}
_MYSQL_COMMAND = re.compile(
    r"(?im)^\s*(?:system|source|tee|notee|pager|nopager|edit|delimiter|connect|prompt|charset|rehash"
    r"|resetconnection|query_attributes|ssl_session_data_print|use_result)\b(?!\s*[,.=)])"
)
_SECRETS = re.compile(
    r"(?i)\b(?:pg_shadow|pg_authid|pg_user_mapping|pg_hba_file_rules|pg_largeobject|rolpassword"
    r"|authentication_string|password_hash|global_priv|passwd|password)\b"
)


def sql(tree: Tree, name: str, script: Word) -> Ruling:
    """What SQL, or a client's own command, can do. What is not understood is a change."""
    if not script.known:
        return change("SQL that can't be known before may change anything")
    client = next((known for known in _DIALECTS if known in name), "")
    text, reason = _client_commands(script.text, client)
    if reason is not None:
        return change(reason)
    if len(text) > sql_words.MAX_CHARS:
        return change("the SQL is too long to judge")
    statements = _statements(text, _DIALECTS.get(client, _PLAIN))
    if statements is None:
        return change("the SQL is not understood")
    for statement in statements:
        if reason := _acts(statement):
            return change(reason)
    return READS


def _client_commands(text: str, client: str) -> tuple[str, str | None]:
    """The text without the lines that are a client's own commands, and what is wrong with those."""
    if _MYSQL_COMMAND.search(text):
        return text, "a command of the client's own, which may run a program or write a file"
    known = _CLIENT_COMMANDS.get(client)
    kept = []
    for line in text.split("\n"):
        found = line.strip()
        if found.startswith(("\\", ".")):
            if known is None or not known.fullmatch(found):
                return text, f"the client's command {found[:30]} is not known to only read"
            kept.append(";")
        else:
            kept.append(line)
    return "\n".join(kept), None


def _statements(text: str, tokens: re.Pattern[str]) -> list[list[str]] | None:
    """The statements as lists of words in lower case; strings are `''`, quoted names `""`."""
    statements: list[list[str]] = [[]]
    at = 0
    while at < len(text):
        token = tokens.match(text, at)
        if token is None:
            return None
        at = token.end()
        match token.lastgroup:
            case "terminator":
                statements.append([])
            case "string":
                if text[at : at + 1] == "'" or (
                    token.start() and text[token.start() - 1].isalnum()
                ):
                    return None
                statements[-1].append("''")
            case "quoted":
                statements[-1].append('"' + token[0][1:-1].lower())
            case "comment" | "space":
                pass
            case _:
                statements[-1].append(token[0].lower())
    return [statement for statement in statements if statement]


def _acts(words: list[str]) -> str | None:
    """Why a statement does more than read."""
    first = words[0]
    if first in ("show", "describe", "desc", "use", "help", "checksum"):
        return _shows(words)
    if first == "pragma":
        return _pragma(words)
    if first == "explain":
        words = _explained(words[1:])
        if words[:1] and len(words) <= 3 and "(" not in words and words[0] not in sql_words.READERS:
            return None if not sql_words.ACTS & set(words) else f"SQL {words[0].upper()} may run"
        first = words[0] if words else ""
    if first not in sql_words.READERS:
        return f"SQL {first.upper()} is not known to only read"
    return _harm(words)


def _explained(words: list[str]) -> list[str]:
    """What stands after EXPLAIN and its options; with ANALYZE it is run, so it is judged too."""
    if words[:1] == ["("] and ")" in words:
        words = words[words.index(")") + 1 :]
    while words and words[0] in sql_words.EXPLAIN_OPTIONS:
        words = words[1:]
    if words[:1] == ["format"] and words[1:2] == ["="]:
        words = words[3:]
    return words


def _shows(words: list[str]) -> str | None:
    if words[:3] == ["show", "create", "user"]:
        return "it prints the hashes of passwords"
    if words[0] == "use" and len(words) != 2:
        return "SQL USE with more than a name"
    if {"into", "outfile", "dumpfile"} & set(words):
        return "SQL INTO writes"
    return _called(words)


def _pragma(words: list[str]) -> str | None:
    rest = words[1:]
    if len(rest) > 2 and rest[1] == ".":
        rest = rest[2:]
    if not rest or rest[0] not in sql_words.PRAGMAS | sql_words.PRAGMAS_WITH_ARGUMENT:
        return "a PRAGMA that is not known to only read"
    if len(rest) == 1:
        return None
    with_argument = rest[0] in sql_words.PRAGMAS_WITH_ARGUMENT
    if with_argument and rest[1] == "(" and rest[-1] == ")" and len(rest) == 4:
        return None
    return f"PRAGMA {rest[0]} with a value sets it"


def _harm(words: list[str]) -> str | None:
    for at, word in enumerate(words):
        named = at > 0 and words[at - 1] == "."
        if word in sql_words.ACTS and not named:
            if word in sql_words.ALSO_FUNCTIONS and words[at + 1 : at + 2] == ["("]:
                continue
            return f"SQL {word.upper()} changes something"
        if (
            word == "for"
            and words[at + 1 : at + 2]
            and words[at + 1] in ("update", "share", "no", "key")
        ):
            return "SQL FOR … takes locks"
    for word in words:
        if _SECRETS.search(word.lstrip('"')):
            return "it may print passwords or their hashes"
    bare = " ".join(word.lstrip('"') for word in words)
    if "mysql . user" in bare and "*" in words:
        return "it prints the hashes of passwords"
    return _called(words)


def _called(words: list[str]) -> str | None:
    """Whether a function is called that is not known to only read."""
    for before, word in pairwise(words):
        if word != "(" or re.fullmatch(r"[^\w\"'\]$@]+", before):
            continue
        if before.startswith(('"', "''", "@")) or not sql_words.CALLS.fullmatch(before):
            return f"what the function {before.lstrip(chr(34))}() does is not known"
    return None
