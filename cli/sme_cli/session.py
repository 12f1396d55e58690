"""What commands share: settings, inventory, knowledge and memory, opened where they are used."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager, nullcontext
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from sme_agent.investigation import Colleague
    from sme_agent.workspace import Knowledge
    from sme_cli.passphrase import Pause
    from sme_knowledge.retrieval import Retriever
    from sme_knowledge.store import KnownIssues
    from sme_memory.approvals import Approvals
    from sme_memory.audit_log import AuditLog
    from sme_memory.evolution_log import EvolutionLog
    from sme_memory.incidents import IncidentStore
    from sme_memory.model_ledger import ModelLedger
    from sme_prompts.load import Prompts
    from sme_tools.actions.journal import Change
    from sme_tools.checks.check import Check
    from sme_tools.errors import StateError
    from sme_tools.hosts.host import Host
    from sme_tools.hosts.inventory import Inventory
    from sme_tools.hosts.transport import Transport
    from sme_tools.safety.guard import Guard
    from sme_tools.safety.own_network import OwnNetwork
    from sme_tools.settings import Settings

SCRATCH_BYTES = 16 * 1024 * 1024
"""More than one diagnosis of many hosts writes."""


def settings() -> Settings:
    """The settings in force."""
    from sme_tools.settings import Settings

    return Settings.load()


def inventory() -> Inventory:
    """The user's inventory."""
    from sme_tools.hosts.inventory import Inventory

    return Inventory.load(settings().config_dir / "hosts.yaml")


def checks() -> list[Check]:
    """The shipped checks and the user's own."""
    from sme_tools.checks.check import load_checks

    return load_checks(settings().config_dir / "checks")


def known_issues() -> KnownIssues:
    """The shipped known issues and the user's own; files that can't be used are said on stderr."""
    from sme_cli.render.out import complain
    from sme_knowledge.store import KnownIssues

    issues = KnownIssues.load(settings().knowledge_dir)
    for problem in issues.problems:
        complain(f"left out: {problem}", problem.remedy)
    return issues


def prompts() -> Prompts:
    """The words for models: the shipped ones, and the user's own in their place."""
    from sme_prompts.load import Prompts

    return Prompts(settings().config_dir / "prompts")


def model_ledger() -> ModelLedger | None:
    """What models have taken and how they did, to be read; None where none was ever asked."""
    from sme_memory.model_ledger import FILE_NAME, ModelLedger

    path = settings().state_dir / FILE_NAME
    return ModelLedger(path) if path.exists() else None


def retriever(issues: KnownIssues) -> Retriever:
    """BM25, or with `embedding_model` set the hybrid of it and sentence embeddings."""
    chosen = settings()
    if chosen.embedding_model is None:
        from sme_knowledge.bm25 import Bm25Retriever

        return Bm25Retriever(issues.current())
    from sme_knowledge.hybrid import HybridRetriever

    return HybridRetriever(
        issues.current(),
        chosen.embedding_model,
        cache_folder=chosen.state_dir / "embeddings",
        download=True,  # whoever names a model in the settings wants it
    )


def incidents() -> IncidentStore:
    """The incidents on this machine, to be read; what is there can be read on a read-only disk."""
    from sme_memory.incidents import IncidentStore
    from sme_tools.settings import state_folder

    path = settings().state_dir / "incidents.db"
    return IncidentStore(path if path.exists() else state_folder(settings()) / path.name)


def evolution_log() -> EvolutionLog:
    """The evolution log on this machine."""
    from sme_memory.evolution_log import EvolutionLog

    # Not made here: to read it nothing has to be written.
    return EvolutionLog(settings().state_dir / "evolution.jsonl")


def audit_log() -> AuditLog:
    """The audit log on this machine."""
    from sme_memory.audit_log import AuditLog

    return AuditLog(settings().state_dir / "audit.jsonl")


