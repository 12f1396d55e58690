"""The chain of models that the settings name."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

from sme_agent.llm.model import RULES, Model
from sme_agent.llm.traits import model_of
from sme_tools.model_settings import ModelOptions

if TYPE_CHECKING:
    from sme_tools.settings import Settings

Role = Literal["reasoning", "summaries"]


def chain(settings: Settings, role: Role = "reasoning") -> list[Model]:
    """The models for a role, in the order in which they are asked; without `rules`.

    Nothing is asked for here: no server, no key. Summaries are for the models of `models` where
    `summary_models` names none.
    """
    names = settings.models
    if role == "summaries" and settings.summary_models:
        names = settings.summary_models
    return [named(settings, name) for name in dict.fromkeys(names) if name != RULES]


def named(settings: Settings, name: str) -> Model:
    """The model of this name, in the chain or not."""
    return model_of(name, settings.model.get(name, ModelOptions()))


def seen_by_its_server(model: Model) -> Model:
    """The model with what its own server says of it, where it is one that tells.

    Only models on a server of one's own are asked about; it may take seconds.
    """
    return model_of(model.name, model.options, ask_server=True)
