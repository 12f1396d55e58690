"""What a scripted model says, and when: the form of a plan file."""

from __future__ import annotations

import re
from typing import Any, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, ValidationError, field_validator, model_validator

from sme_agent.llm.scripted.asked import Api
from sme_agent.llm.scripted.named_errors import Form, named_error
from sme_agent.llm.scripted.templates import check_template, texts_in
from sme_tools.errors import UsageError
from sme_tools.yaml_source import describe, read_yaml

Pieces = tuple[str, ...]
Ending = Literal["stop", "tool_calls", "length", "content_filter"]


class PlanInvalid(UsageError):
    """A plan of the scripted model server can't be used; the message names file, line and field."""

    remedy = "See what a plan may hold: docs/scripted-server.md"


class _Part(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class When(_Part):
    """What has to hold of a request; what is left out holds of any."""

    last_user: str | None = None
    """A regular expression that occurs in the newest message of the user."""
    system: str | None = None
    """A regular expression that occurs in the system prompt."""
    anywhere: str | None = None
    """A regular expression that occurs in any message that is not the model's own."""
    has_tool_result: str | None = None
    """A tool whose result is in the conversation."""
    offers_tool: str | None = None
    """A tool that the request declares."""
    model: str | None = None
    """The model asked for, whole."""
    api: Api | None = None
    """The wire format of the request: `openai`, `anthropic` or `ollama`."""
    turn: int | None = Field(default=None, ge=1)
    """How many answers of the model the conversation would hold with this one."""

    @field_validator("last_user", "system", "anywhere")
    @classmethod
    def _is_a_pattern(cls, value: str | None) -> str | None:
        try:
            re.compile(value or "")
        except re.error as error:
            raise ValueError(f"not a regular expression: {error}") from error
        return value


class Call(_Part):
    """A tool call that the model makes."""

    name: str
    arguments: dict[str, Any] | str = {}
    """An object, or text that goes out as it is and may be malformed."""
    id: str | None = None
    """None: one that no other call has."""


class UsageStated(_Part):
    """What the server says that the answer took, in tokens; what is left out is estimated."""

    input: int | None = Field(default=None, ge=0)
    """The whole prompt, what came from the cache and what went there included."""
    output: int | None = Field(default=None, ge=0)
    """Reasoning included."""
    cached: int = Field(default=0, ge=0)
    """Of the prompt, what came from the cache."""
    cache_written: int = Field(default=0, ge=0)
    """Of the prompt, what went to the cache; only Anthropic's format has it."""
    reasoning: int = Field(default=0, ge=0)
    """Of the output, what was reasoning; only OpenAI's format has it."""


class Failure(_Part):
    """An HTTP answer that is an error: one of those known by name, or any other."""

    named: str | None = None
    """`NAME` in the form of the API that is asked, or `FAMILY/NAME`."""
    status: int | None = Field(default=None, ge=200, le=599)
    headers: dict[str, str] = {}
    """Beyond those of the named one."""
    body: dict[str, Any] | str | None = None
    """An object goes out as JSON, a text as it is."""

    @model_validator(mode="before")
    @classmethod
    def _a_name_is_enough(cls, value: object) -> object:
        return {"named": value} if isinstance(value, str) else value

    @model_validator(mode="after")
    def _says_what(self) -> Self:
        if self.named is None and (self.status is None or self.body is None):
            raise ValueError("takes the name of an error, or status and body")
        if self.named is not None:
            named_error(self.named)
        return self

    def form(self, api: Api) -> Form:
        """The answer to a request in this wire format."""
        named = named_error(self.named, api) if self.named else Form(status=500, body="")
        return Form(
            status=self.status or named.status,
            headers=named.headers | self.headers,
            body=named.body if self.body is None else self.body,
        )


class Break(_Part):
    """How an answer breaks off; one of these."""

    at: Literal["before-headers", "after-headers", "hang"] | None = None
    """The connection is cut there; `hang`: nothing is ever sent, and the connection stays."""
    after: int | None = Field(default=None, ge=0)
    """The connection is cut after this many bytes of the body."""
    hang_after: int | None = Field(default=None, ge=0)
    """Silence after this many bytes of the body."""
    in_stream_error: Failure | None = None
    """What was said is followed by an error, in an answer whose status is 200."""

    @model_validator(mode="before")
    @classmethod
    def _a_place_is_enough(cls, value: object) -> object:
        return {"at": value} if isinstance(value, str) else value

    @model_validator(mode="after")
    def _is_one(self) -> Self:
        if len(self.model_fields_set) != 1:
            raise ValueError(f"takes one of: {', '.join(type(self).model_fields)}")
        return self


class Exchange(_Part):
    """One answer."""

    when: When = When()
    """What has to hold of the request; the first exchange that fits and is not used up answers."""
    says: Pieces = ()
    """The text, or its pieces; `{{…}}` is filled in."""
    raw: str | None = None
    """Text in place of `says` in which nothing is filled in."""
    thinks: Pieces = ()
    """The reasoning before the text, or its pieces."""
    thinks_as: Literal["reasoning_content", "reasoning"] = "reasoning_content"
    """What OpenAI's format calls the reasoning: DeepSeek's name, or OpenRouter's and Groq's."""
    signature: str = ""
    """Of the reasoning, in Anthropic's format."""
    calls: tuple[Call, ...] = ()
    """Tool calls, after the text."""
    chunks: Literal[1, "tokens", "words", "awkward"] = 1
    """How each piece is split in a stream; awkward: at random, down to single bytes."""
    first_token_s: float = Field(default=0.0, ge=0)
    """Silence before the answer begins."""
    gap_s: float = Field(default=0.0, ge=0)
    """Silence between the parts of a stream."""
    ends: Ending | None = None
    """None: `tool_calls` where there are calls, else `stop`."""
    usage: UsageStated | Literal["none"] = UsageStated()
    """`none`: the answer says nothing of it."""
    error: Failure | None = None
    """An HTTP error in place of an answer."""
    breaks: Break | None = None
    """How the answer breaks off."""
    times: int | Literal["forever"] = 1
    """How often the exchange may be used."""

    @field_validator("says", "thinks", mode="before")
    @classmethod
    def _one_piece(cls, value: object) -> object:
        return (value,) if isinstance(value, str) else value

    @field_validator("says", "thinks", "calls", "error", "breaks")
    @classmethod
    def _can_be_filled_in(cls, value: object) -> object:
        for text in texts_in(value.model_dump() if isinstance(value, BaseModel) else value):
            check_template(text)
        return value

    @field_validator("times")
    @classmethod
    def _at_least_once(cls, value: int | str) -> int | str:
        if isinstance(value, int) and value < 1:
            raise ValueError("must be 1 or more, or forever")
        return value

    @model_validator(mode="after")
    def _says_one_thing(self) -> Self:
        if self.raw is not None and self.says:
            raise ValueError("has `says` or `raw`, not both")
        failing = self.breaks and self.breaks.in_stream_error
        if self.error and (self.says or self.raw or self.thinks or self.calls or failing):
            raise ValueError("has an `error` or an answer, not both")
        return self


class ScriptedModel(_Part):
    """A model that the server lists."""

    name: str
    context: int = Field(default=32768, ge=1)
    """Tokens that its context can hold."""
    num_ctx: int | None = Field(default=None, ge=1)
    """Ollama's parameter of that name, as the model's own file sets it."""
    tools: bool = True
    thinks: bool = False


class Plan(_Part):
    """The whole file."""

    exchanges: tuple[Exchange, ...] = ()
    """Looked through from the top for each request."""
    default: Exchange | None = None
    """What answers, any number of times, where no exchange does; none: status 500."""
    models: tuple[ScriptedModel, ...] = ()
    """None: one model by the name `scripted`, and whichever is asked for exists."""
    truncates: bool = False
    """Whether Ollama's oldest messages are dropped without a word where they exceed num_ctx."""
    seed: int = 0
    """What awkward splits are drawn from."""


def read_plan(text: str, source: str) -> Plan:
    """The plan in a YAML text.

    Raises:
        PlanInvalid: what is wrong in it, with `source`, line, field and what is allowed.
    """
    values = read_yaml(text, source, PlanInvalid, remedy=PlanInvalid.remedy)
    if not isinstance(values, dict):
        raise PlanInvalid(f"{source}:1: a plan has exchanges:, and may have default: and models:")
    try:
        return Plan.model_validate(values)
    except ValidationError as error:
        raise PlanInvalid(describe(error, text, source, Plan)) from error
