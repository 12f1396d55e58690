"""Where the key of a model comes from, and whether it is there; its value is of no interest."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from sme_agent.llm.manner import is_local, provider_of
from sme_agent.llm.model import Model
from sme_tools.errors import SecretUnavailable
from sme_tools.secrets import SecretSource

KeyState = Literal["set", "missing", "not needed", "not looked up"]
_OWN_NAMES = {
    "anthropic": ("ANTHROPIC_API_KEY", "ANTHROPIC_AUTH_TOKEN"),
    "datarobot": ("DATAROBOT_API_TOKEN",),
    "fireworks_ai": ("FIREWORKS_API_KEY", "FIREWORKS_AI_API_KEY"),
    "gemini": ("GEMINI_API_KEY", "GOOGLE_API_KEY"),
    "huggingface": ("HF_TOKEN", "HUGGINGFACE_API_KEY"),
    "together_ai": ("TOGETHERAI_API_KEY", "TOGETHER_API_KEY"),
}
"""Variables of providers, as litellm reads them; all others have PROVIDER_API_KEY."""
_LOGINS = ("bedrock", "sagemaker", "vertex_ai", "vertex_ai_beta", "watsonx", "github_copilot")
"""Those with a login of their own, which may be a file, a role or a token."""


@dataclass(frozen=True)
class Key:
    """Where a key is looked for, and what is known of it.

    `not looked up`: a program, a keyring or a cloud's login would have to be asked, which may ask
    a person.
    """

    source: str
    state: KeyState


def key_variables(provider: str) -> tuple[str, ...]:
    """The variables in which a provider's key may be, the usual one first."""
    return _OWN_NAMES.get(provider, (f"{provider.upper()}_API_KEY",))


def key_of(model: Model) -> Key:
    """The key of a model. No request is made, no program run, no keyring opened."""
    source = model.options.api_key
    if source is not None:
        if source.scheme not in ("env", "file"):
            return Key(str(source), "not looked up")
        return Key(str(source), "set" if _is_there(source) else "missing")
    provider = provider_of(model.litellm_name)
    if is_local(provider) or (model.options.api_base is not None and provider != "anthropic"):
        return Key("", "not needed")
    if provider in _LOGINS:
        return Key(f"login of {provider}", "not looked up")
    names = key_variables(provider)
    there = next((name for name in names if _is_there(SecretSource("env", name))), None)
    return Key(f"env:{there or names[0]}", "set" if there else "missing")


def _is_there(source: SecretSource) -> bool:
    try:
        source.get()
    except SecretUnavailable:
        return False
    return True
