"""A conversation with a model, in a form of our own that every provider's form is made from.

It is kept as JSON, so that a conversation outlives the program and the choice of a model.
"""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field


class _Part(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class ToolCall(_Part):
    """A tool that the model wants used."""

    id: str
    """Unique within the conversation."""
    name: str
    arguments: dict[str, Any]
    unreadable: str | None = None
    """The arguments as they came, where they are no JSON object even after repair."""


class UserMessage(_Part):
    """What a person said, or what the program says in their place: a case, a nudge."""

    role: Literal["user"] = "user"
    text: str
    origin: Literal["person", "program"] = "person"


class AssistantMessage(_Part):
    """One answer of a model."""

    role: Literal["assistant"] = "assistant"
    text: str = ""
    reasoning: str = ""
    calls: tuple[ToolCall, ...] = ()
    model: str = ""
    """The chain entry that answered."""
    opaque: tuple[dict[str, Any], ...] = ()
    """Blocks that the provider wants back unaltered, such as thinking with its signature."""


class ToolMessage(_Part):
    """What a tool call brought."""

    role: Literal["tool"] = "tool"
    call: str
    """The id of the call that it answers."""
    name: str
    text: str
    evidence: tuple[str, ...] = ()
    """Ids of the evidence that the text shows, which remains when the text is compacted."""
    failed: bool = False


class Opening(_Part):
    """What a conversation began with, and goes on with when it is resumed."""

    role: Literal["opening"] = "opening"
    marker: str
    """Of the fence around what hosts say."""
    prompts: str
    """The version of the prompts."""


Message = Annotated[UserMessage | AssistantMessage | ToolMessage, Field(discriminator="role")]


class Tool(_Part):
    """A tool as a model is told of it."""

    name: str
    description: str
    parameters: dict[str, Any]
    """A JSON Schema of type object."""


class Usage(_Part):
    """What one answer took."""

    input_tokens: int = 0
    """The whole prompt, what came from a cache included."""
    output_tokens: int = 0
    """Reasoning included."""
    cached_tokens: int = 0
    """Of the prompt, what the provider had in its cache."""
    reasoning_tokens: int = 0
    cost_usd: float | None = 0.0
    """None where the price is not known."""
    estimated: bool = False
    """Whether the provider said nothing, and these are our own estimates."""

    def __add__(self, other: Usage) -> Usage:
        costs = (self.cost_usd, other.cost_usd)
        return Usage(
            input_tokens=self.input_tokens + other.input_tokens,
            output_tokens=self.output_tokens + other.output_tokens,
            cached_tokens=self.cached_tokens + other.cached_tokens,
            reasoning_tokens=self.reasoning_tokens + other.reasoning_tokens,
            cost_usd=None if None in costs else sum(cost or 0.0 for cost in costs),
            estimated=self.estimated or other.estimated,
        )
