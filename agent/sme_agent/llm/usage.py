"""What an answer took: as the provider counts, or by our own estimate where it says nothing."""

from __future__ import annotations

from dataclasses import replace

from sme_agent.llm.messages import AssistantMessage, Usage
from sme_agent.llm.model import Model
from sme_agent.llm.price import cost_usd
from sme_agent.llm.shapes.piece import Counts
from sme_agent.llm.tokens import CALIBRATION, estimate, estimate_message


def usage_of(model: Model, message: AssistantMessage, counts: Counts, *, estimated: int) -> Usage:
    """The usage of an answer, and what it cost; `estimated` is the length of its prompt."""
    told = bool(counts.input) and counts.output is not None
    if counts.input:
        CALIBRATION.learn(model.name, estimated, counts.input)
    full = replace(
        counts,
        input=counts.input or CALIBRATION.tokens(model.name, estimated),
        output=estimate_message(message) if counts.output is None else counts.output,
    )
    return Usage(
        input_tokens=full.input or 0,
        output_tokens=full.output or 0,
        cached_tokens=full.cached,
        reasoning_tokens=full.reasoning or _thought(message, full),
        cost_usd=cost_usd(model, full),
        estimated=not told,
    )


def _thought(message: AssistantMessage, counts: Counts) -> int:
    """Of the output, the reasoning, where the provider does not count it apart."""
    if not message.reasoning:
        return 0
    return min(estimate(message.reasoning), counts.output or 0)
