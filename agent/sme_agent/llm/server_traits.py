"""What a model's own server says of it: Ollama's /api/show, others' /v1/models."""

from __future__ import annotations

import os
from dataclasses import dataclass
from typing import Any

from sme_tools.errors import SecretUnavailable
from sme_tools.model_settings import ModelOptions

TIMEOUT_S = 5.0
OLLAMA = "http://localhost:11434"
_LISTS = ("openai", "custom_openai", "hosted_vllm", "lm_studio", "llamafile", "xinference")
_WINDOWS = (
    "max_model_len", "context_length", "max_context_length", "loaded_context_length", "n_ctx"
)  # fmt: skip


@dataclass(frozen=True)
class ServerTraits:
    """None where the server says nothing."""

    window: int | None = None
    tools: bool | None = None
    reasons: bool | None = None


def ask(provider: str, full: str, options: ModelOptions) -> ServerTraits:
    """Ask the server; `full` is litellm's name of the model. No answer is no error."""
    name = full.partition("/")[2] or full
    if provider == "ollama_chat":
        base = options.api_base or os.environ.get("OLLAMA_API_BASE") or OLLAMA
        base = base.rstrip("/").removesuffix("/v1").removesuffix("/api")
        return _of_ollama(_fetch(f"{base}/api/show", options, {"model": name}))
    if provider in _LISTS and options.api_base is not None:
        base = options.api_base.rstrip("/")
        return _of_list(_fetch(f"{base}/models", options, None), name)
    return ServerTraits()


def _of_ollama(said: object) -> ServerTraits:
    if not isinstance(said, dict):
        return ServerTraits()
    details = said.get("model_info")
    lengths = [
        value
        for key, value in (details.items() if isinstance(details, dict) else ())
        if key.endswith(".context_length") and isinstance(value, int)
    ]
    able = said.get("capabilities")
    return ServerTraits(
        window=max(lengths, default=None),
        tools="tools" in able if isinstance(able, list) else None,
        reasons="thinking" in able if isinstance(able, list) else None,
    )


def _of_list(said: object, name: str) -> ServerTraits:
    data = said.get("data") if isinstance(said, dict) else None
    listed = data if isinstance(data, list) else []
    for entry in listed:
        if not isinstance(entry, dict) or (entry.get("id") != name and len(listed) > 1):
            continue
        meta = entry.get("meta")
        places = (entry, meta if isinstance(meta, dict) else {})
        for place in places:
            for key in _WINDOWS:
                if isinstance(place.get(key), int) and place[key] > 0:
                    return ServerTraits(window=place[key])
    return ServerTraits()


def _fetch(url: str, options: ModelOptions, body: dict[str, Any] | None) -> object:
    import httpx

    from sme_agent.llm.line import client_for

    headers = {}
    try:
        if options.api_key is not None:
            headers["Authorization"] = f"Bearer {options.api_key.get().get_secret_value()}"
        with client_for(httpx.URL(url)) as client:
            timeout = httpx.Timeout(TIMEOUT_S, connect=min(options.connect_timeout_s, TIMEOUT_S))
            answer = client.request(
                "GET" if body is None else "POST", url, json=body, headers=headers, timeout=timeout
            )
            said: object = answer.json() if answer.status_code == 200 else None
            return said
    except (httpx.HTTPError, httpx.InvalidURL, ValueError, SecretUnavailable):
        return None
