"""What an answer cost."""

from __future__ import annotations

from typing import Any

from sme_agent.llm.manner import is_local, provider_of
from sme_agent.llm.model import Model
from sme_agent.llm.price_map import known
from sme_agent.llm.shapes.piece import Counts

_MILLION = 1_000_000
_STEPS = ((128_000, "_above_128k_tokens"), (200_000, "_above_200k_tokens"))


def cost_usd(model: Model, counts: Counts) -> float | None:
    """US dollars: what the provider says, else by the settings, else by litellm's table.

    None if nobody knows; 0 for a server of one's own, unless the settings name a price.
    """
    if counts.cost_usd is not None:
        return counts.cost_usd
    given, made = counts.input or 0, counts.output or 0
    options = model.options
    if options.input_cost is not None and options.output_cost is not None:
        return (given * options.input_cost + made * options.output_cost) / _MILLION
    provider = provider_of(model.litellm_name)
    if is_local(provider):
        return 0.0
    entry = known(provider, model.litellm_name)
    per_input = _price(entry, "input_cost_per_token", given)
    per_output = _price(entry, "output_cost_per_token", given)
    if per_input is None or per_output is None:
        return None
    read = _price(entry, "cache_read_input_token_cost", given)
    written = _price(entry, "cache_creation_input_token_cost", given)
    plain = max(given - counts.cached - counts.cache_written, 0)
    return (
        plain * per_input
        + counts.cached * (per_input if read is None else read)
        + counts.cache_written * (written or per_input)
        + made * per_output
    )


def _price(entry: dict[str, Any], key: str, given: int) -> float | None:
    """A price for one token; long prompts have another at some providers."""
    for step, suffix in reversed(_STEPS):
        if given > step and isinstance(entry.get(key + suffix), int | float):
            return float(entry[key + suffix])
    value = entry.get(key)
    return float(value) if isinstance(value, int | float) else None
