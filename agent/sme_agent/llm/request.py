"""One request as litellm takes it: the messages, the tools, and what else can be set."""

from __future__ import annotations

import os
from collections.abc import Collection
from dataclasses import dataclass, replace
from typing import Any

from sme_agent.llm.keys import key_variables
from sme_agent.llm.litellm_start import start
from sme_agent.llm.manner import litellm_name_of, manner_of, openai_reasons, provider_of
from sme_agent.llm.messages import AssistantMessage
from sme_agent.llm.model import Model, Prompt
from sme_agent.llm.ollama import ollama_parameters
from sme_agent.llm.reasoning_back import THINKING
from sme_agent.llm.strict import strict_schema
from sme_agent.llm.tokens import CALIBRATION, estimate_tools, estimate_wire
from sme_agent.llm.wire import CACHED, wire_messages
from sme_prompts.load import Prompts

_OPENAI = ("openai", "azure")
_ROOM_TO_THINK = 8192
NO_KEY = "none"
"""litellm insists on a key, also for a server of one's own that asks for none."""
_OTHER_CREDENTIALS = ("ollama_chat", "azure", "bedrock", "vertex_ai", "vertex_ai_beta")


@dataclass(frozen=True)
class Request:
    """A request that is ready to be made."""

    parameters: dict[str, Any]
    """The arguments of `litellm.completion`, the key among them: never to be logged."""
    estimated: int
    """The tokens of the prompt, by our own count."""
    context: int | None
    """The context length that the server is asked for, where it has to be told."""
    null_content: bool
    without: frozenset[str]

    def amend(self, body: dict[str, Any]) -> None:
        """Put right what litellm made of the request: it takes out every null, and adds things."""
        for name in self.without - {"messages", "model", "stream"}:
            body.pop(name, None)
        for message in body.get("messages", ()) if self.null_content else ():
            if message.get("tool_calls"):
                message.setdefault("content", None)


def request_for(
    model: Model, prompt: Prompt, prompts: Prompts, *, without: Collection[str] = ()
) -> Request:
    """Make the request; `without` names parameters that the server has refused before.

    Raises:
        SecretUnavailable: the key is not where the settings say.
        PromptInvalid: a prompt of the user's own can't be rendered.
    """
    if "tools" in without and model.traits.tools == "native":
        model = replace(model, traits=replace(model.traits, tools="text"))
    provider = provider_of(model.litellm_name)
    messages = wire_messages(model, prompt, prompts, without=without)
    asked: dict[str, Any] = {
        "model": litellm_name_of(model),
        "messages": messages,
        "stream": True,
        "num_retries": 0,
        "max_retries": 0,
        # Tools that name servers of litellm's own; to look for them it imports mcp, for 0.7 s.
        "_skip_mcp_handler": True,
        **_address(model, provider),
        **_tools(model, prompt, provider, without),
        **_length(model, prompt, provider, without),
        **_sampling(model, prompt, provider),
    }
    estimated = estimate_wire(messages) + (estimate_tools(prompt.tools) if "tools" in asked else 0)
    if provider == "ollama_chat":
        need = CALIBRATION.tokens(model.name, estimated) + int(asked["max_tokens"])
        asked |= ollama_parameters(model, need)
    taken = _taken(asked | model.options.extra, _supported(model), without)
    return Request(
        parameters=taken,
        estimated=estimated,
        context=taken.get("num_ctx"),
        null_content=manner_of(model, without).null_content,
        without=frozenset(without),
    )


def _taken(
    asked: dict[str, Any], known: Collection[str], without: Collection[str]
) -> dict[str, Any]:
    """The parameters as the server takes them; litellm's table has those that are `known`."""
    taken = {name: value for name, value in asked.items() if name not in {*without} - {"stream"}}
    if "stream" in without:
        taken["stream"] = False
    elif "stream_options" in known and "stream_options" not in without:
        taken.setdefault("stream_options", {"include_usage": True})
    # The table lags behind the models: what it does not know of goes out all the same, and it is
    # the server that refuses.
    taken["allowed_openai_params"] = [
        name
        for name in ("tools", "tool_choice", "reasoning_effort")
        if name in taken and name not in known
    ]
    return taken


