"""Whole conversations with a model that follows a script, over real HTTP, about this machine."""

import threading
from dataclasses import replace

import pytest

from changing import QuickClock
from models import scripted
from sme_agent.events import (
    Changing,
    Concluded,
    Denied,
    Learned,
    LimitNear,
    Nudged,
    PersonAsked,
    RulesGoOn,
    StepStarted,
    ToolUsed,
)
from sme_agent.llm.chain import chain
from sme_agent.llm.events import Answered, Asking, Text
from sme_agent.llm.gateway import Gateway
from sme_agent.llm.messages import AssistantMessage, ToolMessage, UserMessage
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
from sme_tools.errors import Interrupted
from sme_tools.hosts.host import Host
from sme_tools.model_settings import TurnLimits
from sme_tools.settings import Settings

HERE = Host(name="here", transport="local")


@pytest.fixture
def model_colleague(colleague, tmp_path, monkeypatch):
    """A function that gives a colleague whose reasoner is a model at a server."""
    monkeypatch.setenv("A_KEY", "none")
    (tmp_path / "locks").mkdir()

    def make(server, limits=TurnLimits()):  # noqa: B008 - a value
        settings = Settings(
            models=("play", "rules"),
            model={
                "play": {
                    "model": "openai/scripted",
                    "api_base": server.openai_base,
                    "api_key": "env:A_KEY",
                }
            },
        )

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
            limits=limits,
        )
        return replace(
            colleague,
            reasoner=lambda: ModelReasoner(means),
            clock=QuickClock(),
            lock_folders=(str(tmp_path / "locks"),),
        )

    return make


@pytest.fixture
def talk_with(model_colleague):
    """A function that opens a talk with a model at a server; it is closed at the end."""
    talks = []

    def open_(server, hosts=(HERE,), incident=None, limits=TurnLimits(), **options):  # noqa: B008
        begun = incident or Incident.begin([host.name for host in hosts])
        colleague = model_colleague(server, limits)
        talk = Talk(colleague, begun, hosts, is_new=incident is None, **options)
        talks.append(talk)
        return talk

    yield open_
    for talk in talks:
        talk.close()


def of(kind, events):
    return [event for event in events if isinstance(event, kind)]


def said(talk):
    """The conversation in short: who, and what."""
    return [
        (message.role, getattr(message, "name", None) or message.text)
        for message in talk.reasoner.messages(talk.case)
    ]


def test_a_question_that_needs_no_look_is_answered_at_once(talk_with):
    with scripted([{"says": "By **du**, as ever."}]) as server:
        talk = talk_with(server, hosts=())
        events = list(talk.say("what shows large folders?"))
    assert "".join(event.text for event in of(Text, events)) == "By **du**, as ever."
    assert of(Answered, events)[0].model == "play"
    assert not of(Concluded, events)
    assert said(talk) == [
        ("user", "what shows large folders?"),
        ("assistant", "By **du**, as ever."),
    ]


def full_folder(tmp_path):
    """What is wrong on this machine: a file that must go, and the folder it is in."""
    folder = tmp_path / "srv"
    folder.mkdir()
    (folder / "core.1").write_text("x" * 100)
    return folder


