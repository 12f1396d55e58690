"""What a model says while it answers, and what is done when it does not."""

from __future__ import annotations

from dataclasses import dataclass

from sme_agent.llm.messages import AssistantMessage, Usage


@dataclass(frozen=True)
class Asking:
    """A model is being asked."""

    model: str
    tokens: int
    """Of the prompt, estimated."""
    window: int
    """How many tokens the model's context holds."""


@dataclass(frozen=True)
class Text:
    """A piece of the answer's text."""

    text: str


@dataclass(frozen=True)
class Reasoning:
    """A piece of what the model thinks before it answers."""

    text: str


@dataclass(frozen=True)
class CallBegun:
    """The model has begun to write a tool call; it is complete in `Answered` only."""

    name: str


@dataclass(frozen=True)
class Withdrawn:
    """What was shown since the last answer does not count; it is taken out of the conversation.

    What of it still holds is said again by the events that follow.
    """

    model: str
    reason: str


@dataclass(frozen=True)
class Wasted:
    """What an attempt took that failed, where the provider says so."""

    model: str
    usage: Usage
    duration_s: float


@dataclass(frozen=True)
class Noted:
    """Something worth knowing that is no failure, such as a price that nobody knows."""

    model: str
    text: str


@dataclass(frozen=True)
class Waiting:
    """The model is asked again, or at all, after this time."""

    model: str
    seconds: float
    reason: str
    attempt: int = 0
    """How many attempts have failed; 0 where the request waits for its turn."""


@dataclass(frozen=True)
class ModelFailed:
    """A model of the chain does not answer; the next one is asked, or the rules go on."""

    model: str
    reason: str
    remedy: str
    then: str
    """The next entry of the chain; "rules" for the rule reasoner; empty if there is none."""


@dataclass(frozen=True)
class Answered:
    """The whole answer, the last event of each."""

    message: AssistantMessage
    usage: Usage
    model: str
    first_token_s: float
    """From the request to the first piece of the answer."""
    duration_s: float
    ended: str = "stop"
    """Why the model ended: `stop`, `calls` or `length`."""


LlmEvent = (
    Asking
    | Text
    | Reasoning
    | CallBegun
    | Withdrawn
    | Wasted
    | Noted
    | Waiting
    | ModelFailed
    | Answered
)
