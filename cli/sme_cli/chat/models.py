"""What can be asked of a reasoner that is a model."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sme_tools.errors import UsageError

if TYPE_CHECKING:
    from sme_agent.model.reasoner import ModelReasoner
    from sme_agent.talk import Talk


def model_of(talk: Talk) -> ModelReasoner | None:
    """The reasoner of a conversation if it is a model; None where the rules reason."""
    from sme_agent.rules import RuleReasoner

    if isinstance(talk.reasoner, RuleReasoner):
        return None
    from sme_agent.model.reasoner import ModelReasoner

    return talk.reasoner if isinstance(talk.reasoner, ModelReasoner) else None


def must_be_model(talk: Talk, what: str) -> ModelReasoner:
    """The same. Raises UsageError where the rules reason; `what` is what needs a model."""
    found = model_of(talk)
    if found is None:
        raise UsageError(
            f"{what} needs a model, and none is configured",
            remedy='Name one in config.toml: models = ["PROVIDER/MODEL", "rules"]. '
            "What works: sme model list",
        )
    return found
