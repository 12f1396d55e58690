"""Variables of a shell in which much is set up to reach the network: tracing, proxies, tokens."""

DEAD = "http://127.0.0.1:1"
TRAPS = {
    "LANGSMITH_API_KEY": "x", "LANGSMITH_TRACING": "true", "LANGSMITH_TRACING_V2": "true",
    "LANGCHAIN_API_KEY": "x", "LANGCHAIN_TRACING": "true", "LANGCHAIN_TRACING_V2": "true",
    "LANGFUSE_PUBLIC_KEY": "x", "LANGFUSE_SECRET_KEY": "x", "LITELLM_CALLBACKS": "langsmith",
    "LITELLM_LOG": "DEBUG", "LITELLM_LOCAL_MODEL_COST_MAP": "False", "LITELLM_MODE": "DEV",
    "LITELLM_MODIFY_PARAMS": "True", "LITELLM_DROP_PARAMS": "True",
    "LITELLM_ROUTE_ALL_CHAT_OPENAI_TO_RESPONSES": "true",
    "HF_TOKEN": "x", "HF_HUB_OFFLINE": "0", "HELICONE_API_KEY": "x", "OTEL_EXPORTER": "otlp_http",
    "HTTP_PROXY": DEAD, "HTTPS_PROXY": DEAD, "ALL_PROXY": DEAD,
    "http_proxy": DEAD, "https_proxy": DEAD, "all_proxy": DEAD,
}  # fmt: skip
