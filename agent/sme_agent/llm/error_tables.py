"""By what a failure is told: the tables that `classify` goes through, from the top to the bottom.

A provider's code says most, then the HTTP status, then the sentence. Where a sentence is known to
be right against the code or the status beside it, it stands in CONTRADICTIONS, with who says it.
Sentences are looked for in the provider's own messages only, never in what it repeats of the
request: a log that speaks of rate limits must not become one.
"""

from __future__ import annotations

import re

from sme_tools.errors import (
    AnswerMalformed,
    AnswerRefused,
    ContextTooLong,
    ModelError,
    ModelForbidden,
    ModelKeyInvalid,
    ModelOverloaded,
    ModelQuotaExhausted,
    ModelRateLimited,
    ModelTimeout,
    ModelUnknown,
    ModelUnreachable,
    ParameterUnsupported,
    ToolCallUnreadable,
)

Kind = type[ModelError]


def _sayings(*rows: tuple[str, Kind]) -> tuple[tuple[re.Pattern[str], Kind], ...]:
    return tuple((re.compile(pattern, re.IGNORECASE | re.DOTALL), kind) for pattern, kind in rows)


def _by_word(rows: dict[Kind, str]) -> dict[str, Kind]:
    return {word: kind for kind, words in rows.items() for word in words.split()}


EXCEPTIONS: dict[str, Kind] = {
    "UnsupportedParamsError": ParameterUnsupported,
    "ConnectTimeout": ModelUnreachable,
    "ReadTimeout": ModelTimeout,
    "WriteTimeout": ModelTimeout,
    "PoolTimeout": ModelTimeout,
    "APITimeoutError": ModelTimeout,
    "ConnectError": ModelUnreachable,
    "ReadError": ModelUnreachable,
    "WriteError": ModelUnreachable,
    "CloseError": ModelUnreachable,
    "RemoteProtocolError": ModelUnreachable,
    "LocalProtocolError": ModelUnreachable,
    "UnsupportedProtocol": ModelUnreachable,
    "ProxyError": ModelUnreachable,
    "gaierror": ModelUnreachable,
    "SSLError": ModelUnreachable,
    "SSLCertVerificationError": ModelUnreachable,
    "ConnectionRefusedError": ModelUnreachable,
    "ConnectionResetError": ModelUnreachable,
    "BrokenPipeError": ModelUnreachable,
    "TimeoutError": ModelTimeout,
    "JSONDecodeError": AnswerMalformed,
    "APIResponseValidationError": AnswerMalformed,
}
"""By the class of the exception, where no answer came or it could not be read."""

CONTRADICTIONS = _sayings(
    # OpenAI and Groq as a rate limit, 429 or 413: one request above the limit never passes.
    (r"request too large for (?:model|gpt|o\d)|tokens must be reduced in order", ContextTooLong),
    # Gemini as RESOURCE_EXHAUSTED, OpenRouter and Cerebras as a rate limit: it lasts for the day.
    (r"limit: 0\b|free-models-per-day|tokens per day limit exceeded", ModelQuotaExhausted),
    # xAI as 403 or 429; OpenRouter and SiliconFlow as 403; Moonshot and Zhipu as 429.
    (
        r"doesn't have any credits|used all available credits|spending limit|key limit exceeded|"
        r"balance is insufficient|insufficient balance|余额不足",
        ModelQuotaExhausted,
    ),
    # Google as PERMISSION_DENIED.
    (r"api key was reported as leaked|api key (?:not valid|expired)", ModelKeyInvalid),
    # OpenRouter as 404, and as 403.
    (r"no endpoints found that support (?P<parameter>tool) use", ParameterUnsupported),
    (r"no endpoints found matching your data policy", ModelForbidden),
    (r"requires moderation on .* was flagged", AnswerRefused),
    # Anthropic and vLLM name a parameter, and mean the sum of prompt and answer.
    (r"exceed context limit|maximum context length is \d+ tokens and your request", ContextTooLong),
    # OpenAI as model_not_found.
    (r"project `[^`]*` does not have access to model", ModelForbidden),
)

