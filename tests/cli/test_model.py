"""`sme model`: the chain as it stands, and each model tried out on a real server."""

import json
import signal
import tomllib

import pytest

from models import scripted
from sme_agent.llm.breaker import Breaker
from sme_cli.render.models import EXAMPLE
from sme_memory.model_ledger import ModelLedger
from sme_tools.settings import Settings
from typed_commands import eventually

ANSWERS = [
    {"when": {"last_user": "Count"}, "says": "one, two, three", "chunks": "words", "gap_s": 0.05},
    {
        "when": {"offers_tool": "report"},
        "calls": [{"name": "report", "arguments": {"word": "ready"}}],
    },
]


def of(model, *answers):
    return [
        {"times": "forever", **answer, "when": {"model": model, **answer.get("when", {})}}
        for answer in answers
    ]


@pytest.fixture
def home(own_folders):
    """The folder of the configuration; `write` puts a config.toml there."""
    folder = own_folders / ".config/sme"
    folder.mkdir(parents=True)

    def write(text):
        (folder / "config.toml").write_text(text)
        return folder

    return write


@pytest.fixture
def ledger(own_folders):
    folder = own_folders / ".local/state/sme"
    folder.mkdir(parents=True, mode=0o700)
    return ModelLedger(folder / "models.db")


@pytest.fixture
def server():
    plan = [
        *of("good", *ANSWERS),
        *of("silent", {"when": {}, "says": "I have no tools."}),
        *of("bad", {"error": "wrong-key"}),
        *of("hangs", {"breaks": "hang"}),
    ]
    with scripted(plan, models=[{"name": "good", "context": 24_000}]) as running:
        yield running


def config(server, *names, **more):
    lines = [f"models = {[*names, 'rules']}"]
    for name in names:
        lines += [
            f"[model.{name}]",
            f'model = "openai/{name}"',
            f'api_base = "{server.openai_base}"',
        ]
        lines += [f"{key} = {value}" for key, value in more.items()]
    return "\n".join(lines)


def test_without_a_model_the_way_to_one_is_shown(sme):
    answer = sme("model", "list")
    assert answer.code == 0
    assert "the rule reasoner diagnoses alone" in answer.out
    example = "\n".join(
        line.removeprefix("    ") for line in answer.out.splitlines() if line[:4] in ("", "    ")
    )
    assert EXAMPLE in example
    settings = Settings.model_validate(tomllib.loads(example))
    assert {name.partition("/")[0] for name in settings.models} == {
        "anthropic", "deepseek", "ollama", "rules",
    }  # fmt: skip
    assert sme("model", "list", "--json").out == "[]\n"
    tried = sme("model", "test")
    assert (tried.code, "sme model list" in tried.err) == (2, True)


def test_the_chain_is_listed_without_asking_anybody(sme, home, server, ledger, monkeypatch):
    monkeypatch.setenv("DEEPSEEK_API_KEY", "sk-very-secret")
    monkeypatch.delenv("ANTHROPIC_API_KEY", raising=False)
    home(
        'models = ["anthropic/claude-opus-4-5", "deepseek/deepseek-chat", "good", "rules"]\n'
        'summary_models = ["cheap"]\n'
        f'[model.good]\nmodel = "openai/good"\napi_base = "{server.openai_base}"\n'
        'api_key = "command:pass show good"\n'
        '[model.cheap]\nmodel = "ollama/qwen3:8b"\n'
        f'api_base = "{server.ollama_base}"\n'
    )
    down = Breaker(1, 1, 4_000_000_000.0, "Overloaded")
    ledger.change_health("deepseek/deepseek-chat", lambda _: down.to_json())
    answer = sme("model", "list", "--json")
    assert "sk-very-secret" not in answer.out
    claude, deepseek, good, cheap = json.loads(answer.out)
    assert claude["key"] == {"from": "env:ANTHROPIC_API_KEY", "state": "missing"}
    assert (claude["state"], claude["window_tokens"]) == ("no key", 200_000)
    assert (claude["input_cost"], claude["output_cost"]) == (5.0, 25.0)
    assert deepseek["key"] == {"from": "env:DEEPSEEK_API_KEY", "state": "set"}
    assert good["key"] == {"from": "command:pass show good", "state": "not looked up"}
    assert (cheap["role"], cheap["key"]["state"]) == ("summaries", "not needed")
    assert server.requests == []