def _address(model: Model, provider: str) -> dict[str, Any]:
    options = model.options
    address: dict[str, Any] = {}
    if options.api_base is not None:
        address["api_base"] = options.api_base.rstrip("/")
        if provider == "ollama_chat":
            address["api_base"] = address["api_base"].removesuffix("/v1").removesuffix("/api")
    if options.api_key is not None:
        address["api_key"] = options.api_key.get().get_secret_value()
    elif (
        options.api_base is not None
        and provider not in _OTHER_CREDENTIALS
        and not any(map(os.environ.get, key_variables(provider)))
    ):
        address["api_key"] = NO_KEY
    return address


def _tools(model: Model, prompt: Prompt, provider: str, without: Collection[str]) -> dict[str, Any]:
    if model.traits.tools != "native" or not prompt.tools:
        return {}
    if provider == "ollama_chat" and not prompt.may_call:
        # It knows no tool_choice, and its templates do without the tools.
        return {}
    strict = model.options.strict_tools and "strict" not in without
    tools: list[dict[str, Any]] = []
    for tool in prompt.tools:
        parameters = strict_schema(tool.parameters) if strict else tool.parameters
        function: dict[str, Any] = {
            "name": tool.name, "description": tool.description, "parameters": parameters
        }  # fmt: skip
        if strict:
            function["strict"] = True
        tools.append({"type": "function", "function": function})
    if manner_of(model, without).marks_cache:
        tools[-1] |= CACHED
    asked: dict[str, Any] = {"tools": tools}
    if not prompt.may_call:
        asked["tool_choice"] = "none"
    elif prompt.must_call is not None and provider != "ollama_chat":
        asked["tool_choice"] = {"type": "function", "function": {"name": prompt.must_call}}
    return asked


def _length(
    model: Model, prompt: Prompt, provider: str, without: Collection[str]
) -> dict[str, Any]:
    most = min(prompt.max_output or model.traits.max_output, model.traits.max_output)
    if manner_of(model).reasoning_back == "blocks" and model.options.reasoning_effort:
        # What Claude may think counts as output, and has to be less than all of it.
        most = max(most, _ROOM_TO_THINK)
    newer = provider in _OPENAI and (
        model.options.api_base is None or openai_reasons(model.litellm_name)
    )
    name, other = "max_tokens", "max_completion_tokens"
    if newer:
        name, other = other, name
    return {other if name in without and other not in without else name: most}


def _sampling(model: Model, prompt: Prompt, provider: str) -> dict[str, Any]:
    options, asked = model.options, dict[str, Any]()
    supported = _supported(model)
    effort = options.reasoning_effort
    thinks = effort is not None and not _claude_cannot_think(model, prompt)
    if thinks and ("reasoning_effort" in supported or model.traits.reasons):
        asked["reasoning_effort"] = effort
    # A model that thinks refuses a temperature, or is said to get worse by one.
    if options.temperature is not None and not (model.traits.reasons or asked):
        asked["temperature"] = options.temperature
    return asked


def _claude_cannot_think(model: Model, prompt: Prompt) -> bool:
    """Claude refuses to think where a tool is forced, or in a turn begun without thinking."""
    if manner_of(model).reasoning_back != "blocks":
        return False
    if prompt.must_call is not None:
        return True
    for message in reversed(prompt.messages):
        if message.role == "user":
            return False
        if isinstance(message, AssistantMessage) and message.calls:
            own = message.model == model.name
            return not (own and any(block.get("type") in THINKING for block in message.opaque))
    return False


def _supported(model: Model) -> frozenset[str]:
    name = litellm_name_of(model)
    provider = provider_of(name)
    known = start().get_supported_openai_params(
        model=name.partition("/")[2] or name, custom_llm_provider=provider
    )
    return frozenset(known or ())