CODES = _by_word(
    {
        ModelKeyInvalid: (
            "invalid_api_key authentication_error api_key_invalid wrong_api_key "
            "unrecognizedclientexception invalidsignatureexception expiredtokenexception "
            "unauthenticated unauthorized invalid_authentication_error invalidapikey"
        ),
        ModelForbidden: (
            "permission_error permission_denied accessdeniedexception request_forbidden "
            "unsupported_country_region_territory organization_restricted"
        ),
        ModelUnknown: (
            "model_not_found deploymentnotfound model_not_available invalid_model "
            "unknown_model model_decommissioned dedicated_endpoint_not_running "
            "resourcenotfoundexception"
        ),
        ModelQuotaExhausted: (
            "insufficient_quota billing_hard_limit_reached billing_not_active credit_limit "
            "exceeded_current_quota_error arrearage budget_exceeded insufficient_balance "
            "servicequotaexceededexception billing_error quota_per_day"
        ),
        ContextTooLong: (
            "context_length_exceeded exceed_context_size_error request_too_large string_too_long "
            "tokens_limit_reached model_max_prompt_tokens_exceeded"
        ),
        AnswerRefused: (
            "content_filter content_policy_violation responsibleaipolicyviolation invalid_prompt "
            "moderation_error content_policy data_inspection_failed cyber_policy bio_policy"
        ),
        ToolCallUnreadable: "tool_use_failed",
        AnswerMalformed: "json_validate_failed",
        ParameterUnsupported: (
            "unsupported_parameter unsupported_value unknown_parameter extra_forbidden "
            "invalid_function_parameters model_no_support_for_function"
        ),
        ModelRateLimited: (
            "rate_limit_exceeded rate_limit_error rate_limited resource_exhausted "
            "too_many_requests token_quota_exceeded too_many_tokens_error throttlingexception "
            "toomanyrequestsexception"
        ),
        ModelOverloaded: (
            "overloaded overloaded_error engine_overloaded engine_overloaded_error "
            "server_is_overloaded queue_exceeded service_unavailable_error "
            "unavailable unavailable_error serviceunavailableexception modelnotreadyexception "
            "provider_unavailable slow_down"
        ),
        ModelTimeout: "timeout_error deadline_exceeded modeltimeoutexception",
    }
)
"""By a code or type of the body. Whichever stands first here is taken: quota before rate limit."""

DECISIVE: dict[int, Kind] = {
    401: ModelKeyInvalid,
    402: ModelQuotaExhausted,
    408: ModelTimeout,
    413: ContextTooLong,
    429: ModelRateLimited,
    504: ModelTimeout,
    522: ModelTimeout,
    524: ModelTimeout,
    529: ModelOverloaded,
}
"""Statuses that mean one thing. 400, 403, 404, 422 and 500 do not: first, see what is said."""

