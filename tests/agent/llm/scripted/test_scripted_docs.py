"""docs/scripted-server.md says what is there, and its example can be played."""

import re
import tomllib
from pathlib import Path

import pytest

from models import heard, request, scripted
from sme_agent.llm.scripted import plan as form
from sme_agent.llm.scripted.named_errors import named_errors
from sme_agent.llm.scripted.templates import VALUES
from sme_agent.model.arguments import ARGUMENTS
from sme_tools.model_settings import ModelOptions

PAGE = (Path(__file__).parents[4] / "docs/scripted-server.md").read_text("utf-8")
EXAMPLE = re.search(r"## A plan\n\n```yaml\n(.*?)```", PAGE, re.S)[1]


def rows(heading):
    """The rows of the tables below a heading, each as its cells."""
    section = re.search(rf"^#+ {heading}\n(.*?)(?=^#|\Z)", PAGE, re.S | re.M)[1]
    found = re.findall(r"^\| (`.*) \|$", section, re.M)
    return [[cell.strip() for cell in row.split("|")] for row in found]


@pytest.mark.parametrize(
    ("heading", "model"),
    [
        ("The file", form.Plan),
        ("An exchange", form.Exchange),
        ("when", form.When),
        ("calls", form.Call),
        ("usage", form.UsageStated),
        ("error", form.Failure),
        ("breaks", form.Break),
        ("models", form.ScriptedModel),
    ],
)
def test_every_key_is_in_its_table(heading, model):
    keys = [row[0].strip("`") for row in rows(heading)]
    keys = [key for key in keys if key not in named_errors()]
    assert keys == list(model.model_fields)


def test_every_named_error_is_there_with_its_forms():
    told = {row[0].strip("`"): row[1].split(", ") for row in rows("error") if len(row) == 2}
    assert told == {name: list(forms) for name, forms in named_errors().items()}


def test_every_value_is_there():
    values = [re.match(r"`\{\{(\w+)", row[0])[1] for row in rows("Values of the request")]
    assert values == list(VALUES)


def test_the_settings_are_ones_that_there_are():
    settings = tomllib.loads(re.search(r"```toml\n(.*?)```", PAGE, re.S)[1])
    assert ModelOptions.model_validate(settings["model"]["play"])
    assert settings["models"][0] == "play"


RESULTS = {
    "look": "[localhost/storage.filesystems#2] tmpfs 100% /srv/cache used",
    "run": "web db",
    "conclude": "accepted",
}


def openai_turn(said):
    calls = [
        {"id": f"c{at}", "type": "function", "function": {"name": name, "arguments": arguments}}
        for at, (name, arguments) in enumerate(said.calls)
    ]
    yield {"role": "assistant", "content": said.text, "tool_calls": calls}
    for call in calls:
        text = RESULTS[call["function"]["name"]]
        yield {"role": "tool", "tool_call_id": call["id"], "content": text}


def test_the_example_plays_a_whole_incident():
    messages = [{"role": "user", "content": "why is there no space left?"}]
    texts, calls = [], []
    with scripted(EXAMPLE) as server:
        path = "/v1/chat/completions"
        first = request(server, path, {"model": "scripted", "messages": messages})
        assert (first.status, first.headers["retry-after"]) == (429, "1")
        while messages[-1]["role"] != "assistant":
            body = {"model": "scripted", "messages": messages, "stream": True}
            said = heard("openai", request(server, path, body).raw)
            texts.append(said.text)
            calls += said.calls
            messages += openai_turn(said)
        assert server.unplayed == []
        assert request(server, path, {"messages": messages}).status == 503
    assert texts == [
        "I look at the filesystems.",
        "/srv/cache is full, as localhost/storage.filesystems#2 shows.",
        "Done.",
    ]
    assert [name for name, _ in calls] == ["look", "run", "conclude"]
    for name, arguments in calls:
        assert ARGUMENTS[name].model_validate_json(arguments), "sme takes them as they are"
    assert "docker ps --format '{{.Names}}'" in calls[1][1]
    (cause,) = ARGUMENTS["conclude"].model_validate_json(calls[2][1]).causes
    assert cause.text == "the tmpfs on /srv/cache is full"
    assert cause.evidence == ["localhost/storage.filesystems#2"]
