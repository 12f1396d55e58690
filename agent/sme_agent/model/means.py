"""What a model reasoner works with, of whatever incident."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Protocol

from sme_agent.case import Case
from sme_agent.llm.events import LlmEvent
from sme_agent.llm.messages import Usage
from sme_agent.llm.model import Model, Prompt
from sme_agent.model.conversation import Hear
from sme_agent.model.lessons import Lessons
from sme_memory.conversations import ConversationStore
from sme_prompts.load import Prompts
from sme_tools.model_settings import TurnLimits


class Answering(Protocol):
    """The way to models; see `sme_agent.llm.gateway.Gateway`."""

    @property
    def current(self) -> Model:
        """Who answered last, or would be asked next."""
        ...

    @property
    def spent(self) -> Usage:
        """What this session has taken."""
        ...

    def answer(
        self, compose: Callable[[Model], Prompt], *, cancelled: threading.Event
    ) -> Iterator[LlmEvent]:
        """Ask; ends with `Answered`. Raises ModelError, Interrupted."""
        ...

    def choose(self, name: str) -> None:
        """Ask this model first from now on. Raises UsageError: there is none of this name."""
        ...


@dataclass(frozen=True)
class Means:
    """What the model reasoner works with, of whatever incident."""

    gateway: Callable[[str], Answering]
    """Opens the way to the models for a session, by its id."""
    summary_gateway: Callable[[str], Answering]
    """The same for the models that sum up long conversations."""
    lesson_gateway: Callable[[str], Answering]
    """The same for what is asked when an incident is over, and nobody wants to wait for long."""
    conversations: ConversationStore
    prompts: Prompts
    lessons: Lessons
    limits: TurnLimits = field(default_factory=TurnLimits)
    clock: Callable[[], float] = time.monotonic
    learn_names: Callable[[Case], None] = lambda case: None
    """Shown the case before each question: hides the names in it from the models."""
    listener: Callable[[str], Hear] = lambda incident: lambda message: None
    """Makes what is told of each message of an incident's conversation: what records tool calls."""