def story(folder):
    """What a model does about it, from the first look to the lesson."""
    listing = f"ls -l {folder}"
    return [
        {
            "thinks": "What is in it?",
            "calls": [
                {
                    "name": "hypothesis",
                    "arguments": {"theory": "a core file fills it", "test": "list it"},
                },
                {"name": "run", "arguments": {"host": "here", "command": listing, "why": "see"}},
                {
                    "name": "read_file",
                    "arguments": {"host": "here", "path": f"{folder}/core.1", "lines": 3},
                },
            ],
        },
        {
            "when": {"has_tool_result": "run"},
            "calls": [
                {
                    "name": "propose_fix",
                    "arguments": {
                        "host": "here",
                        "why": "the file fills it",
                        "steps": [
                            {
                                "title": "Put the core file aside",
                                "run": f"mv {folder}/core.1 {folder}/old",
                                "undo": f"mv {folder}/old {folder}/core.1",
                                "verify": f"test ! -e {folder}/core.1",
                            }
                        ],
                    },
                }
            ],
        },
        {
            "when": {"has_tool_result": "propose_fix"},
            "calls": [
                {
                    "name": "conclude",
                    "arguments": {
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
                }
            ],
        },
        {
            "when": {"last_user": "save_lesson"},
            "calls": [
                {
                    "name": "save_lesson",
                    "arguments": {
                        "kind": "new",
                        "reason": "no known issue has it",
                        "issue": "core-file-left",
                        "title": "A core file was left",
                        "symptoms": ["the folder is full"],
                        "root_cause": "A crash left its core file.",
                    },
                }
            ],
        },
    ]


def test_a_whole_incident_from_the_symptom_to_the_lesson(talk_with, tmp_path):
    folder = full_folder(tmp_path)
    asked = []

    def yes(question):
        asked.append(question)
        return Answer("yes", by="user ann")

    with scripted(story(folder)) as server:
        talk = talk_with(server, ask=yes)
        events = list(talk.say(f"{folder} is full, please mend it"))
    assert [question.command for question in asked] == [f"mv {folder}/core.1 {folder}/old"]
    assert asked[0].asked_by == "model play"
    looks = [event for event in of(StepStarted, events) if event.step == "observe"]
    assert len(looks) == 2, "what was changed is looked at again"
    assert (folder / "old").exists()
    assert not (folder / "core.1").exists()
    assert of(Changing, events)
    incident = of(Concluded, events)[-1].incident
    assert incident.diagnosis.by == "model play"
    assert [(c.text, c.supported) for c in incident.diagnosis.root_causes] == [
        ("core.1 filled the folder", True)
    ]
    assert [repair.outcome.host_state for repair in incident.repairs] == ["new"]
    assert [one.theory for one in incident.hypotheses if one.cause is None] == [
        "a core file fills it"
    ]
    (learned,) = of(Learned, events)
    issue = KnownIssue.read(tmp_path / "issues" / "core-file-left.md")
    assert learned.issue == issue.id
    assert issue.status == "candidate"
    assert issue.resolution[0].run == f"mv {folder}/core.1 {folder}/old"


def test_a_no_is_heard_with_its_reason(talk_with, tmp_path):
    folder = full_folder(tmp_path)
    plan = [*story(folder)[:2], {"says": "Then I leave it."}]
    with scripted(plan) as server:
        talk = talk_with(server, ask=lambda q: Answer("no", by="user ann", reason="I need it"))
        list(talk.say("mend it"))
    assert (folder / "core.1").exists()
    heard = [m for m in talk.reasoner.messages(talk.case) if isinstance(m, ToolMessage)][-1]
    assert heard.name == "propose_fix"
    assert "I need it" in heard.text


def test_an_edited_command_runs_in_place_of_the_one_that_was_asked_for(talk_with, tmp_path):
    plan = [
        {
            "calls": [
                {
                    "name": "run",
                    "arguments": {
                        "host": "here",
                        "command": f"touch {tmp_path}/a",
                        "why": "mark it",
                    },
                }
            ]
        },
        {"says": "Done."},
    ]
    with scripted(plan) as server:
        edited = Answer("yes", by="user ann", command=f"touch {tmp_path}/b")
        talk = talk_with(server, ask=lambda question: edited)
        list(talk.say("mark it"))
    assert not (tmp_path / "a").exists()
    assert (tmp_path / "b").exists()
    heard = [m for m in talk.reasoner.messages(talk.case) if isinstance(m, ToolMessage)][-1]
    assert f"touch {tmp_path}/b" in heard.text


def test_without_anybody_there_a_change_is_denied_and_the_model_hears_why(talk_with, tmp_path):
    change = {"host": "here", "command": f"touch {tmp_path}/a", "why": "mark it"}
    with scripted([{"calls": [{"name": "run", "arguments": change}]}, {"says": "Well."}]) as server:
        talk = talk_with(server)
        events = list(talk.say("mark it"))
        names = {tool["function"]["name"] for tool in server.asked[0].body["tools"]}
    assert of(Denied, events)
    assert not (tmp_path / "a").exists()
    assert "propose_fix" not in names


def test_what_the_model_asks_is_answered_by_the_next_message(talk_with):
    plan = [
        {"calls": [{"name": "ask_user", "arguments": {"question": "Since when?"}}]},
        {"when": {"last_user": "yesterday"}, "says": "Thank you."},
    ]
    with scripted(plan) as server:
        talk = talk_with(server, hosts=(), ask=lambda question: None)
        events = list(talk.say("it is slow"))
        assert of(PersonAsked, events) == [PersonAsked("Since when?")]
        events = list(talk.say("since yesterday"))
    assert of(Text, events)[0].text
    roles = [role for role, _ in said(talk)]
    assert roles == ["user", "assistant", "tool", "user", "assistant"]


def test_where_no_model_answers_the_rules_go_on_and_say_so(talk_with):
    with scripted([{"error": "wrong-key", "times": "forever"}]) as server:
        talk = talk_with(server)
        events = list(talk.say("is something wrong?"))
        assert of(RulesGoOn, events)
        assert of(Concluded, events)[0].incident.diagnosis.by == "rules"
        assert talk.reasoner.name == "rules"


def test_a_killed_talk_goes_on_where_it_was(talk_with, tmp_path):
    folder = full_folder(tmp_path)
    question_put = threading.Event()

    class Killed(BaseException):
        """Stands for the end of the process in the middle of a question."""

    def dies(question):
        question_put.set()
        raise Killed

    with scripted(story(folder)) as server:
        talk = talk_with(server, ask=dies)
        with pytest.raises(Killed):
            list(talk.say("mend it"))
        talk.close()
        incident = talk.incident
        again = talk_with(server, incident=incident, ask=lambda q: Answer("yes", by="user ann"))
        events = list(again.go_on())
        asked_of_the_model = len(server.asked)
    assert question_put.is_set()
    assert (folder / "old").exists()
    assert of(Concluded, events)
    assert asked_of_the_model == 4, "what the model had said was not asked for again"


def test_ctrl_c_ends_the_turn_and_the_next_one_goes_on(talk_with):
    plan = [{"breaks": {"hang_after": 0}, "says": "never"}, {"says": "Here I am."}]
    with scripted(plan) as server:
        talk = talk_with(server, hosts=())
        with pytest.raises(Interrupted):
            for event in talk.say("hello?"):
                if isinstance(event, Asking):
                    threading.Timer(0.2, talk.stop).start()
        list(talk.say("still there?"))
    assert said(talk)[-1] == ("assistant", "Here I am.")


def test_what_a_person_brings_along_is_evidence(talk_with):
    plan = [
        {
            "calls": [
                {"name": "evidence", "arguments": {"pattern": "needle", "id": "you/stdin.1#0"}}
            ]
        },
        {"says": "Line 700."},
    ]
    text = "\n".join(f"line {number}" for number in range(699)) + "\nthe needle password=hunter22\n"
    with scripted(plan) as server:
        talk = talk_with(server, hosts=())
        attached = talk.attach("stdin", text)
        events = list(talk.say("where is it?", [attached]))
    (used,) = of(ToolUsed, events)
    assert "700" in used.result
    assert "hunter22" not in used.result
    first = talk.reasoner.messages(talk.case)[0]
    assert isinstance(first, UserMessage)
    assert attached.id in first.text


def test_independent_calls_run_side_by_side_and_are_heard_in_their_order(talk_with, tmp_path):
    """The first waits for what the second does, so that one after the other would never end."""
    waits = f"until test -e {tmp_path}/made; do sleep 0.05; done; echo first"
    makes = f"touch {tmp_path}/made; echo second"
    calls = [
        {"name": "run", "arguments": {"host": host, "command": command, "why": "see"}}
        for host, command in (("here", waits), ("there", makes))
    ]
    there = Host(name="there", transport="local")
    with scripted([{"calls": calls}, {"says": "Both."}]) as server:
        talk = talk_with(server, hosts=(HERE, there), ask=lambda q: Answer("yes", by="user ann"))
        list(talk.say("do both"))
    heard = [m for m in server.asked[1].body["messages"] if m["role"] == "tool"]
    assert ["first" in heard[0]["content"], "second" in heard[1]["content"]] == [True, True]
    brought = [m.evidence for m in talk.reasoner.messages(talk.case) if isinstance(m, ToolMessage)]
    assert {id.split("/")[0] for ids in brought for id in ids} == {"here", "there"}


def test_going_in_circles_is_met_with_a_nudge_then_without_tools(talk_with):
    again = {"calls": [{"name": "known_issues", "arguments": {"query": "disk"}}], "times": 6}
    with scripted([again, {"says": "I know no more."}]) as server:
        talk = talk_with(server, hosts=())
        events = list(talk.say("why?"))
        last = server.asked[-1].body
    assert [nudge.tools_left for nudge in of(Nudged, events)] == [True, False]
    assert {tool["function"]["name"] for tool in last["tools"]} == {"conclude"}
    assert said(talk)[-1] == ("assistant", "I know no more.")


def test_a_limit_is_said_before_it_is_reached(talk_with):
    looks = [
        {"calls": [{"name": "known_issues", "arguments": {"query": f"disk {number}"}}]}
        for number in range(4)
    ]
    with scripted([*looks, {"says": "That is all."}]) as server:
        talk = talk_with(server, hosts=(), limits=TurnLimits(steps=4))
        events = list(talk.say("why?"))
        near = server.asked[3].body["messages"][-1]["content"]
    assert [event.text for event in of(LimitNear, events)] == [
        "75 % of the steps for this turn are used",
        "the steps for this turn are used up",
    ]
    assert "75 %" in near
    assert said(talk)[-1] == ("assistant", "That is all.")


def test_the_last_exchange_can_be_taken_back(talk_with):
    with scripted([{"says": "One."}, {"says": "Two."}]) as server:
        talk = talk_with(server, hosts=())
        list(talk.say("first"))
        list(talk.say("second"))
    assert talk.reasoner.take_back(talk.case) == "second"
    assert said(talk) == [("user", "first"), ("assistant", "One.")]


def test_a_diagnosis_without_a_person_ends_with_a_conclusion(model_colleague):
    stated = {
        "summary": "all is well",
        "verdict": "incomplete",
        "confidence": "low",
        "causes": [],
        "next_steps": [{"text": "look again"}],
    }
    plan = [{"says": "All is well."}, {"calls": [{"name": "conclude", "arguments": stated}]}]
    with scripted(plan) as server:
        events = list(model_colleague(server).investigate([HERE], "is it slow?"))
    diagnosis = of(Concluded, events)[0].incident.diagnosis
    assert (diagnosis.by, diagnosis.summary) == ("model play", "all is well")
    assert isinstance(of(Answered, events)[0].message, AssistantMessage)
