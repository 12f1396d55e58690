"""What is known of a model, and where from."""

from __future__ import annotations

import subprocess
import sys

import pytest

from models import scripted
from sme_agent.llm.price import cost_usd
from sme_agent.llm.shapes.piece import Counts
from sme_agent.llm.strict import strict_schema, without_nulls
from sme_agent.llm.traits import model_of, traits_of
from sme_tools.model_settings import ModelOptions


def options(**values):
    return ModelOptions.model_validate(values)


def test_the_table_knows_windows_and_prices():
    traits = traits_of("anthropic/claude-sonnet-4-5", options())
    assert (traits.provider, traits.source) == ("anthropic", "table")
    assert (traits.window, traits.tools, traits.caches) == (200_000, "native", True)
    assert (traits.input_cost, traits.output_cost) == (3.0, 15.0)
    assert traits.max_output <= 16_384


def test_the_settings_have_the_last_word():
    traits = traits_of(
        "openai/gpt-4o",
        options(context_tokens=9000, max_output_tokens=700, tools="text", input_cost=1.5),
    )
    assert (traits.window, traits.max_output, traits.tools) == (9000, 700, "text")
    assert (traits.input_cost, traits.source) == (1.5, "settings")


def test_a_name_of_ones_own_stands_for_litellms():
    traits = traits_of("fast", options(model="groq/openai/gpt-oss-120b"))
    assert (traits.provider, traits.reasons) == ("groq", True)


@pytest.mark.parametrize(
    ("name", "reasons"),
    [
        ("deepseek/deepseek-reasoner", True),
        ("deepseek/deepseek-chat", False),
        ("openai/gpt-5", True),
        ("openai/gpt-5-chat-latest", False),
        ("openai/o3", True),
        ("openai/gpt-4o", False),
        ("anthropic/claude-opus-4-1", False),
        ("ollama/deepseek-r1:8b", True),
        ("ollama/llama3.1", False),
    ],
)
def test_reasoning_models_are_known_by_name(name, reasons):
    assert traits_of(name, options()).reasons is reasons


def test_deepseeks_reasoner_has_tools_whatever_the_table_says():
    assert traits_of("deepseek/deepseek-reasoner", options()).tools == "native"


def test_what_nobody_knows_is_guessed_with_care():
    cloud = traits_of("mistral/who-knows", options())
    local = traits_of("openai/who-knows", options(api_base="http://127.0.0.1:1/v1"))
    assert (cloud.source, local.source) == ("unknown", "unknown")
    assert local.window < cloud.window
    assert (cloud.input_cost, cloud.tools) == (None, "native")


def test_a_server_of_openais_form_tells_its_window():
    with scripted([], models=[{"name": "m", "context": 16384}]) as server:
        asked = traits_of("openai/m", options(api_base=server.openai_base), ask_server=True)
        unasked = traits_of("openai/m", options(api_base=server.openai_base))
        paths = [request.path for request in server.requests]
    assert (asked.window, asked.source) == (16384, "server")
    assert unasked.source == "unknown"
    assert len(paths) == 1


@pytest.mark.parametrize("name", ["openai/m", "ollama/m", "hosted_vllm/m"])
def test_a_server_that_is_not_there_is_no_error(name):
    traits = traits_of(name, options(api_base="http://127.0.0.1:1"), ask_server=True)
    assert traits.source == "unknown"


def test_the_table_is_read_without_litellm():
    code = (
        "import sys; from sme_agent.llm.traits import traits_of;"
        "from sme_tools.model_settings import ModelOptions as O;"
        "assert traits_of('openai/gpt-4o', O()).source == 'table';"
        "assert not {'litellm', 'httpx', 'tiktoken'} & set(sys.modules)"
    )
    subprocess.run([sys.executable, "-c", code], check=True)


COUNTS = Counts(input=1_000_000, output=100_000, cached=600_000, cache_written=100_000)


def test_what_came_from_the_cache_costs_less():
    model = model_of("anthropic/claude-haiku-4-5", options())
    cost = cost_usd(model, COUNTS)
    # Per million: input 1, cache read 0.1, cache write 1.25, output 5.
    assert cost == pytest.approx(0.3 * 1 + 0.6 * 0.1 + 0.1 * 1.25 + 0.1 * 5)


@pytest.mark.parametrize(
    ("name", "settings", "expected"),
    [
        ("ollama/m", {}, 0.0),
        ("mistral/who-knows", {}, None),
        ("mistral/who-knows", {"input_cost": 2.0, "output_cost": 10.0}, 3.0),
        ("mistral/who-knows", {"input_cost": 2.0}, None),
    ],
)
def test_costs_by_settings_by_nobody_or_none(name, settings, expected):
    assert cost_usd(model_of(name, options(**settings)), COUNTS) == expected


def test_the_providers_own_price_counts():
    model = model_of("openai/gpt-4o", options(input_cost=1.0, output_cost=1.0))
    assert cost_usd(model, Counts(input=10, output=10, cost_usd=0.5)) == 0.5


SCHEMA = {
    "type": "object",
    "title": "Run",
    "properties": {
        "command": {"type": "string", "minLength": 1},
        "timeout": {"type": "integer", "default": 5},
        "mode": {"enum": ["a", "b"]},
        "hosts": {
            "type": "array",
            "items": {
                "type": "object",
                "properties": {"name": {"type": "string"}, "port": {"type": "integer"}},
                "required": ["name"],
            },
        },
        "note": {"anyOf": [{"type": "string"}, {"type": "null"}]},
    },
    "required": ["command", "hosts"],
}


def test_the_strict_form_of_a_schema():
    before = repr(SCHEMA)
    strict = strict_schema(SCHEMA)
    assert repr(SCHEMA) == before
    assert strict["required"] == ["command", "timeout", "mode", "hosts", "note"]
    assert strict["additionalProperties"] is False
    assert strict["properties"]["command"] == {"type": "string"}
    assert strict["properties"]["timeout"] == {"type": ["integer", "null"]}
    assert strict["properties"]["mode"] == {"anyOf": [{"enum": ["a", "b"]}, {"type": "null"}]}
    item = strict["properties"]["hosts"]["items"]
    assert item["required"] == ["name", "port"]
    assert item["additionalProperties"] is False
    assert strict["properties"]["note"] == SCHEMA["properties"]["note"]


def test_a_schema_of_nothing_is_strict_too():
    assert strict_schema({}) == {
        "type": "object", "properties": {}, "required": [], "additionalProperties": False
    }  # fmt: skip


def test_nulls_that_the_strict_form_forced_are_taken_out():
    given = {
        "command": "df",
        "timeout": None,
        "mode": None,
        "hosts": [{"name": "a", "port": None}],
        "note": None,
        "unknown": None,
    }
    assert without_nulls(given, SCHEMA) == {"command": "df", "hosts": [{"name": "a"}], "note": None}
