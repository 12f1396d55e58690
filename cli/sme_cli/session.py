"""What commands share: settings, inventory, knowledge and memory, opened where they are used."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from sme_agent.investigation import Colleague
    from sme_agent.workspace import Knowledge
    from sme_knowledge.retrieval import Retriever
    from sme_knowledge.store import KnownIssues
    from sme_memory.evolution_log import EvolutionLog
    from sme_memory.incidents import IncidentStore
    from sme_tools.checks.check import Check
    from sme_tools.hosts.host import Host
    from sme_tools.hosts.inventory import Inventory
    from sme_tools.hosts.transport import Transport
    from sme_tools.settings import Settings


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
    import typer

    from sme_knowledge.store import KnownIssues

    issues = KnownIssues.load(settings().knowledge_dir)
    for problem in issues.problems:
        typer.echo(f"sme: left out: {problem}", err=True)
    return issues


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
    """The incidents on this machine."""
    from sme_memory.incidents import IncidentStore
    from sme_tools.settings import state_folder

    return IncidentStore(state_folder(settings()) / "incidents.db")


def evolution_log() -> EvolutionLog:
    """The evolution log on this machine."""
    from sme_memory.evolution_log import EvolutionLog
    from sme_tools.settings import state_folder

    return EvolutionLog(state_folder(settings()) / "evolution.jsonl")


def open_transport(host: Host) -> Transport:
    """A transport with the user's time limits; keys with a passphrase are asked for if we can."""
    from sme_cli.passphrase import asker
    from sme_tools.hosts.open import open_transport as open_

    return open_(host, connect_timeout_s=settings().connect_timeout_s, ask_passphrase=asker())


def knowledge() -> Knowledge:
    """Checks, known issues and the search in them."""
    from sme_agent.workspace import Knowledge

    issues = known_issues()
    return Knowledge(checks=checks(), issues=issues, retriever=retriever(issues))


def colleague(timeout_s: float | None = None) -> Colleague:
    """Everything an investigation needs."""
    from sme_agent.investigation import Colleague
    from sme_tools.settings import state_folder

    chosen = settings()
    return Colleague(
        load_knowledge=knowledge,
        incidents=incidents(),
        log=evolution_log(),
        checkpoints=state_folder(chosen) / "checkpoints.db",
        open_transport=open_transport,
        timeout_s=timeout_s or chosen.timeout_s,
    )


def hosts_and_symptom(words: Sequence[str], symptom: str | None) -> tuple[list[str], str | None]:
    """Tell hosts from the symptom: what holds white space and is no file is the symptom.

    Raises:
        UsageError: two symptoms.
    """
    from pathlib import Path

    from sme_tools.errors import UsageError
    from sme_tools.hosts.host import LOCALHOST

    names = [word for word in words if not any(c.isspace() for c in word) or Path(word).exists()]
    spoken = [word for word in words if word not in names] + ([symptom] if symptom else [])
    if len(spoken) > 1:
        raise UsageError(
            f"there are {len(spoken)} symptoms: {' / '.join(spoken)}",
            remedy="Put the whole symptom into one pair of quotes.",
        )
    return names or [LOCALHOST], spoken[0] if spoken else None


def select(targets: Sequence[str]) -> list[Host]:
    """The hosts that these names, @groups and files mean.

    Raises:
        UnknownHost: a word that is no host; says how to give a symptom of one word.
    """
    from sme_tools.errors import UnknownHost

    try:
        return inventory().select(list(targets))
    except UnknownHost as error:
        raise UnknownHost(
            error.message,
            host=error.host,
            remedy=f"{error.remedy}\n     A symptom of one word: sme diagnose HOST --symptom WORD",
        ) from error
