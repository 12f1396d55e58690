"""What a model can do: from the settings, from its own server, or from litellm's table."""

from __future__ import annotations

import re
from typing import Any

from sme_agent.llm.manner import is_local, openai_reasons, provider_of
from sme_agent.llm.model import Model, ToolMode, Traits
from sme_agent.llm.price_map import known
from sme_agent.llm.server_traits import ServerTraits, ask
from sme_tools.model_settings import ModelOptions

UNKNOWN_WINDOW = 32_768
UNKNOWN_LOCAL_WINDOW = 8_192
LEAST_OUTPUT = 1_024
MOST_OUTPUT = 16_384
"""Tokens of an answer that nothing is said about: an eighth of the window between these."""
_REASONS = re.compile(
    r"reasoner|deepseek-(?:r1|v4)|thinking|magistral|gpt-oss|qwq|glm-(?:4\.[5-9]|[5-9])|kimi-k[2-9]"
    r"|minimax-m[2-9]|qwen3(?!.*(?:instruct|coder))|grok-(?:[4-9]|\d\d)|gemini-(?:2\.5|[3-9])"
)
_CLAUDE_PLACES = ("anthropic", "bedrock", "vertex_ai", "openrouter", "azure_ai", "databricks")
_OPENAI_LIKE = ("openai", "custom_openai")


def traits_of(name: str, options: ModelOptions, *, ask_server: bool = False) -> Traits:
    """What is known of the entry `name` of the chain.

    Nothing but the model's own server is asked, and that only with `ask_server` and where it is one
    of those that answer: Ollama, vLLM and others that speak OpenAI's form. A server that is
    not there is no error; the model's table or a cautious guess serves instead.
    """
    full = options.model or name
    provider = provider_of(full)
    table = known(provider, full)
    told = ask(provider, full, options) if ask_server else ServerTraits()
    local = is_local(provider) or (provider in _OPENAI_LIKE and options.api_base is not None)
    free = is_local(provider)
    window, source = _window(options, told, table, local)
    return Traits(
        provider=provider,
        window=window,
        max_output=_max_output(options, table, window),
        tools=_tools(options, told, table, provider, local),
        reasons=_reasons(full, told, table),
        caches="claude" in full.lower() and provider in _CLAUDE_PLACES,
        input_cost=_cost(options.input_cost, table, "input_cost_per_token", free),
        output_cost=_cost(options.output_cost, table, "output_cost_per_token", free),
        source=source,
    )


def model_of(name: str, options: ModelOptions, *, ask_server: bool = False) -> Model:
    """The entry `name` of the chain, with all that is known of it."""
    return Model(name=name, options=options, traits=traits_of(name, options, ask_server=ask_server))


def _window(
    options: ModelOptions, told: ServerTraits, table: dict[str, Any], local: bool
) -> tuple[int, str]:
    if options.context_tokens is not None:
        most = min(options.context_tokens, told.window or options.context_tokens)
        return most, "settings"
    if told.window is not None:
        return told.window, "server"
    listed = table.get("max_input_tokens") or table.get("max_tokens")
    if isinstance(listed, int) and listed > 0:
        return listed, "table"
    return (UNKNOWN_LOCAL_WINDOW if local else UNKNOWN_WINDOW), "unknown"


def _max_output(options: ModelOptions, table: dict[str, Any], window: int) -> int:
    if options.max_output_tokens is not None:
        return min(options.max_output_tokens, window)
    share = min(max(window // 8, LEAST_OUTPUT), MOST_OUTPUT)
    listed = table.get("max_output_tokens")
    return min(share, listed) if isinstance(listed, int) and listed > 0 else share


def _tools(
    options: ModelOptions, told: ServerTraits, table: dict[str, Any], provider: str, local: bool
) -> ToolMode:
    if options.tools is not None:
        return options.tools
    if told.tools is not None:
        return "native" if told.tools else "text"
    # The table knows a few old models of Ollama's, and is wrong about DeepSeek's reasoner.
    if local or provider == "deepseek" or not table:
        return "native"
    return "native" if table.get("supports_function_calling") else "text"


def _reasons(full: str, told: ServerTraits, table: dict[str, Any]) -> bool:
    if told.reasons is not None:
        return told.reasons
    name = full.lower()
    if _REASONS.search(name) or openai_reasons(name):
        return True
    # Of Claude the table says that it can; whether it does is for the settings to say.
    return bool(table.get("supports_reasoning")) and "claude" not in name and "chat" not in name


def _cost(given: float | None, table: dict[str, Any], key: str, free: bool) -> float | None:
    if given is not None:
        return given
    listed = table.get(key)
    if free:
        return 0.0
    return round(listed * 1_000_000, 6) if isinstance(listed, int | float) else None
