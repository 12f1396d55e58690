"""What can be set about language models: the chain, how each is reached, and the budgets."""

from __future__ import annotations

from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field, field_validator

from sme_tools.secrets import SecretSource


class _Section(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class ModelOptions(_Section):
    """How one entry of the chain is reached and used: `[model."NAME"]` in config.toml."""

    model: str | None = None
    """What litellm calls it, `PROVIDER/MODEL`, where the entry has a name of its own."""
    api_base: str | None = None
    """The address of the server, where it is not the provider's own."""
    api_key: SecretSource | None = None
    """Where the key is (`env:`, `keyring:`, `command:`, `file:`); none: the provider's own
    variable, such as ANTHROPIC_API_KEY."""
    context_tokens: int | None = Field(default=None, ge=2048)
    """How much prompt and answer may hold together; none: what is known of the model."""
    max_output_tokens: int | None = Field(default=None, ge=64)
    """Of one answer; none: what is known of the model, at most an eighth of its context."""
    tools: Literal["native", "text"] | None = None
    """native: the provider's tool calls; text: described in the prompt, called by JSON in the text;
    none: what is known of the model."""
    strict_tools: bool = False
    """Whether tools are declared with strict schemas; where the server refuses them, without."""
    reasoning_effort: Literal["low", "medium", "high"] | None = None
    """For models that think before they answer; none: their own default."""
    temperature: float | None = Field(default=None, ge=0, le=2)
    connect_timeout_s: float = Field(default=10.0, gt=0, le=600)
    read_timeout_s: float = Field(default=600.0, gt=0, le=7200)
    """The longest silence while an answer is awaited: a reasoning model may think for minutes."""
    write_timeout_s: float = Field(default=30.0, gt=0, le=600)
    requests_per_minute: int | None = Field(default=None, ge=1)
    """More than that wait for their turn."""
    tokens_per_minute: int | None = Field(default=None, ge=1000)
    input_cost: float | None = Field(default=None, ge=0)
    """US dollars for a million tokens of the prompt; none: litellm's table."""
    output_cost: float | None = Field(default=None, ge=0)
    extra: dict[str, Any] = {}
    """Passed on with each request as it is."""


class Allowance(_Section):
    """What may be spent; what is not set is not limited."""

    tokens: int | None = Field(default=None, ge=1)
    usd: float | None = Field(default=None, ge=0)


class TurnLimits(_Section):
    """What one turn of a conversation, or one diagnosis, may take; both are told before it ends."""

    steps: int = Field(default=40, ge=1)
    """Answers of the model."""
    seconds: float = Field(default=1800.0, gt=0)
    tokens: int = Field(default=1_500_000, ge=1)
    """Of prompts and answers together, those from a cache included."""
    usd: float | None = Field(default=None, ge=0)
    """None: only the budgets of session and day hold."""


class Budget(_Section):
    """The section `[budget]`."""

    turn: TurnLimits = TurnLimits()
    """Where it is used up, the model answers from what is known."""

    session: Allowance = Allowance()
    """For one conversation or diagnosis."""
    day: Allowance = Allowance()
    """For one day by the clock of this machine, over all sessions."""


class Telemetry(_Section):
    """The section `[telemetry]`: what is recorded of each model and tool call. Off by default."""

    log: str = "off"
    """Where structured logs go: `off`, `stderr`, or the full path of a file."""
    traces: bool = False
    """Whether OpenTelemetry spans are sent, as the OTEL_* variables say (extra `opentelemetry`)."""
    content: bool = False
    """Whether logs and traces hold what was said, and not only how long it was."""

    @field_validator("log")
    @classmethod
    def _a_place(cls, value: str) -> str:
        if value not in ("off", "stderr") and not value.startswith(("/", "~/")):
            raise ValueError("must be off, stderr or the full path of a file")
        return value
