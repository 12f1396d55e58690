"""A whole incident in each wire format, played from recordings with every way out closed.

SME_CASSETTES=record pytest tests/agent/llm/test_cassettes.py     records them anew
"""

import json
import socket
from dataclasses import replace
from functools import cache

import pytest
import yaml

from cassettes import FOLDER, KEPT_HEADERS, MARK, RECORDS, SAID, essence, played, sealed
from changing import QuickClock
from sme_agent.events import Concluded, Learned, RulesGoOn
from sme_agent.llm.chain import chain
from sme_agent.llm.events import Reasoning, Withdrawn
from sme_agent.llm.gateway import Gateway
from sme_agent.llm.litellm_start import start
from sme_agent.model.lessons import Lessons
from sme_agent.model.means import Means
from sme_agent.model.reasoner import ModelReasoner
from sme_agent.questions import Answer
from sme_agent.talk import Talk
from sme_knowledge.known_issue import KnownIssue
from sme_memory.conversations import ConversationStore
from sme_memory.incident import Incident
from sme_memory.model_ledger import ModelLedger
from sme_prompts.load import Prompts
from sme_tools.hosts.guarded import GuardedTransport
from sme_tools.hosts.host import Host
from sme_tools.hosts.local import LocalTransport
from sme_tools.hosts.replay import ReplayTransport
from sme_tools.probes.registry import probes
from sme_tools.settings import Settings
from typed_commands import DF

KEY = "sk-not-to-be-kept"
FORMATS = {
    "openai": {"model": "openai/scripted", "path": "/v1"},
    "anthropic": {"model": "anthropic/claude-sonnet-4-5", "reasoning_effort": "low"},
    "ollama": {"model": "ollama_chat/scripted"},
    "deepseek-text": {"model": "deepseek/deepseek-chat", "path": "/v1"},
}
CALLS = [
    [
        ("look", {"host": "here", "probes": ["storage.filesystems"], "why": "see"}),
        ("run", {"host": "here", "command": "ls ~/srv", "why": "see"}),
    ],
    [
        (
            "propose_fix",
            {
                "host": "here",
                "why": "the file fills it",
                "steps": [
                    {
                        "title": "Put the core file aside",
                        "run": "mv ~/srv/core.1 ~/srv/old",
                        "undo": "mv ~/srv/old ~/srv/core.1",
                        "verify": "test ! -e ~/srv/core.1",
                    }
                ],
            },
        )
    ],
    [
        (
            "conclude",
            {
                "summary": "a core file filled it",
                "verdict": "cause-found",
                "confidence": "high",
                "next_steps": [{"text": "see why it crashed"}],
                "causes": [
                    {
                        "host": "here",
                        "text": "core.1 filled the folder",
                        "evidence": ["{{from run here/command.1#[0-9]+}}"],
                        "quotes": ["core.1"],
                    }
                ],
            },
        )
    ],
    [
        (
            "save_lesson",
            {
                "kind": "new",
                "reason": "no known issue has it",
                "issue": "core-file-left",
                "title": "A core file was left",
                "symptoms": ["the folder is full"],
                "root_cause": "A crash left its core file.",
            },
        )
    ],
]


def story(form):
    """What the model does, from the first look to the lesson."""
    plan = []
    for number, calls in enumerate(CALLS, 1):
        exchange = {
            "thinks": f"Step {number}: what now?",
            "chunks": "awkward" if number == 1 else 1,
        }
        if form == "deepseek-text":
            exchange["says"] = dsml(calls)
            exchange["ends"] = "stop"
        else:
            exchange["calls"] = [{"name": name, "arguments": given} for name, given in calls]
            exchange["says"] = "One moment."
        if form == "anthropic":
            exchange["signature"] = f"c2lnbmVk{number}"
        plan.append(exchange)
    return plan


def dsml(calls):
    """Calls as DeepSeek's models write them where their server does not read them."""
    bar = "｜DSML｜"
    text = f"One moment.\n\n<{bar}function_calls>\n"
    for name, given in calls:
        text += f'<{bar}invoke name="{name}">\n'
        for key, value in given.items():
            is_text = isinstance(value, str)
            said = value if is_text else json.dumps(value)
            kind = "true" if is_text else "false"
            text += f'<{bar}parameter name="{key}" string="{kind}">{said}</{bar}parameter>\n'
        text += f"</{bar}invoke>\n"
    return f"{text}</{bar}function_calls>"


class HalfRecorded(LocalTransport):
    """This machine, but its probes are answered from a snapshot: the same on every machine."""

    def __init__(self, host, snapshot):
        super().__init__(host)
        self._recorded = ReplayTransport(snapshot)

    def run(self, script, *, timeout_s):
        probed = all(step.id in probes() for step in script.steps)
        answering = self._recorded if probed else super()
        return answering.run(script, timeout_s=timeout_s)