SAYINGS = _sayings(
    (
        r"(?:incorrect|invalid|wrong|missing) (?:\w+ )?(?:x-)?api[ -](?:key|token)|bad credentials|"
        r"api_key client option must be set|no auth credentials|missing credentials|"
        r"security token included in the request is invalid|unable to locate credentials",
        ModelKeyInvalid,
    ),
    (
        r"credit balance is too low|insufficient (?:credits|funds)|exceeded your current quota|"
        r"reached your specified api usage limits|requires more credits|out of credits",
        ModelQuotaExhausted,
    ),
    (
        r"maximum (?:context|prompt|input) length|(?:prompt|input) is too long|"
        r"exceed\w* the (?:available|maximum number of tokens)|"
        r"exceed\w*.{0,40}context (?:length|window|size)|"
        r"context (?:length|window|size).{0,40}exceed|"
        r"(?:longer|greater|larger) than the (?:model's )?context length|"
        r"token (?:count|limit).{0,20}(?:exceed|reached)|exceed\w* (?:the )?model token limit|"
        r"reduce the length of the|too large for model with|loaded with context length of only|"
        r"`inputs` (?:tokens \+|must have less than)|tokens in the prompt cannot exceed|"
        r"range of input length|request payload size exceeds|request body too large|"
        r"prompt \(length \d+\) (?:exceeds|is longer)",
        ContextTooLong,
    ),
    (
        r"content (?:filtering|management|usage) polic|violating our usage policy|content exists "
        r"risk|prompt was blocked|response was blocked|blocked (?:by|due to|for) safety|"
        r"safety system|inappropriate content|considered high risk|敏感内容",
        AnswerRefused,
    ),
    (r"error parsing tool call: raw='(?P<generation>.*)', err=", ToolCallUnreadable),
    (
        r"error parsing tool call|failed to parse (?:tool call|input at pos)|"
        r"tool call validation failed",
        ToolCallUnreadable,
    ),
    (r"does not support (?P<parameter>tool|function|thinking)", ParameterUnsupported),
    (
        r"(?P<parameter>tools?|function)`?(?: calling)?`? (?:is|are) not (?:supported|enabled)",
        ParameterUnsupported,
    ),
    (r"(?P<parameter>tools?) param requires", ParameterUnsupported),
    (r"--enable-auto-(?P<parameter>tool)-choice", ParameterUnsupported),
    (r"unsupported param(?:eter)?s?: '?(?P<parameter>[\w.]+)", ParameterUnsupported),
    (r"does not support parameters: \['(?P<parameter>[\w.]+)'", ParameterUnsupported),
    (
        r"`(?P<parameter>[\w.]+)` (?:may only be set|is deprecated|is not supported)",
        ParameterUnsupported,
    ),
    (r"when (?P<parameter>tool_choice) forces tool use", ParameterUnsupported),
    (r"^(?P<parameter>[\w.\[\]]+): extra inputs are not permitted", ParameterUnsupported),
    (
        r"(?:argument not supported on this model|unrecognized request argument supplied): "
        r"(?P<parameter>[\w.]+)",
        ParameterUnsupported,
    ),
    (r"unknown name \"(?P<parameter>[\w.]+)\"", ParameterUnsupported),
    (r"invalid (?P<parameter>[\w.]+) value, the valid range", ParameterUnsupported),
    (r"(?P<parameter>[\w.]+) is too large: \d+", ParameterUnsupported),
    (r"does not support this (?P<parameter>[\w.]+)", ParameterUnsupported),
    (r"extra inputs are not permitted", ParameterUnsupported),
    (
        r"model (?:'[^']*'|\"[^\"]*\"|`[^`]*`|\S+) (?:was )?(?:does )?not (?:found|exist)|"
        r"model not exist|is not a valid model|(?:invalid|unknown) model(?: name)?:|"
        r"llm provider not provided|is not found for api version|has been decommissioned|"
        r"unable to access .*model",
        ModelUnknown,
    ),
    (r"location is not supported|not supported in your (?:region|country)", ModelForbidden),
    (
        r"rate limit (?:reached|exceeded)|too many requests|service tier capacity exceeded|"
        r"exceed your organization.s rate limit",
        ModelRateLimited,
    ),
    (
        r"empty or invalid response from llm endpoint|unable to parse (?:json|response)",
        AnswerMalformed,
    ),
    # Waiting does not mend these: the machine is too small, or what runs on it has crashed.
    (
        r"requires more system memory|out of memory|process has terminated|"
        r"(?:unable to|failed to|error) load(?:ing)? model",
        ModelError,
    ),
    (r"while running the model|overloaded|over capacity|try again later", ModelOverloaded),
    (r"peer closed connection|incomplete chunked read|connection error", ModelUnreachable),
    (r"request timed out|timed out", ModelTimeout),
)
"""By what is said; the group `parameter` is the name of what is not supported."""

STATUSES: dict[int, Kind] = {
    403: ModelForbidden,
    404: ModelUnknown,
    521: ModelUnreachable,
    523: ModelUnreachable,
}
"""By the status, where nothing was said that is known; other 5xx are ModelOverloaded."""

LITELLM: dict[str, Kind] = {
    "ContextWindowExceededError": ContextTooLong,
    "ContentPolicyViolationError": AnswerRefused,
    "AuthenticationError": ModelKeyInvalid,
    "PermissionDeniedError": ModelForbidden,
    "NotFoundError": ModelUnknown,
    "RateLimitError": ModelRateLimited,
    "PaymentRequiredError": ModelQuotaExhausted,
    "Timeout": ModelTimeout,
    "APIConnectionError": ModelUnreachable,
    "JSONSchemaValidationError": AnswerMalformed,
    "InternalServerError": ModelOverloaded,
    "ServiceUnavailableError": ModelOverloaded,
    "BadGatewayError": ModelOverloaded,
}
"""By litellm's class, where there is nothing else to go by."""

WINDOWS = re.compile(
    r"maximum (?:context|prompt|input) length (?:is|of) ([0-9][0-9,]{2,10})|"
    r"> ([0-9][0-9,]{2,10})(?: maximum|, decrease)|"
    r"limit is ([0-9][0-9,]{2,10})|"
    r"must be <= ([0-9][0-9,]{2,10})|"
    r"with ([0-9][0-9,]{2,10}) maximum context length|"
    r"maximum number of tokens allowed \(([0-9][0-9,]{2,10})\)|"
    r"configured limit of ([0-9][0-9,]{2,10})|"
    r"Limit ([0-9][0-9,]{2,10}), Requested",
    re.IGNORECASE,
)
"""The number of tokens that fit, in sentences about a context that is too long."""