def approvals() -> Approvals:
    """The approvals on this machine; what is there can be read on a read-only disk."""
    from sme_memory.approvals import Approvals
    from sme_tools.settings import state_folder

    path = settings().state_dir / "approvals.db"
    return Approvals(path if path.exists() else state_folder(settings()) / path.name, guard())


def waiting_changes(incident: str) -> list[Change]:
    """The changes of an incident that are not over."""
    from sme_memory.changes import ChangeStore

    path = settings().state_dir / "changes.db"
    return ChangeStore(path).to_resume(incident) if path.exists() else []


def guard(pause: Pause = nullcontext) -> Guard:
    """What the ways to all hosts of one command share; `pause` frees the terminal to complain."""
    from sme_cli.render.out import complain
    from sme_tools.safety.guard import Guard

    def tell(error: StateError) -> None:
        with pause():
            complain(f"not in the audit log: {error}", error.remedy)

    return Guard(audit_log(), tell)


def open_transport(host: Host, guard: Guard, pause: Pause = nullcontext) -> Transport:
    """The guarded way to a host, with the user's time limits; a snapshot is only read.

    Keys with a passphrase are asked for if we can, in a `pause` of whatever draws on the terminal.
    """
    from sme_cli.passphrase import asker
    from sme_tools.hosts.guarded import GuardedTransport
    from sme_tools.hosts.open import open_transport as open_

    limit = settings().connect_timeout_s
    transport = open_(host, connect_timeout_s=limit, ask_passphrase=asker(pause))
    if host.transport == "replay":
        return transport
    return GuardedTransport(host, transport, guard)


def knowledge() -> Knowledge:
    """Checks, known issues and the search in them."""
    from sme_agent.workspace import Knowledge

    issues = known_issues()
    return Knowledge(checks=checks(), issues=issues, retriever=retriever(issues))


def colleague(
    timeout_s: float | None = None,
    *,
    guard: Guard,
    folder: Path | None = None,
    pause: Pause = nullcontext,
    by_rules: bool = False,
) -> Colleague:
    """Everything an investigation needs; `folder` is for its state, else it is the user's own.

    `pause` frees the terminal for a question. `by_rules`: no model is asked, whatever is set.

    Raises:
        StateError: the user's state folder can't be made or written to.
    """
    from sme_agent.investigation import Colleague
    from sme_agent.rules import RuleReasoner
    from sme_cli.reasoning import reasoner
    from sme_memory.approvals import Approvals
    from sme_memory.changes import ChangeStore
    from sme_memory.evolution_log import EvolutionLog
    from sme_memory.incidents import IncidentStore
    from sme_tools.settings import state_folder

    chosen = settings()
    folder = folder or state_folder(chosen)
    changes, log = ChangeStore(folder / "changes.db"), EvolutionLog(folder / "evolution.jsonl")
    return Colleague(
        load_knowledge=knowledge,
        incidents=IncidentStore(folder / "incidents.db"),
        log=log,
        checkpoints=folder / "checkpoints.db",
        changes=changes,
        approvals=Approvals(folder / "approvals.db", guard),
        open_transport=partial(open_transport, guard=guard, pause=pause),
        timeout_s=timeout_s or chosen.timeout_s,
        guard=guard,
        reasoner=RuleReasoner if by_rules else reasoner(chosen, folder, changes, log, guard),
        own_network=own_network,
    )


def own_network() -> OwnNetwork:
    """The names and addresses of the hosts in the user's inventory."""
    from sme_tools.safety.own_network import OwnNetwork

    own = inventory()
    hosts = [host for one in own.hosts() if (host := own.known(one.name)) is not None]
    return OwnNetwork.of([text for host in hosts for text in (host.name, host.address)])


