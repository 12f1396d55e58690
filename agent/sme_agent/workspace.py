"""What the nodes work with: hosts, knowledge, memory. Made once for an investigation."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from sme_agent.case import Case
from sme_agent.permission import Permission
from sme_agent.reach import Reach
from sme_agent.reasoner import Reasoner
from sme_knowledge.retrieval import Retriever
from sme_knowledge.store import KnownIssues
from sme_memory.changes import ChangeStore
from sme_memory.evolution_log import EvolutionLog
from sme_memory.incidents import IncidentStore
from sme_tools.actions.ports import Clock
from sme_tools.checks.check import Check


@dataclass(frozen=True)
class Knowledge:
    """What is known before any host is asked."""

    checks: Sequence[Check]
    issues: KnownIssues
    retriever: Retriever


@dataclass(frozen=True)
class Workspace:
    """The tools of one investigation."""

    case: Case
    reach: Reach
    reasoner: Reasoner
    retriever: Retriever
    incidents: IncidentStore
    log: EvolutionLog
    changes: ChangeStore
    permission: Permission
    clock: Clock
    """For the time that a verification has to hold."""
    lock_folders: tuple[str, ...]
    """Where on a host the lock may be that keeps two changes apart."""
    person_is_there: bool = False
    """Whether somebody can answer a question now."""
