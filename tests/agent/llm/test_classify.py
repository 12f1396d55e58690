"""What providers answer when something is wrong is told apart, through litellm and without it."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

import provider_faults
from provider_faults import FAULTS
from sme_agent.llm.classify import classify
from sme_tools import errors
from sme_tools.errors import (
    AnswerMalformed,
    BudgetSpent,
    ModelError,
    ModelKeyInvalid,
    ModelRateLimited,
    ModelTimeout,
    ModelUnknown,
    ModelUnreachable,
    NoModelAnswers,
    ParameterUnsupported,
    Treatment,
)

CASES = [(name, way) for name, fault in FAULTS.items() for way in provider_faults.ways(fault)]


@pytest.fixture(scope="session")
def through_litellm():
    """What each fault is classified as when litellm is asked, by "NAME WAY"."""
    environment = {
        name: value
        for name, value in os.environ.items()
        if not name.endswith(("_KEY", "_TOKEN")) and "proxy" not in name.lower()
    }
    environment["LITELLM_LOCAL_MODEL_COST_MAP"] = "True"
    done = subprocess.run(
        [sys.executable, provider_faults.__file__],
        capture_output=True,
        text=True,
        env=environment,
        timeout=110,
    )
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout.splitlines()[-1])


def record(name):
    fault = FAULTS[name]
    return {"status": fault["status"], "headers": fault.get("headers", {}), "body": fault["body"]}


def classified(body, *, status=400, headers=None, provider="openai", now=0.0):
    answer = {"status": status, "headers": headers or {}, "body": body}
    return classify(answer, model="some/model", provider=provider, now=now)


@pytest.mark.parametrize(("name", "way"), CASES, ids=[f"{name}-{way}" for name, way in CASES])
def test_a_fault_is_taken_for_what_it_is(name, way, through_litellm):
    expected = FAULTS[name]["expected"]
    if way == "record":
        error = classify(record(name), model="some/model", provider=FAULTS[name]["provider"])
        got = provider_faults.described(error)
    else:
        got = through_litellm[f"{name} {way}"]
    assert {key: got.get(key) for key in expected} == expected
    assert "\n" not in got["message"]
    assert "{" not in got["remedy"]
    assert got["remedy"]


def test_each_class_that_a_provider_can_cause_has_faults():
    ours = {BudgetSpent, NoModelAnswers}
    without_answer = {ModelUnreachable}
    kinds = {kind.__name__ for kind in set(ModelError.__subclasses__()) - ours - without_answer}
    assert kinds <= {fault["expected"]["error"] for fault in FAULTS.values()}


@pytest.mark.parametrize(
    ("what", "kind"),
    [
        ("cut", ModelUnreachable),
        ("cut-anthropic", ModelUnreachable),
        ("silent", ModelTimeout),
        ("refused", ModelUnreachable),
        ("refused-ollama", ModelUnreachable),
        ("no-tls", ModelUnreachable),
        ("no-key-openai", ModelKeyInvalid),
        ("no-key-anthropic", ModelKeyInvalid),
        ("no-provider", ModelUnknown),
        ("parameter", ParameterUnsupported),
    ],
)
def test_what_fails_without_an_answer(what, kind, through_litellm):
    assert through_litellm[what]["error"] == kind.__name__


def test_a_parameter_that_litellm_itself_refuses_is_named(through_litellm):
    assert through_litellm["parameter"]["parameter"] == "frequency_penalty"


def test_no_failure_shows_the_key(through_litellm):
    assert provider_faults.KEY not in json.dumps(through_litellm)


def test_a_key_that_the_provider_repeats_is_not_shown():
    key = "gsk_9fKq2LmXv7Rt4WzNc8HbYp3DsJ6aQeU1oTiG5xVkMnBwErZy"
    error = classified(
        {"error": {"message": f"Incorrect API key provided: {key}. See the console."}}, status=401
    )
    assert isinstance(error, ModelKeyInvalid)
    assert key not in str(error)


def test_what_is_repeated_of_the_request_is_not_the_providers_word():
    said = "insufficient_quota: You exceeded your current quota, prompt is too long"
    body = {
        "detail": [
            {"type": "missing", "msg": "Field required", "loc": ["body", "x"], "input": said},
            {
                "type": "missing",
                "input": {"messages": [{"message": said, "code": "invalid_api_key"}]},
            },
        ]
    }
    assert type(classified(body)) is ModelError


@pytest.mark.parametrize("text", ["429", "a log with 429 rate_limit_exceeded in it", "rate limits"])
def test_a_number_or_a_word_in_a_sentence_is_no_rate_limit(text):
    body = {"error": {"message": f"Invalid value for messages[3]: {text}", "type": "invalid"}}
    assert type(classified(body)) is ModelError


@pytest.mark.parametrize(
    ("headers", "seconds"),
    [
        ({"Retry-After": "12"}, 12),
        ({"retry-after": "1.5"}, 1.5),
        ({"retry-after": "Thu, 01 Jan 1970 00:02:00 GMT"}, 60),
        ({"retry-after": "Thu, 01 Jan 1970 00:00:30 GMT"}, 0),
        ({"retry-after-ms": "250", "retry-after": "9"}, 0.25),
        ({"retry-after": "soon"}, None),
        ({"retry-after": "-5"}, None),
        ({"retry-after": "1e400"}, None),
        ({"retry-after": "999999999"}, 7 * 86400),
        ({"x-ratelimit-reset-tokens": "6m0s", "x-ratelimit-remaining-tokens": "0"}, 360),
        ({"x-ratelimit-reset-requests": "1h2m3.5s"}, 3723.5),
        ({"x-ratelimit-reset": "90000000000000"}, 7 * 86400),
        ({"x-ratelimit-reset-requests": "1s", "x-ratelimit-reset-tokens": "7.66s"}, 1),
        (
            {
                "anthropic-ratelimit-tokens-reset": "1970-01-01T00:01:30Z",
                "anthropic-ratelimit-tokens-remaining": "0",
                "anthropic-ratelimit-requests-reset": "1970-01-01T00:01:01Z",
                "anthropic-ratelimit-requests-remaining": "49",
            },
            30,
        ),
    ],
)
def test_how_long_to_wait_is_read_from_headers(headers, seconds):
    error = classified({"error": {"message": "slow down"}}, status=429, headers=headers, now=60.0)
    assert isinstance(error, ModelRateLimited)
    assert error.retry_after_s == (None if seconds is None else pytest.approx(seconds))


@pytest.mark.parametrize(
    ("message", "seconds"),
    [
        ("Please try again in 7.66s.", 7.66),
        ("Please try again in 7m12.345s.", 432.345),
        ("Please try again in 644ms. Visit https://x", 0.644),
        ("Please retry after 26 seconds.", 26),
        ("Please retry in 45.578569677s.", 45.578569677),
        ("Please wait 2 minutes", 120),
        ("try again in a while", None),
    ],
)
def test_how_long_to_wait_is_read_from_sentences(message, seconds):
    error = classified({"error": {"message": message}}, status=429)
    assert error.retry_after_s == (None if seconds is None else pytest.approx(seconds))


def test_an_error_object_out_of_a_stream():
    error = classify(
        {"type": "error", "error": {"type": "overloaded_error", "message": "Overloaded"}},
        model="m",
        provider="anthropic",
    )
    assert type(error) is errors.ModelOverloaded
    assert str(error) == "m: Overloaded"


def test_an_error_of_ours_stays_as_it_is():
    error = AnswerMalformed("it goes in circles", model="m")
    assert classify(error, model="other", provider="openai") is error


def test_remedies_name_the_model_and_what_to_do():
    missing = classify(
        record("ollama-model-missing"), model="ollama/qwen3:8b", provider="ollama_chat"
    )
    assert "ollama pull qwen3:8b" in missing.remedy
    key = classify(record("xai-key-wrong"), model="xai/grok-4", provider="xai")
    assert "XAI_API_KEY" in key.remedy
    assert '[model."xai/grok-4"] api_key' in key.remedy
    assert "sme model test xai/grok-4" in key.remedy


def test_each_class_says_what_is_done_about_it():
    for kind in ModelError.__subclasses__():
        assert isinstance(kind.treatment, Treatment)
        assert kind.remedy
        assert kind.remedy != ModelError.remedy
    once = NoModelAnswers({"a/b": "no key", "c/d": "overloaded"})
    assert str(once) == "no model answers: a/b: no key; c/d: overloaded"
    assert once.reasons == {"a/b": "no key", "c/d": "overloaded"}


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: (
        st.lists(inner, max_size=4)
        | st.dictionaries(
            st.sampled_from(["error", "message", "code", "type", "param", "loc", "detail", "raw",
                             "headers", "status", "retryDelay", "failed_generation", "n_ctx"])
            | st.text(max_size=5),
            inner,
            max_size=4,
        )
    ),
    max_leaves=20,
)  # fmt: skip


@given(
    body=JSON | st.text() | st.binary(),
    status=st.none() | st.integers(0, 999),
    headers=st.dictionaries(
        st.sampled_from(["retry-after", "retry-after-ms", "x-ratelimit-reset", "x-amzn-errortype"]),
        st.text() | st.from_regex(r"[0-9msh.]{1,20}", fullmatch=True),
    ),
)
def test_whatever_comes_is_an_error_of_ours(body, status, headers):
    error = classify(
        {"status": status, "headers": headers, "body": body}, model="m", provider="openai"
    )
    assert isinstance(error, ModelError)
    assert "\n" not in str(error)
    assert len(str(error)) < 600
    assert error.retry_after_s is None or 0 <= error.retry_after_s <= 7 * 86400


@pytest.mark.parametrize(
    "body",
    [
        '{"error":' * 100_000,
        "[" * 100_000,
        '{"error": "' + "x" * 2_000_000 + '"}',
        "<html>" * 50_000,
    ],
    ids=["nested objects", "nested lists", "long", "page"],
)
def test_hostile_bodies_cost_nothing(body):
    assert isinstance(classified(body, status=500), ModelError)
    assert isinstance(classified({"error": {"message": body}}, status=500), ModelError)


def test_the_faults_are_all_read():
    assert len(FAULTS) == len(list((Path(__file__).parent / "provider_errors").iterdir()))