@pytest.fixture
def open_talk(colleague, host_that_prints, own_folders, tmp_path, monkeypatch):
    """A function that opens a talk with a model at an address, about a folder that is full."""
    monkeypatch.setenv("A_KEY", KEY)
    start()
    (tmp_path / "locks").mkdir()
    (own_folders / "srv").mkdir()
    (own_folders / "srv/core.1").write_text("x" * 100)
    here = Host(name="here", transport="local")
    snapshot = host_that_prints("here", storage__filesystems=DF.replace("100%", "45%") + "\n")
    talks = []

    def open_(form, base):
        options = dict(FORMATS[form])
        options["api_base"] = base + options.pop("path", "")
        options["api_key"] = "env:A_KEY"
        settings = Settings(models=("play", "rules"), model={"play": options})

        @cache  # one for all: each asks the server once what the model can do
        def gateway(session):
            return Gateway(
                chain(settings),
                ledger=ModelLedger(tmp_path / "models.db"),
                budget=settings.budget,
                session=session,
                wait_budget_s=0,
                then="rules",
            )

        means = Means(
            gateway=gateway,
            summary_gateway=gateway,
            lesson_gateway=gateway,
            conversations=ConversationStore(tmp_path / "conversations.db"),
            prompts=Prompts(),
            lessons=Lessons(
                tmp_path / "issues", colleague.changes, colleague.log, colleague.guard.redactor
            ),
        )
        ours = replace(
            colleague,
            open_transport=lambda host: GuardedTransport(
                host, HalfRecorded(host, snapshot), colleague.guard
            ),
            reasoner=lambda: ModelReasoner(means),
            clock=QuickClock(),
            lock_folders=(str(tmp_path / "locks"),),
        )
        yes = lambda question: Answer("yes", by="user ann")  # noqa: E731
        talk = Talk(ours, Incident.begin(["here"]), [here], ask=yes)
        talks.append(talk)
        return talk

    yield open_
    for talk in talks:
        talk.close()


def of(kind, events):
    return [event for event in events if isinstance(event, kind)]


@pytest.mark.parametrize("form", FORMATS)
def test_a_whole_incident_is_played_from_its_recording(form, open_talk, own_folders, tmp_path):
    with played(form, story(form)) as tape:
        events = list(open_talk(form, tape.base).say(SAID))
    assert not of(RulesGoOn, events)
    assert of(Reasoning, events)
    assert not of(Withdrawn, events)
    assert (own_folders / "srv/old").exists()
    diagnosis = of(Concluded, events)[-1].incident.diagnosis
    assert [(c.text, c.supported) for c in diagnosis.root_causes] == [
        ("core.1 filled the folder", True)
    ]
    (learned,) = of(Learned, events)
    assert KnownIssue.read(tmp_path / "issues" / f"{learned.issue}.md").status == "candidate"
    assert tape.cassette.all_played or RECORDS


def test_what_a_provider_wants_back_is_in_the_recorded_requests():
    def last(form):
        """The longest conversation: the lesson after it has one of its own."""
        recorded = yaml.safe_load((FOLDER / f"{form}.yaml").read_text("utf-8"))["interactions"]
        bodies = [json.loads(one["request"]["body"] or "{}") for one in recorded]
        return max((body.get("messages", []) for body in bodies), key=len)

    answers = [said for said in last("anthropic") if said["role"] == "assistant"]
    thoughts = [block for said in answers for block in said["content"] if "thinking" in block]
    assert [(one["thinking"], one["signature"]) for one in thoughts] == [
        (f"Step {number}: what now?", f"c2lnbmVk{number}") for number in (1, 2)
    ]
    for form in ("openai", "deepseek-text", "ollama"):
        calls = [call for said in last(form) for call in said.get("tool_calls", ())]
        assert [call["function"]["name"] for call in calls] == ["look", "run", "propose_fix"]
        assert "DSML" not in str(last(form))


@pytest.mark.skipif(RECORDS, reason="recording")
def test_another_request_is_not_answered(open_talk):
    with played("openai", []) as tape:
        events = list(open_talk("openai", tape.base).say("something else"))
    assert "no recorded interaction matches" in of(RulesGoOn, events)[0].reason
    assert tape.cassette.play_count == 1  # the list of models


def test_the_words_of_prompts_may_change_and_what_a_host_said_may_not():
    def request(words, said, named="look"):
        fenced = f"<<data-0123456789abcdef web1/df#1\n{said}\ndata-0123456789abcdef>>"
        tool = {"type": "function", "function": {"name": named, "description": words}}
        messages = [
            {"role": "system", "content": words},
            {"role": "tool", "tool_call_id": "1", "content": f"{words}\n{fenced}"},
        ]
        return essence({"messages": messages, "tools": [tool]})

    assert request("one", "full") == request("two", "full")
    assert request("one", "full") != request("one", "empty")
    assert request("one", "full") != request("one", "full", named="run")


def test_while_a_cassette_plays_nothing_is_reached_this_machine_included():
    with socket.create_server(("127.0.0.1", 0)) as server, socket.socket() as other:
        with sealed():
            for reach in (socket.create_connection, other.connect, other.connect_ex):
                with pytest.raises(AssertionError, match="something calls out"):
                    reach(server.getsockname())
        socket.create_connection(server.getsockname()).close()


@pytest.mark.parametrize("form", FORMATS)
def test_no_key_and_no_address_is_in_a_cassette(form):
    text = (FOLDER / f"{form}.yaml").read_text("utf-8")
    assert KEY not in text
    assert "127.0.0.1" not in text
    for recorded in yaml.safe_load(text)["interactions"]:
        assert set(recorded["request"]["headers"]) <= {*KEPT_HEADERS, MARK}
