"""One entry of the model chain: what it is called, how it is reached and what it can do."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from sme_agent.llm.messages import Message, Tool
from sme_tools.model_settings import ModelOptions

RULES = "rules"
"""The chain entry that is no model: the rule reasoner."""

ToolMode = Literal["native", "text"]
"""native: the provider's own tool calls. text: tools are described in the prompt, and calls come
as JSON in the text."""


@dataclass(frozen=True)
class Traits:
    """What a model can do, from the settings, from litellm's table or from the model's server."""

    provider: str
    """As litellm names it: anthropic, deepseek, ollama_chat, openai, …"""
    window: int
    """Tokens that prompt and answer share."""
    max_output: int
    """Tokens of one answer, at most."""
    tools: ToolMode
    reasons: bool
    """Whether it thinks before it answers, and refuses temperature and penalties for it."""
    caches: bool
    """Whether parts of the prompt have to be marked to be cached."""
    input_cost: float | None
    """US dollars for a million tokens; None where nobody knows."""
    output_cost: float | None
    source: str
    """Where this is known from, for `sme model list`."""


@dataclass(frozen=True)
class Model:
    """One entry of the chain."""

    name: str
    """As the chain has it: `deepseek/deepseek-chat`."""
    options: ModelOptions
    traits: Traits

    @property
    def litellm_name(self) -> str:
        """What litellm calls it: `PROVIDER/MODEL`."""
        return self.options.model or self.name


@dataclass(frozen=True)
class Prompt:
    """All that a model is told for one answer."""

    system: str
    messages: Sequence[Message]
    tools: Sequence[Tool] = ()
    must_call: str | None = None
    """The tool that has to be called."""
    may_call: bool = True
    """False: the tools stay described, as the conversation holds calls, but none may be used."""
    max_output: int | None = None
