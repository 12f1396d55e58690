"""What a person can do where that depends on the provider, for local servers above all."""

from __future__ import annotations

from sme_agent.llm.keys import key_variables
from sme_tools.errors import (
    ContextTooLong,
    ModelError,
    ModelKeyInvalid,
    ModelOverloaded,
    ModelUnknown,
    ModelUnreachable,
    ParameterUnsupported,
)

_LOGIN_VARIABLES = {
    "bedrock": "AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY",
    "vertex_ai": "GOOGLE_APPLICATION_CREDENTIALS",
}
"""Of providers that have a login in the place of a key."""

_OLLAMA: dict[type[ModelError], str] = {
    ModelUnknown: "Fetch it on the machine where Ollama runs: ollama pull {name}. "
    "What is there: ollama list",
    ModelUnreachable: "Start Ollama (systemctl start ollama, or: ollama serve). Is it on another "
    'machine, set [model."{model}"] api_base = "http://HOST:11434" in config.toml; Ollama listens '
    "to others only with OLLAMA_HOST=0.0.0.0",
    ContextTooLong: 'Give it more room: [model."{model}"] context_tokens in config.toml, as far '
    "as the GPU's memory allows: ollama ps",
    ParameterUnsupported: 'Set [model."{model}"] tools = "text" in config.toml, or take a model '
    "with tools: https://ollama.com/search?c=tools",
    ModelOverloaded: "See what it is busy with: ollama ps. How much it takes on at once: "
    "OLLAMA_MAX_QUEUE and OLLAMA_NUM_PARALLEL; its log: journalctl -u ollama",
    ModelError: "See its log: journalctl -u ollama. Short of memory, take a smaller model or "
    "quantisation, or free some: ollama ps",
}

_VLLM: dict[type[ModelError], str] = {
    ModelUnknown: "It serves one model, under this name: curl API_BASE/models",
    ContextTooLong: 'Start it with a larger --max-model-len, and set [model."{model}"] '
    "context_tokens in config.toml to the same",
    ParameterUnsupported: "Start vLLM with --enable-auto-tool-choice and --tool-call-parser, or "
    'set [model."{model}"] tools = "text" in config.toml',
}

_SERVERS = {"ollama": _OLLAMA, "ollama_chat": _OLLAMA, "hosted_vllm": _VLLM, "vllm": _VLLM}


def remedy_for(kind: type[ModelError], said: str, *, model: str, provider: str) -> str | None:
    """What to do next; None where the class's own remedy says it."""
    if kind is ModelKeyInvalid:
        variable = _LOGIN_VARIABLES.get(provider) or key_variables(provider)[0]
        return kind.remedy.replace("the provider's variable (such as ANTHROPIC_API_KEY)", variable)
    if kind is ParameterUnsupported and "--jinja" in said:
        return 'Start llama-server with --jinja, or set [model."{model}"] tools = "text"'
    remedy = _SERVERS.get(provider, {}).get(kind)
    return remedy.replace("{name}", model.rpartition("/")[2]) if remedy else None
