"""What a turn took, in a few words."""

from __future__ import annotations

import time
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from sme_tools.safety.control import one_line

if TYPE_CHECKING:
    from sme_agent.llm.events import Answered
    from sme_agent.llm.messages import Usage

CENT = 0.01


def in_dollars(usd: float | None) -> str:
    """`$0.0123`, `$1.20`; a price that is not known is said."""
    if usd is None:
        return "cost not known"
    return f"${usd:.4f}" if 0 < usd < CENT else f"${usd:.2f}"


def in_tokens(tokens: int) -> str:
    """`950`, `12.3k`, `1.2M`."""
    if tokens < 1_000:
        return str(tokens)
    return f"{tokens / 1e3:.1f}k" if tokens < 1_000_000 else f"{tokens / 1e6:.1f}M"


@dataclass
class Costs:
    """The answers of one turn."""

    models: dict[str, None] = field(default_factory=dict)
    usage: Usage | None = None
    _began: float = field(default_factory=time.monotonic)

    def note(self, event: Answered) -> None:
        """A model has answered."""
        self.models[event.model] = None
        self.usage = event.usage if self.usage is None else self.usage + event.usage

    def line(self) -> str:
        """Who answered, for how many tokens and at what cost; empty if no model was asked."""
        if self.usage is None:
            return ""
        took = self.usage
        about = "about " if took.estimated else ""
        read, written = in_tokens(took.input_tokens), in_tokens(took.output_tokens)
        tokens = f"{about}{read} tokens read, {written} written"
        parts = [", ".join(map(one_line, self.models)), tokens, in_dollars(took.cost_usd)]
        return " · ".join([*parts, f"{time.monotonic() - self._began:.1f} s"])
