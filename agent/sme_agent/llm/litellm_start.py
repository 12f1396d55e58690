"""litellm, started in one place: offline, silent, and with its connections in our hands.

Left alone, litellm 1.106.2 fetches a price map at import, reads a `.env` file in the current
folder, and writes log lines to stderr; its success and failure handlers run in threads of their
own, where callbacks would send out what was said. Importing it takes about three seconds, so it
happens when the first model is asked, or in `warm_up` before.
"""

from __future__ import annotations

import contextlib
import functools
import importlib
import logging
import os
import threading
import warnings
from types import ModuleType
from typing import TYPE_CHECKING

from sme_tools.errors import Interrupted

if TYPE_CHECKING:
    import httpx

_SETTINGS = {
    # The price map and the list of headers that litellm brings, instead of those from the network.
    "LITELLM_LOCAL_MODEL_COST_MAP": "True",
    "LITELLM_LOCAL_ANTHROPIC_BETA_HEADERS": "True",
    # In the mode DEV it reads a .env file from the current folder or one above.
    "LITELLM_MODE": "PRODUCTION",
    "LITELLM_LOG": "CRITICAL",
}
_ATTRIBUTES = {
    "suppress_debug_info": True,
    "telemetry": False,
    "set_verbose": False,
    "disable_aiohttp_transport": True,
    "disable_hf_tokenizer_download": True,
    # What a model does not know is left out by us, or said; litellm would drop even tools unsaid.
    "drop_params": False,
    # The rest is what variables such as LITELLM_MODIFY_PARAMS may have switched on.
    "modify_params": False,
    "num_retries": None,
    "cache": None,
    "route_all_chat_openai_to_responses": False,
    "enable_anthropic_prompt_caching": False,
}
_CALLBACKS = (
    "callbacks",
    "input_callback",
    "success_callback",
    "failure_callback",
    "service_callback",
    "_async_input_callback",
    "_async_success_callback",
    "_async_failure_callback",
)
_LOGGERS = ("LiteLLM", "LiteLLM Router", "LiteLLM Proxy")
_LOOK_S = 0.05
_starting = threading.Lock()


def start() -> ModuleType:
    """litellm, imported and set up; the first call takes about three seconds.

    Threads may call it at the same time.
    """
    with _starting:
        return _started()


def await_start(cancelled: threading.Event) -> None:
    """Have litellm started, and wait for it no longer than the user wants.

    Raises:
        Interrupted: `cancelled` was set.
    """
    if _started.cache_info().currsize:
        return
    thread = warm_up()
    while thread.is_alive():
        if cancelled.is_set():
            raise Interrupted("stopped before the model was asked")
        thread.join(_LOOK_S)


def warm_up() -> threading.Thread:
    """Start litellm in the background, so that the first question does not wait for it."""
    thread = threading.Thread(target=_warm_up, name="litellm-start", daemon=True)
    thread.start()
    return thread


def _warm_up() -> None:
    """A request that is refused before it goes out: it imports what litellm imports late."""
    import httpx
    import openai

    from sme_agent.llm.line import Exchange

    litellm = start()
    nowhere = Exchange(httpx.Timeout(1.0))
    nowhere.cut()
    with nowhere, contextlib.suppress(openai.APIError):
        litellm.completion(
            model="openai/none",
            messages=[{"role": "user", "content": "none"}],
            api_key="none",
            api_base="http://127.0.0.1:9",
            stream=True,
            num_retries=0,
            max_retries=0,
        )


@functools.cache
def _started() -> ModuleType:
    os.environ.update(_SETTINGS)
    litellm = importlib.import_module("litellm")
    importlib.import_module("litellm.main")
    _be_silent(litellm)
    _hold_connections(litellm)
    return litellm


def _be_silent(litellm: ModuleType) -> None:
    # Of models of its own that it fills with what does not fit, on stderr.
    warnings.filterwarnings("ignore", category=UserWarning, module=r"pydantic\b|litellm\b")
    for name, value in _ATTRIBUTES.items():
        setattr(litellm, name, value)
    for name in _CALLBACKS:
        setattr(litellm, name, [])
    for name in _LOGGERS:
        logger = logging.getLogger(name)
        logger.handlers[:] = [logging.NullHandler()]
        logger.propagate = False
        logger.setLevel(logging.CRITICAL)


def _hold_connections(litellm: ModuleType) -> None:
    """Let every synchronous request of litellm go through our own transport.

    Its OpenAI handlers use `client_session` where there is one; all others make their client in
    `HTTPHandler.create_client`, which has no such setting and is replaced.
    """
    import openai
    from litellm.llms.custom_httpx.http_handler import HTTPHandler, get_default_headers

    def create_client(_handler: HTTPHandler) -> httpx.Client:
        return _client(get_default_headers())

    setattr(HTTPHandler, "create_client", create_client)  # noqa: B010
    # Those that somebody made before would go past it.
    for client in litellm.in_memory_llm_clients_cache.cache_dict.values():
        if isinstance(client, HTTPHandler | openai.OpenAI):
            client.close()
    litellm.in_memory_llm_clients_cache.flush_cache()
    vars(litellm)["client_session"] = _client({})
    vars(litellm)["module_level_client"] = HTTPHandler()


def _client(headers: dict[str, str]) -> httpx.Client:
    import httpx

    from sme_agent.llm.line import transport

    return httpx.Client(
        transport=transport(),
        headers=headers,
        follow_redirects=False,
        timeout=None,
        trust_env=False,
    )
