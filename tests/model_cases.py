"""What the model's tools work on in tests: the case of a real investigation of a recorded host."""

from __future__ import annotations

import importlib.util
import os
import threading
from collections.abc import Callable, Mapping
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from recorded_scenarios import FOLDER, Scenario, recorded_host
from sme_agent.case import Case
from sme_agent.investigation import Colleague
from sme_agent.model.bench import Bench
from sme_agent.model.presenting import Presenter
from sme_agent.reasoner import Desk, Next
from sme_agent.rules import RuleReasoner
from sme_agent.workspace import Knowledge
from sme_knowledge.bm25 import Bm25Retriever
from sme_knowledge.store import KnownIssues
from sme_memory.approvals import Approvals
from sme_memory.audit_log import AuditLog
from sme_memory.changes import ChangeStore
from sme_memory.evolution_log import EvolutionLog
from sme_memory.incidents import IncidentStore
from sme_prompts.load import Prompts
from sme_tools.checks.check import shipped_checks
from sme_tools.hosts.evidence import Evidence
from sme_tools.hosts.open import open_transport
from sme_tools.safety.fence import Fence
from sme_tools.safety.guard import Guard

FENCE = Fence("data-0123456789abcdef")


class _Watched(RuleReasoner):
    """The rules, and the case that they worked on."""

    def reason(self, case: Case, desk: Desk) -> Next:
        self.case = case
        return super().reason(case, desk)


def colleague_in(folder: Path) -> Colleague:
    """A colleague with the shipped knowledge, who keeps all in a folder and reaches recordings."""
    guard = Guard(AuditLog(folder / "audit.jsonl"), lambda problem: None)
    issues = KnownIssues.load()
    return Colleague(
        load_knowledge=lambda: Knowledge(shipped_checks(), issues, Bm25Retriever(issues.current())),
        incidents=IncidentStore(folder / "incidents.db"),
        log=EvolutionLog(folder / "evolution.jsonl"),
        checkpoints=folder / "checkpoints.db",
        changes=ChangeStore(folder / "changes.db"),
        approvals=Approvals(folder / "approvals.db", guard),
        open_transport=open_transport,
        guard=guard,
    )


def case_of(scenario: str, colleague: Colleague, folder: Path) -> Case:
    """The case as the rules leave it, diagnosis included."""
    told = Scenario.read(FOLDER / f"{scenario}.yaml")
    machines: Mapping[str, Any] = {"box": told.machine, **told.also}
    hosts = [recorded_host(machine, name, folder) for name, machine in machines.items()]
    rules = _Watched()
    for _ in replace(colleague, reasoner=lambda: rules).investigate(hosts, told.symptom):
        pass
    return rules.case


def desk_for(colleague: Colleague, case: Case, *, may_fix: bool = True) -> Desk:
    """A desk in a conversation; what is told goes nowhere."""
    return Desk(
        tell=lambda event: None,
        cancelled=threading.Event(),
        retriever=Bm25Retriever(case.issues),
        incidents=colleague.incidents,
        talks=True,
        may_fix=may_fix,
    )


def bench_for(
    colleague: Colleague, case: Case, *, most_chars: int = 9000, may_fix: bool = True
) -> Bench:
    """What tools are used with."""
    desk = desk_for(colleague, case, may_fix=may_fix)
    return Bench(case, desk, Presenter(Prompts(), FENCE), most_chars)


def evidence(id: str, stdout: str, *, stderr: str = "", command: str = "cat it") -> Evidence:
    """What a command said: `HOST/STEP#ROUND`."""
    host, _, rest = id.partition("/")
    return Evidence(
        id=id,
        host=host,
        step=rest.partition("#")[0],
        command=command,
        stdout=stdout,
        stderr=stderr,
        exit_code=0,
        outcome="completed",
        privilege="user",
        started_at=datetime(2026, 11, 20, 10, tzinfo=UTC),
        duration_s=0.1,
    )


def exact_tokens() -> Callable[[str], int]:
    """Counts the tokens of cl100k_base, from the file that comes with litellm."""
    import tiktoken

    spec = importlib.util.find_spec("litellm")
    assert spec is not None and spec.origin is not None
    before = os.environ.get("TIKTOKEN_CACHE_DIR")
    os.environ["TIKTOKEN_CACHE_DIR"] = str(
        Path(spec.origin).parent / "litellm_core_utils/tokenizers"
    )
    try:
        encoding = tiktoken.get_encoding("cl100k_base")
    finally:
        if before is None:
            del os.environ["TIKTOKEN_CACHE_DIR"]
        else:
            os.environ["TIKTOKEN_CACHE_DIR"] = before
    return lambda text: len(encoding.encode(text, disallowed_special=()))
