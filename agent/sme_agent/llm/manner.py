"""How one model wants its conversation written: what goes back to it, and what it refuses.

Sources: the providers' documentation of tool calls and of reasoning, and recorded exchanges.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Collection
from dataclasses import dataclass
from typing import Literal

from sme_agent.llm.model import Model

ReasoningBack = Literal["none", "field", "as it came", "think tags", "blocks", "details", "gemini"]
"""field: `reasoning_content`. as it came: in the field in which the answer had it. blocks:
Anthropic's thinking with its signatures. details: OpenRouter's list. gemini: signatures alone."""

_FIELD = {
    "deepseek", "moonshot", "zai", "hosted_vllm", "fireworks_ai", "minimax", "ollama_chat",
    "dashscope", "volcengine", "novita", "siliconflow", "xiaomi_mimo", "lm_studio",
}  # fmt: skip
_THINK_TAGS = {"cerebras", "groq"}
_CLAUDE = {"anthropic", "bedrock", "vertex_ai", "azure_ai", "databricks"}
_GEMINI = {"gemini", "vertex_ai", "vertex_ai_beta"}
_NO_NULL = {
    "hosted_vllm", "lm_studio", "llamafile", "ollama_chat", "xinference", "sambanova", "mistral",
    "openai_like", "docker_model_runner",
}  # fmt: skip
_LOCAL = {
    "ollama_chat", "hosted_vllm", "lm_studio", "llamafile", "xinference", "docker_model_runner",
    "lemonade",
}  # fmt: skip
_RENAMED = {"ollama": "ollama_chat", "vllm": "hosted_vllm", "llama.cpp": "llamafile"}
_SAFE_ID = re.compile(r"[a-zA-Z0-9_-]{1,64}\Z")
_MISTRAL_ID = re.compile(r"[a-zA-Z0-9]{9}\Z")
_UNSAFE_NAME = re.compile(r"[^a-zA-Z0-9_-]+")
_BASE62 = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
_OPENAI_REASONS = re.compile(r"(o[1-9]|gpt-(?:[5-9]|\d\d)(?!.*-chat))")


@dataclass(frozen=True)
class Manner:
    """What a provider, or one of its models, demands of a request."""

    reasoning_back: ReasoningBack
    null_content: bool
    """Whether an answer of tool calls alone has null for its text; others want an empty one."""
    ids: re.Pattern[str]
    result_before_user: bool
    """Whether an answer has to stand between a tool's result and what the user says."""
    marks_cache: bool
    reasoning_with_calls_only: bool
    """Whether reasoning goes back only in turns in which tools were called."""


def manner_of(model: Model, without: Collection[str] = ()) -> Manner:
    """The manner of this model; `without` names what its server has refused before."""
    provider, name = provider_of(model.litellm_name), model.litellm_name.lower()
    compatible = provider in ("openai", "custom_openai") and model.options.api_base is not None
    back = "none" if "reasoning_content" in without else _reasoning_back(provider, name, compatible)
    mistral = provider in ("mistral", "codestral") or (
        provider in ("azure_ai", "bedrock") and "mistral" in name
    )
    return Manner(
        reasoning_back=back,
        null_content=provider not in _NO_NULL and not compatible,
        ids=_MISTRAL_ID if mistral else _SAFE_ID,
        result_before_user=mistral,
        marks_cache=model.traits.caches and "cache_control" not in without,
        reasoning_with_calls_only=provider == "deepseek",
    )


def _reasoning_back(provider: str, name: str, compatible: bool) -> ReasoningBack:
    if "claude" in name and provider in _CLAUDE:
        return "blocks"
    if provider in _GEMINI:
        return "gemini"
    if provider == "openrouter":
        return "details"
    if provider in _THINK_TAGS:
        return "think tags"
    if compatible:
        return "as it came"
    return "field" if provider in _FIELD else "none"


def provider_of(litellm_name: str) -> str:
    """The provider that litellm's name of a model begins with; `openai` where it has none."""
    provider, slash, _ = litellm_name.partition("/")
    if not slash:
        return "anthropic" if litellm_name.startswith("claude") else "openai"
    return _RENAMED.get(provider, provider)


def litellm_name_of(model: Model) -> str:
    """What litellm is asked for: `ollama/…` is a form of its own there, without tools."""
    provider, slash, rest = model.litellm_name.partition("/")
    return f"{_RENAMED.get(provider, provider)}/{rest}" if slash else model.litellm_name


def is_local(model_provider: str) -> bool:
    """Whether a provider is a server of one's own, where an answer costs nothing."""
    return model_provider in _LOCAL


def openai_reasons(name: str) -> bool:
    """Whether this is one of OpenAI's models that take max_completion_tokens and no temperature."""
    return _OPENAI_REASONS.match(name.rpartition("/")[2].lower()) is not None


def wire_id(call: str, allowed: re.Pattern[str]) -> str:
    """The id of a call in a form that the provider takes; always the same for the same id."""
    if allowed.match(call):
        return call
    value = int.from_bytes(hashlib.sha256(call.encode()).digest()[:8], "big")
    digits = ""
    for _ in range(9):
        value, digit = divmod(value, len(_BASE62))
        digits += _BASE62[digit]
    return digits


def wire_name(name: str) -> str:
    """The name of a tool that a model made up, in a form that every provider takes."""
    return _UNSAFE_NAME.sub("_", name)[:64] or "unnamed"