@contextmanager
def scratch_folder() -> Iterator[Path]:
    """A folder that is gone afterwards, in memory where the system offers that.

    Raises:
        StateError: there is no place for one.
    """
    import os
    import shutil
    import tempfile

    from sme_tools.errors import StateError

    places = ["/dev/shm", os.environ.get("XDG_RUNTIME_DIR", ""), "/tmp", "/var/tmp"]
    for place in filter(os.path.isdir, places):
        try:
            if shutil.disk_usage(place).free < SCRATCH_BYTES:
                continue
            folder = tempfile.TemporaryDirectory(
                prefix="sme-", dir=place, ignore_cleanup_errors=True
            )
        except OSError:
            continue
        with folder as name:
            yield Path(name)
        return
    raise StateError(
        f"there is no folder with {SCRATCH_BYTES // 2**20} MiB to spare: {', '.join(places)}",
        remedy="Free space, or set SME_STATE_DIR to a folder on another disk.",
    )


def hosts_and_symptom(words: Sequence[str], symptom: str | None) -> tuple[list[str], str | None]:
    """Tell hosts from the symptom: what holds white space and is no file is the symptom.

    Raises:
        UsageError: two symptoms.
    """
    from sme_tools.errors import UsageError
    from sme_tools.hosts.host import LOCALHOST

    names = [word for word in words if word.split() == [word] or not word or _is_file(word)]
    given = [word for word in words if word not in names] + ([symptom] if symptom else [])
    spoken = [text for word in given if (text := _as_text(word))]
    if len(spoken) > 1:
        raise UsageError(
            f"there are {len(spoken)} symptoms: {' / '.join(text[:80] for text in spoken)}",
            remedy="Put the whole symptom into one pair of quotes.",
        )
    return names or [LOCALHOST], spoken[0] if spoken else None


def _is_file(word: str) -> bool:
    try:
        return Path(word).is_file()
    except OSError:  # longer than a path can be
        return False


def _as_text(word: str) -> str:
    """An argument of the command line as text that can be written anywhere.

    Bytes that are no UTF-8 come as lone surrogates (PEP 383), which no encoding takes.
    """
    return word.encode("utf-8", "surrogateescape").decode("utf-8", "replace").strip()


def select(targets: Sequence[str]) -> list[Host]:
    """The hosts that these names, @groups and files mean.

    Raises:
        UnknownHost: a word that is no host; says how to give it as the symptom, if it may be one.
    """
    import shlex

    from sme_tools.errors import UnknownHost
    from sme_tools.hosts.host import LOCALHOST

    try:
        return inventory().select(list(targets))
    except UnknownHost as error:
        word = next((word for word in targets if repr(word) in error.message), "")
        if not word.isalpha():
            raise
        others = [target for target in targets if target != word] or [LOCALHOST]
        command = shlex.join(["sme", "diagnose", *others, "--symptom", word])
        raise UnknownHost(
            error.message,
            host=error.host,
            remedy=f"{error.remedy}\nIf it is the symptom: {command}",
        ) from error


def complain_of_unheard_settings(hosts: Sequence[Host]) -> None:
    """Say on stderr which thresholds and switches of these hosts name no check."""
    from sme_cli.render.out import complain

    if any(host.limits or host.disabled_checks for host in hosts):
        for problem in unheard_settings(hosts, checks()):
            complain(problem)


def unheard_settings(hosts: Sequence[Host], known: Sequence[Check]) -> list[str]:
    """What the inventory sets for checks, or limits of checks, that there are not."""
    from difflib import get_close_matches

    by_id = {check.id: check for check in known}
    problems = []
    for host in hosts:
        for id in dict.fromkeys([*host.limits, *host.disabled_checks]):
            if id not in by_id:
                near = get_close_matches(id, by_id, n=1)
                hint = f"; did you mean {near[0]}?" if near else ""
                problems.append(f"inventory: {host.name}: there is no check {id!r}{hint}")
                continue
            allowed = by_id[id].limits
            problems += [
                f"inventory: {host.name}: {id} has no limit {name!r}; "
                f"it has {', '.join(allowed) or 'none'}"
                for name in host.limits.get(id, {})
                if name not in allowed
            ]
    return problems