def test_a_model_that_is_left_alone_says_until_when_and_why(sme, home, ledger):
    from time import time

    home('models = ["deepseek/deepseek-chat", "rules"]')
    down = Breaker(1, 1, time() + 300, "Overloaded")
    ledger.change_health("deepseek/deepseek-chat", lambda _: down.to_json())
    answer = sme("model", "list")
    assert "cooling down until " in answer.out and ": Overloaded" in answer.out
    (entry,) = json.loads(sme("model", "list", "--json").out)
    assert (entry["state"], entry["because"]) == ("cooling down", "Overloaded")
    assert entry["until"].endswith("+00:00")


def test_what_works_is_tried_out_and_forgiven(sme, home, server, ledger):
    from time import time

    home(config(server, "good", input_cost=1.0, output_cost=2.0))
    ledger.change_health("good", lambda _: Breaker(1, 1, time() + 300, "was down").to_json())
    answer = sme("model", "test", "--json")
    assert answer.code == 0, answer
    (trial,) = json.loads(answer.out)
    assert trial["works"] and trial["streams"] and trial["calls_tools"]
    assert trial["first_token_s"] >= 0 and trial["tokens_per_s"] > 0
    assert (trial["window_tokens"], trial["window_from"]) == (24_000, "server")
    cost = (trial["input_tokens"] + 2 * trial["output_tokens"]) / 1e6
    assert trial["cost_usd"] == pytest.approx(cost)
    assert ledger.health("good") is None
    (entry,) = json.loads(sme("model", "list", "--json").out)
    assert (entry["answers"], entry["tokens_per_s"] > 0) == (2, True)
    assert entry["spent_usd"] == pytest.approx(cost)


def test_each_failure_has_its_remedy_and_the_exit_code_says_that_there_is_one(sme, home, server):
    home(config(server, "good", "bad", "silent"))
    answer = sme("model", "test", "good", "bad", "silent")
    assert answer.code == 1
    good, bad, silent = (part for part in answer.out.split("\n") if part[:1] not in ("", " "))
    assert (good, bad, silent) == ("works  good", "fails  bad", "fails  silent")
    assert "Incorrect API key provided" in answer.out
    assert "Put a valid key into OPENAI_API_KEY" in answer.out
    assert "calls no tools" in answer.out
    assert 'tools = "text"' in answer.out
    errors = [trial["error"] for trial in json.loads(sme("model", "test", "--json").out)]
    assert errors[0] is None
    assert [error["class"] for error in errors[1:]] == ["ModelKeyInvalid", "AnswerMalformed"]
    assert all(error["remedy"] for error in errors[1:])


def test_a_model_outside_the_chain_can_be_tried_by_its_full_name(sme, monkeypatch):
    monkeypatch.delenv("OPENAI_API_KEY", raising=False)
    answer = sme("model", "test", "openai/some-model")
    assert answer.code == 1
    assert "OPENAI_API_KEY" in answer.out
    assert sme("model", "test", "nix").code == 2


def test_stopping_ends_it_at_once(start_sme, home, server):
    home(config(server, "hangs"))
    running = start_sme("model", "test")
    eventually(lambda: any(request.method == "POST" for request in server.requests))
    running.process.send_signal(signal.SIGINT)
    assert running.wait().code == 130


def test_a_diagnosis_records_its_calls_and_names_nobody(start_sme, home, full_host, tmp_path):
    log = tmp_path / "calls.jsonl"
    look = {"name": "look", "arguments": {"host": "<host:1>", "probes": ["system.load"]}}
    plan = [*of("thinks", {"when": {"turn": 1}, "calls": [look]}, {"error": "wrong-key"})]
    with scripted(plan) as server:
        home(
            f"anonymise = true\n{config(server, 'thinks')}\n"
            f'[telemetry]\nlog = "{log}"\ncontent = true\n'
        )
        answer = start_sme("diagnose", full_host).wait(60)
        assert answer.code == 1, answer
        assert "/ is " in answer.out  # by the rules
        assert "Incorrect API key" in answer.err
        bodies = [json.dumps(request.body) for request in server.requests if request.body]
        assert len(bodies) >= 2
        assert not any("web1" in body for body in bodies)
    calls = [json.loads(line) for line in log.read_text().splitlines()]
    assert [call["event"] for call in calls] == ["model_call", "tool_call", "model_call"]
    assert (calls[0]["ended"], calls[2]["error"]) == ("calls", "ModelKeyInvalid")
    assert calls[1]["tool"] == "look"
    assert len({call["session"] for call in calls}) == 1
    assert "web1" not in log.read_text()
