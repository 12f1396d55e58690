"""Who reasons: the models of the settings, or the rules where they name none."""

from __future__ import annotations

from collections.abc import Callable
from math import inf
from pathlib import Path
from typing import TYPE_CHECKING

from sme_cli import session

if TYPE_CHECKING:
    from sme_agent.llm.chain import Role
    from sme_agent.llm.gateway import Gateway
    from sme_agent.reasoner import Reasoner
    from sme_memory.changes import ChangeStore
    from sme_memory.evolution_log import EvolutionLog
    from sme_tools.safety.guard import Guard
    from sme_tools.settings import Settings

LESSON_WAIT_S = 10.0
"""For a lesson, which somebody waits for who has had the answer."""


def reasoner(
    settings: Settings, folder: Path, changes: ChangeStore, log: EvolutionLog, guard: Guard
) -> Callable[[], Reasoner]:
    """What makes a reasoner for each incident; `folder` is for the state of this machine."""
    from sme_agent.llm.model import RULES
    from sme_agent.rules import RuleReasoner

    if set(settings.models) <= {RULES}:
        return RuleReasoner
    return lambda: _model_reasoner(settings, folder, changes, log, guard)


def _model_reasoner(
    settings: Settings, folder: Path, changes: ChangeStore, log: EvolutionLog, guard: Guard
) -> Reasoner:
    from sme_agent.llm.telemetry import ToolWatch
    from sme_agent.model.lessons import Lessons
    from sme_agent.model.means import Means
    from sme_agent.model.reasoner import ModelReasoner
    from sme_cli.recording import learn_names, recorder
    from sme_memory.conversations import FILE_NAME, ConversationStore

    return ModelReasoner(
        Means(
            gateway=lambda incident: gateway(settings, folder, incident),
            summary_gateway=lambda incident: gateway(settings, folder, incident, "summaries"),
            lesson_gateway=lambda incident: gateway(
                settings, folder, incident, most_wait_s=LESSON_WAIT_S
            ),
            conversations=ConversationStore(folder / FILE_NAME),
            prompts=session.prompts(),
            lessons=Lessons(settings.knowledge_dir, changes, log, guard.redactor),
            limits=settings.budget.turn,
            learn_names=learn_names,
            listener=lambda incident: ToolWatch(recorder(incident)).hear,
        )
    )


def gateway(
    settings: Settings,
    folder: Path,
    incident: str,
    role: Role = "reasoning",
    most_wait_s: float = inf,
) -> Gateway:
    """The way to the models of a role, for one incident; retries wait at most so long."""
    from sme_agent.llm.chain import chain
    from sme_agent.llm.gateway import Gateway
    from sme_agent.llm.model import RULES
    from sme_cli.recording import anonymiser, recorder
    from sme_memory.model_ledger import FILE_NAME, ModelLedger

    return Gateway(
        chain(settings, role),
        ledger=ModelLedger(folder / FILE_NAME),
        budget=settings.budget,
        session=incident,
        wait_budget_s=min(settings.model_wait_s, most_wait_s),
        role=role,
        then=RULES,
        prompts=session.prompts(),
        recorder=recorder(incident),
        anonymiser=anonymiser(),
    )
