"""Expressions for the MongoDB shell: read-only if each is one of the few that are known."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from sme_tools.safety.policy.verdict import READS, Ruling, change
from sme_tools.safety.policy.words import Word

if TYPE_CHECKING:
    from sme_tools.safety.policy.tree import Tree

_PLAIN = r"""(?:\d+|true|false|null|"[\w .$-]*"|'[\w .$-]*'|\{[\w\s:,.$"'{}-]*\})"""
"""A literal: a number, a text, or an object of such. No calls, no code."""

_COMMAND = (
    r"ping|serverStatus|dbStats|collStats|hello|isMaster|buildInfo|hostInfo|listDatabases|top"
    r"|replSetGetStatus|replSetGetConfig|connPoolStats|getCmdLineOpts|getLog|listCollections"
    r"|connectionStatus|currentOp|lockInfo|features|whatsmyuri|getParameter|balancerStatus"
)
_DATABASE = r"db(?:\.getSiblingDB\((?:\"[\w-]+\"|'[\w-]+')\))?"
_READS = re.compile(
    rf"""show\s(?:dbs|databases|collections|tables|profile|logs)
      | rs\.(?:status|conf|config|hello|isMaster|printReplicationInfo
            |printSecondaryReplicationInfo)\(\)
      | sh\.(?:status|getBalancerState|isBalancerRunning)\(\)
      | {_DATABASE}\.(?:stats|serverStatus|version|hello|isMaster|getName|getCollectionNames
            |getCollectionInfos|currentOp|hostInfo|serverBuildInfo|getReplicationInfo
            |printReplicationInfo|getProfilingStatus|getMongo|serverCmdLineOpts
            |printCollectionStats)\({_PLAIN}?\)
      | {_DATABASE}\.(?:adminCommand|runCommand)\(
            (?:["'](?:{_COMMAND})["']|\{{\s*["']?(?:{_COMMAND})["']?\s*:\s*[\w"'*.]+\s*\}})\)
      | {_DATABASE}\.(?:[A-Za-z]\w*|getCollection\(["'][\w.-]+["']\))
            \.(?:countDocuments|estimatedDocumentCount|count|stats|getIndexes|totalSize|storageSize
            |totalIndexSize|dataSize|find|findOne|distinct)\((?:{_PLAIN}(?:\s*,\s*{_PLAIN})?)?\)
            (?:\.(?:limit|sort|count|pretty|skip|toArray)\({_PLAIN}?\))*
    """,
    re.X,
)
_PART = re.compile(r"(?:\.[A-Za-z]\w*|\[\d+\])*(?:\.(?:ok|length))?")
_PRINTER = re.compile(r"(?:printjson|print|JSON\.stringify|EJSON\.stringify|tojson)\((.*)\)", re.S)
_CODE = re.compile(r"\$(?:where|function|accumulator|out|merge)|system\.(?:users|js)", re.I)


def mongo(tree: Tree, name: str, script: Word) -> Ruling:
    """What an expression for the shell does. What is not understood is a change."""
    if not script.known:
        return change("an expression that can't be known before may change anything")
    for part in filter(None, map(str.strip, script.text.split(";"))):
        statement = part
        while found := _PRINTER.fullmatch(statement):
            statement = found[1].strip()
        known = _READS.match(statement)
        if known is None or not _PART.fullmatch(statement, known.end()) or _CODE.search(statement):
            return change(f"{name}: {statement[:40]} is not known to only read")
    return READS
