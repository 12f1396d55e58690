"""SQL: read-only if each statement is a plain SELECT, SHOW or EXPLAIN whose functions only read."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from sme_tools.safety.policy.verdict import READS, Ruling, change
from sme_tools.safety.policy.words import Word

if TYPE_CHECKING:
    from sme_tools.safety.policy.tree import Tree

_OPAQUE = re.compile(
    r"--[^\n]*|'(?:[^'\\]|''|\\.)*'|\"(?:[^\"]|\"\")*\"|`[^`]*`|\$(\w*)\$.*?\$\1\$", re.S
)
_READS = re.compile(
    r"(?:select|show|describe|desc|values|table|with)\b"
    r"|explain\b(?!\s*(?:\([^)]*)?\banalyze\b)|explain\s+(?:query\s+plan\s+)?select\b(?!.*\banalyze\b)"
    r"|pragma\s+\w+(?:\.\w+)?\s*(?:\(\s*[\w']*\s*\))?\s*$"
    r"|\\(?:d[a-zA-Z+]*|l\+?|conninfo|z|sf|sv|x|pset|timing|encoding|echo|q|du|dn|dt\+?|di\+?|dx)\b"
    r"|\.(?:tables|schema|databases|indexes|dbinfo|headers|mode|stats|fullschema|lint)\b",
    re.I,
)
_ACTS = re.compile(
    r"\b(?:insert|update|delete|drop|alter|create|truncate|grant|revoke|into|merge|replace|call|do"
    r"|copy|lock|vacuum|analyze|reindex|cluster|refresh|set|reset|discard|listen|notify|load|attach"
    r"|detach|begin|commit|rollback|execute|prepare|kill|flush|purge|optimize|repair|handler|import"
    r"|outfile|dumpfile|for\s+(?:no\s+key\s+)?(?:update|share)|program)\b",
    re.I,
)
_CALLS = re.compile(r"\b([a-z_][\w.]*)\s*\(", re.I)
_HARMLESS_CALLS = re.compile(
    r"(?:pg_catalog\.)?(?:count|sum|avg|min|max|now|current_\w+|round|coalesce|nullif|length|lower"
    r"|upper|substr(?:ing)?|left|right|concat(?:_ws)?|trim|replace|to_char|date_trunc|extract|age"
    r"|abs|ceil|floor|cast|greatest|least|string_agg|array_agg|json(?:b)?_\w+|row_number|rank|lag"
    r"|lead|unnest|generate_series|format|version|database|user|schema|if|ifnull|iif|datetime|date"
    r"|time|strftime|julianday|unixepoch|typeof|hex|total|group_concat|char_length|unix_timestamp"
    r"|from_unixtime|timediff|timestampdiff|sec_to_time|pg_size_pretty|pg_(?:total_)?relation_size"
    r"|pg_table_size|pg_indexes_size|pg_database_size|pg_tablespace_size|pg_get_\w+def|pg_is_in_recovery"
    r"|pg_last_\w+|pg_postmaster_start_time|pg_conf_load_time|pg_blocking_pids|pg_safe_snapshot_blocking_pids"
    r"|pg_current_wal_(?:lsn|insert_lsn|flush_lsn)|pg_wal_lsn_diff|pg_stat_get_\w+|obj_description"
    r"|col_description|has_\w+_privilege|txid_current_if_assigned|inet_\w+|host|in|exists|any|all"
    r"|over|values|as|and|or|not|on|using|from|where|filter|within|partition|by|select|case|when|then"
    r"|else|interval|with|union|lateral|having|pg_ls_waldir|pg_stat_file|regexp_replace|split_part"
    r"|width_bucket|percentile_cont|percentile_disc|stddev|variance|pg_backend_pid|quantile|uniq)",
    re.I,
)


def sql(tree: Tree, name: str, script: Word) -> Ruling:
    """What SQL, or a client's own command, can do. What is not understood is a change."""
    if not script.known:
        return change("SQL that can't be known before may change anything")
    if re.search(r"/\*", script.text):
        return change("a comment in SQL may hide a hint that acts")
    plain = _OPAQUE.sub(" '' ", script.text)
    if re.search(r"['\"`\\](?!['dlzsxpteq])", plain.replace("''", "")):
        return change("the SQL is not understood")
    for statement in filter(str.strip, plain.split(";")):
        reason = _acts(statement.strip())
        if reason:
            return change(reason)
    return READS


def _acts(statement: str) -> str | None:
    if not _READS.match(statement):
        return f"not known to only read: {statement[:40]}"
    if statement.startswith((".", "\\")):
        return (
            "a client's command with a pipe or a file" if re.search(r"[|>`]", statement) else None
        )
    if found := _ACTS.search(statement):
        return f"SQL {found[0].upper()} changes something"
    for call in _CALLS.findall(statement):
        if not _HARMLESS_CALLS.fullmatch(call):
            return f"what the function {call}() does is not known"
    return None
