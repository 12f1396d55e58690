"""The gateway against a real server: every failure, and what is done about it."""

import json
import re
import threading
import tomllib
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from model_failures import FAILURES, LOOK, Hurried, error, play, row
from models import scripted
from sme_agent.llm.breaker import Breaker
from sme_agent.llm.chain import chain
from sme_agent.llm.events import (
    Answered,
    Asking,
    ModelFailed,
    Noted,
    Text,
    Waiting,
    Wasted,
    Withdrawn,
)
from sme_agent.llm.gateway import Gateway
from sme_agent.llm.messages import Tool, UserMessage
from sme_agent.llm.model import Prompt
from sme_memory.model_ledger import ModelLedger
from sme_tools.errors import BudgetSpent, Interrupted, NoModelAnswers, UsageError
from sme_tools.model_settings import Allowance, Budget, ModelOptions
from sme_tools.safety.anonymise import Anonymiser
from sme_tools.settings import Settings

DOCS = Path(__file__).parents[3] / "docs/models.md"
FINE = {"says": "The disk is full."}
HELLO = [UserMessage(text="Why is it slow?")]


class Lab:
    """A chain of models on a scripted server, and one ledger."""

    def __init__(self, folder, server):
        self.server = server
        self.ledger = ModelLedger(folder / "models.db")
        self.clock = Hurried()
        self.cancelled = threading.Event()

    def gateway(self, *names, options=None, budget=None, wait_budget_s=60.0, **more):
        names = names or ("openai/first",)
        base = {"api_base": self.server.openai_base, "context_tokens": 16_000}
        given = {name: {**base, **(options or {}).get(name, {})} for name in names}
        settings = Settings.model_validate({"models": [*names, "rules"], "model": given})
        return Gateway(
            chain(settings),
            ledger=self.ledger,
            budget=budget or Budget(),
            session="s1",
            wait_budget_s=wait_budget_s,
            then="rules",
            clock=self.clock,
            **more,
        )

    def ask(self, gateway, messages=HELLO, *, tools=(), **more):
        prompt = Prompt("You look after machines.", messages, tools, **more)
        return list(gateway.answer(lambda model: prompt, cancelled=self.cancelled))

    @property
    def bodies(self):
        return [request.body for request in self.server.requests if request.method == "POST"]


@pytest.fixture
def lab(tmp_path):
    """Opens a lab for a plan; what was asked that the plan has no answer for fails the test."""
    open_ones = []

    def open_lab(*exchanges):
        server = scripted(list(exchanges))
        open_ones.append(server)
        return Lab(tmp_path, server.__enter__())

    yield open_lab
    for server in open_ones:
        server.__exit__(None, None, None)


def only(events, kind):
    return [event for event in events if isinstance(event, kind)]


def texts(body):
    return [message["content"] for message in body["messages"]]


@pytest.mark.parametrize("failure", FAILURES, ids=lambda failure: failure.what)
def test_each_failure_is_met_as_the_page_on_models_says(failure, tmp_path):
    assert row(failure, play(failure, tmp_path)) in DOCS.read_text("utf-8").splitlines(), (
        "run: python tests/model_failures.py"
    )


def test_the_page_on_models_has_no_other_failures():
    section = DOCS.read_text("utf-8").split("| what goes wrong |")[1].split("\n\n")[0]
    assert len(section.splitlines()) == 2 + len(FAILURES)


def test_what_the_page_on_models_says_to_write_are_settings():
    examples = re.findall(r"```toml\n(.*?)```", DOCS.read_text("utf-8"), re.S)
    for example in examples:
        Settings.model_validate(tomllib.loads(example))
    everything = next(tomllib.loads(one)["model"] for one in examples if "temperature" in one)
    (options,) = everything.values()
    assert set(options) == set(ModelOptions.model_fields)


def test_an_answer_comes_as_it_is_said_and_is_paid(lab):
    here = lab(FINE | {"chunks": "words", "usage": {"input": 90, "output": 10, "cached": 30}})
    gateway = here.gateway(options={"openai/first": {"input_cost": 1.0, "output_cost": 2.0}})
    events = here.ask(gateway)
    assert isinstance(events[0], Asking)
    assert "".join(event.text for event in only(events, Text)) == "The disk is full."
    assert len(only(events, Text)) > 1
    answer = events[-1]
    assert (answer.message.text, answer.model) == ("The disk is full.", "openai/first")
    assert gateway.spent == answer.usage
    assert answer.usage.cost_usd == pytest.approx(110e-6)
    assert gateway.current.name == "openai/first"
    assert here.ledger.spent_in("s1").tokens == 100
    (use,) = here.ledger.by_model(datetime.now(UTC) - timedelta(hours=1))
    assert (use.model, use.cached_tokens) == ("openai/first", 30)


def test_the_next_model_answers_and_the_failed_one_is_left_alone_by_later_programs(lab):
    here = lab(
        {"when": {"model": "first"}, **error("wrong-key")},
        {"when": {"model": "second"}, **FINE, "times": 2},
    )
    chain_ = ("openai/first", "openai/second")
    failed = only(here.ask(here.gateway(*chain_)), ModelFailed)
    assert [(event.model, event.then) for event in failed] == [("openai/first", "openai/second")]
    events = here.ask(here.gateway(*chain_))
    (left_alone,) = only(events, ModelFailed)
    assert left_alone.reason.startswith("left alone for another 10 min, as it failed: Incorrect")
    assert left_alone.remedy.endswith("sme model test openai/first")
    assert [body["model"] for body in here.bodies] == ["first", "second", "second"]
    assert events[-1].model == "openai/second"


def test_after_its_time_a_failed_model_is_tried_again_and_forgiven(lab):
    here = lab(FINE)
    long_ago = Breaker(failures=3, opened=2, until=1.0, reason="was down")
    here.ledger.change_health("openai/first", lambda _: long_ago.to_json())
    assert here.ask(here.gateway())[-1].message.text == "The disk is full."
    assert here.ledger.health("openai/first") is None


def test_a_model_that_is_chosen_is_asked_first_and_at_once(lab):
    here = lab({"when": {"model": "second"}, **FINE})
    gateway = here.gateway("openai/first", "openai/second")
    left_alone = Breaker(1, 1, datetime.now(UTC).timestamp() + 500, "was down")
    here.ledger.change_health("openai/second", lambda _: left_alone.to_json())
    gateway.choose("openai/second")
    assert gateway.current.name == "openai/second"
    assert here.ask(gateway)[-1].model == "openai/second"
    with pytest.raises(UsageError, match="no model 'openai/third'") as raised:
        gateway.choose("openai/third")
    assert "openai/second, openai/first" in raised.value.remedy


def test_where_no_model_answers_each_reason_is_given_and_the_rules_go_on(lab):
    here = lab(
        {"when": {"model": "first"}, **error("quota-429")},
        {"when": {"model": "second"}, **error("unknown-model")},
    )
    events = []
    with pytest.raises(NoModelAnswers) as raised:
        gateway = here.gateway("openai/first", "openai/second")
        for event in gateway.answer(lambda model: Prompt("", HELLO), cancelled=threading.Event()):
            events.append(event)
    assert list(raised.value.reasons) == ["openai/first", "openai/second"]
    assert "exceeded your current quota" in raised.value.reasons["openai/first"]
    assert [event.then for event in only(events, ModelFailed)] == ["openai/second", "rules"]


def test_without_a_model_nothing_is_asked():
    gateway = Gateway(
        [], ledger=ModelLedger(Path("/nowhere")), budget=Budget(), session="", wait_budget_s=1
    )
    with pytest.raises(NoModelAnswers, match="no model is configured"):
        next(gateway.answer(lambda model: Prompt("", HELLO), cancelled=threading.Event()))


def test_a_failed_attempt_leaves_no_trace_in_the_conversation(lab):
    loop = "<｜DSML｜function_calls>" + '<｜DSML｜invoke name="look">' * 8
    here = lab({"raw": "I look. " + loop, "times": 2}, FINE)
    events = here.ask(here.gateway(), tools=[LOOK])
    first, second, third = here.bodies
    assert first == second == third
    kinds = [type(event) for event in events if not isinstance(event, Asking | Wasted)]
    assert kinds[-2:] == [Text, Answered]
    assert [w.attempt for w in only(events, Waiting)] == [1, 2]
    assert here.clock.waited == [1.0, 2.0]
    assert len(only(events, Withdrawn)) == 2
    assert events[-1].message.text == "The disk is full."


def test_what_a_failed_attempt_took_is_in_the_books(lab):
    here = lab({"says": "", "usage": {"input": 70, "output": 5}}, FINE)
    events = here.ask(here.gateway(options={"openai/first": {"input_cost": 1, "output_cost": 1}}))
    (wasted,) = only(events, Wasted)
    assert wasted.usage.input_tokens == 70
    spent = here.ledger.spent_in("s1")
    answered = events[-1].usage
    assert spent.tokens == 75 + answered.input_tokens + answered.output_tokens


def test_waits_of_all_models_share_one_budget(lab):
    here = lab(
        {"when": {"model": "first"}, **error("rate-limit", headers={"retry-after": "40"})},
        {"when": {"model": "first"}, **error("rate-limit", headers={"retry-after": "40"})},
        {"when": {"model": "second"}, **error("rate-limit", headers={"retry-after": "40"})},
    )
    with pytest.raises(NoModelAnswers):
        here.ask(here.gateway("openai/first", "openai/second", wait_budget_s=50))
    assert here.clock.waited == [40.5]
    assert len(here.bodies) == 3


@pytest.mark.parametrize("when", ["waiting", "answering"])
def test_stopping_is_heeded_at_once(lab, when):
    here = lab(
        error("rate-limit", headers={"retry-after": "50"})
        if when == "waiting"
        else {"says": "a long story", "breaks": {"hang_after": 300}}
    )
    gateway = here.gateway()
    gateway._clock = type("Real", (Hurried,), {"wait": lambda self, s, c: c.wait(s)})()
    stopped = threading.Event()
    with pytest.raises(Interrupted):
        for event in gateway.answer(lambda model: Prompt("", HELLO), cancelled=stopped):
            if isinstance(event, Waiting | Text | Asking):
                threading.Timer(0.05, stopped.set).start()
    assert here.ledger.health("openai/first") is None


def test_a_prompt_that_is_too_long_is_composed_again_for_what_fits(lab):
    here = lab(error("vllm/context-too-long"), FINE, FINE)
    gateway = here.gateway()
    windows = []

    def compose(model):
        windows.append(model.traits.window)
        return Prompt("", [UserMessage(text="x" * model.traits.window)])

    for _ in range(2):
        list(gateway.answer(compose, cancelled=threading.Event()))
    assert windows == [16_000, 8192, 8192]  # and it is remembered
    assert [len(texts(body)[0]) for body in here.bodies] == windows
    assert gateway.current.traits.window == 8192


def test_a_prompt_that_never_fits_is_given_up(lab):
    here = lab(error("groq/context-too-long") | {"times": 3})
    with pytest.raises(NoModelAnswers):
        here.ask(here.gateway())
    assert len(here.bodies) == 3


def test_what_a_model_does_not_know_is_asked_for_only_once(lab):
    here = lab(error("unsupported-parameter"), FINE, FINE)
    gateway = here.gateway(options={"openai/first": {"temperature": 0.2}})
    noted = only(here.ask(gateway), Noted)
    assert only(here.ask(gateway), Noted) == []
    assert [event.text for event in noted] == ["it does not know temperature; asked again without"]
    assert ["temperature" in body for body in here.bodies] == [True, False, False]


def test_a_model_without_tools_gets_them_in_words(lab):
    said = '<tool_call>\n{"name": "look", "arguments": {"at": "/var"}}\n</tool_call>'
    here = lab(error("ollama/no-tools"), {"raw": said}, FINE)
    gateway = here.gateway()
    answer = here.ask(gateway, tools=[LOOK])[-1]
    assert [(call.name, call.arguments) for call in answer.message.calls] == [
        ("look", {"at": "/var"})
    ]
    here.ask(gateway, tools=[LOOK])
    assert ["tools" in body for body in here.bodies] == [True, False, False]
    assert "tool_call" in texts(here.bodies[1])[0]
    assert gateway.current.traits.tools == "text"


def test_where_strict_schemas_are_refused_plain_ones_are_sent(lab):
    here = lab(error("no-strict-schemas"), FINE)
    here.ask(here.gateway(options={"openai/first": {"strict_tools": True}}), tools=[LOOK])
    functions = [body["tools"][0]["function"] for body in here.bodies]
    assert ["strict" in function for function in functions] == [True, False]
    assert functions[1]["parameters"] == LOOK.parameters


GROQ = {"groq/first": {}}


def groq(generation):
    said = {"message": "Failed to call a function.", "code": "tool_use_failed"}
    return {"error": {"status": 400, "body": {"error": said | {"failed_generation": generation}}}}


def test_a_call_that_the_server_could_not_read_is_read(lab):
    here = lab(groq('<function=look>{"at": "/var"}</function>'))
    answer = here.ask(here.gateway("groq/first"), tools=[LOOK])[-1]
    (call,) = answer.message.calls
    assert (call.name, call.arguments, call.unreadable) == ("look", {"at": "/var"}, None)
    assert answer.ended == "calls"
    assert answer.usage.estimated and answer.usage.input_tokens > 0
    assert here.ledger.spent_in("s1").tokens > 0


def test_a_call_that_nobody_can_read_is_given_back_three_times(lab):
    here = lab(groq('look at="/var"') | {"times": 5})
    gateway = here.gateway("groq/first")
    for _ in range(3):
        (call,) = here.ask(gateway, tools=[LOOK])[-1].message.calls
        assert (call.name, call.unreadable) == ("look", 'look at="/var"')
    with pytest.raises(NoModelAnswers):
        here.ask(gateway, tools=[LOOK])
    assert len(here.bodies) == 4


def test_a_text_that_was_cut_is_continued_without_doubling_anything(lab):
    here = lab(
        {"says": "The disk of web1 is full", "ends": "length", "usage": {"input": 9, "output": 3}},
        {"says": "is full, as the log", "ends": "length", "usage": {"input": 9, "output": 3}},
        {"says": " shows.", "usage": {"input": 9, "output": 3}},
    )
    events = here.ask(here.gateway())
    assert "".join(event.text for event in only(events, Text)) == events[-1].message.text
    assert events[-1].message.text == "The disk of web1 is full, as the log shows."
    assert (events[-1].usage.input_tokens, events[-1].ended) == (27, "stop")
    assert texts(here.bodies[2])[-2] == "The disk of web1 is full, as the log"
    assert "Go on exactly where it ends" in texts(here.bodies[2])[-1]


def test_claude_goes_on_from_what_it_had_said(lab):
    here = lab({"says": "The disk is ", "ends": "length"}, {"says": " full."})
    name = "anthropic/claude-sonnet-4-5"
    options = {name: {"api_base": here.server.anthropic_base, "api_key": "env:HOME"}}
    answer = here.ask(here.gateway(name, options=options))[-1]
    last = here.bodies[1]["messages"][-1]
    assert last["role"] == "assistant"
    assert json.dumps(last).count("The disk is") == 1
    assert answer.message.text.split() == ["The", "disk", "is", "full."]


def test_an_answer_is_continued_three_times_and_then_taken_as_it_is(lab):
    here = lab(*({"says": f" part {number}", "ends": "length"} for number in range(4)))
    answer = here.ask(here.gateway())[-1]
    assert answer.message.text == " part 0 part 1 part 2 part 3"
    assert answer.ended == "length"


def test_a_continuation_that_fails_is_tried_again_and_the_first_part_stays(lab):
    here = lab(
        {"says": "The disk is", "ends": "length"},
        {"says": " quite full indeed " * 8, "chunks": "words", "breaks": {"after": 700}},
        {"says": " full."},
    )
    events = here.ask(here.gateway())
    after = events[max(n for n, e in enumerate(events) if isinstance(e, Withdrawn)) + 1 :]
    assert "".join(event.text for event in only(after, Text)) == "The disk is full."
    assert events[-1].message.text == "The disk is full."


def test_of_calls_that_were_cut_the_complete_ones_are_used(lab):
    calls = [{"name": "look", "arguments": {"at": at}} for at in ("/", "/var", "/va")]
    here = lab({"calls": calls, "ends": "length"})
    answer = here.ask(here.gateway(), tools=[LOOK])[-1]
    assert [call.arguments["at"] for call in answer.message.calls] == ["/", "/var"]
    assert answer.ended == "calls"


@pytest.mark.parametrize(
    ("cut", "word"),
    [
        ({"says": "I look.", "calls": [{"name": "look", "arguments": {"at": "/va"}}]}, "tool call"),
        ({"thinks": "Hm. Let me see."}, "thinking"),
    ],
)
def test_what_was_cut_before_it_said_anything_is_asked_again_with_more_room(lab, cut, word):
    here = lab(cut | {"ends": "length"}, {"calls": [{"name": "look", "arguments": {"at": "/var"}}]})
    events = here.ask(here.gateway(), tools=[LOOK])
    assert [call.arguments["at"] for call in events[-1].message.calls] == ["/var"]
    assert only(events, Withdrawn)
    first, second = here.bodies
    assert second["max_tokens"] == 2 * first["max_tokens"]
    assert word in texts(second)[-1]
    assert [m["role"] for m in second["messages"]] == ["system", "user"]
    answered = events[-1].usage
    assert here.ledger.spent_in("s1").tokens == answered.input_tokens + answered.output_tokens


def test_who_only_thinks_is_given_up(lab):
    here = lab({"thinks": "Hm.", "ends": "length", "times": 4})
    with pytest.raises(NoModelAnswers, match="4 times and said nothing"):
        here.ask(here.gateway())


def test_a_call_alone_is_a_whole_answer(lab):
    here = lab({"calls": [{"name": "look", "arguments": {"at": "/"}}]})
    answer = here.ask(here.gateway(), tools=[LOOK])[-1]
    assert answer.message.calls and len(here.bodies) == 1


def test_names_are_hidden_from_the_model_and_come_back(lab):
    call = {"name": "look", "arguments": {"at": "<host:1>"}}
    here = lab({"says": "The disk of <host:1> is full.", "chunks": "awkward", "calls": [call]})
    tool = Tool(name="look", description="On db7.lan.", parameters=LOOK.parameters)
    events = here.ask(
        here.gateway(anonymiser=Anonymiser()),
        [UserMessage(text="why is db7.lan slow?")],
        tools=[tool],
    )
    assert "db7" not in json.dumps(here.bodies)
    assert events[-1].message.text == "The disk of db7.lan is full."
    assert events[-1].message.calls[0].arguments == {"at": "db7.lan"}
    assert "".join(event.text for event in only(events, Text)) == "The disk of db7.lan is full."


def test_what_is_too_much_for_a_minute_waits_for_its_turn(lab):
    here = lab(FINE | {"times": 2})
    gateway = here.gateway("openai/queued", options={"openai/queued": {"requests_per_minute": 1}})
    assert only(here.ask(gateway), Waiting) == []
    stopped = threading.Event()
    with pytest.raises(Interrupted):
        for event in gateway.answer(lambda model: Prompt("", HELLO), cancelled=stopped):
            assert isinstance(event, Waiting)
            assert (event.attempt, event.seconds > 50) == (0, True)
            stopped.set()
    assert len(here.bodies) == 1


def test_a_spent_budget_stops_before_anything_is_sent(lab):
    here = lab(FINE)
    gateway = here.gateway(budget=Budget(session=Allowance(tokens=60)))
    here.ask(gateway)
    with pytest.raises(BudgetSpent, match="budget of the session"):
        here.ask(gateway, [UserMessage(text="and then? " * 40)])
    assert len(here.bodies) == 1


def test_where_money_is_spent_a_model_that_costs_nothing_goes_on(lab):
    here = lab({"when": {"model": "free"}, **FINE})
    paid = {"input_cost": 10.0, "output_cost": 10.0}
    events = here.ask(
        here.gateway(
            "openai/paid",
            "openai/free",
            options={"openai/paid": paid, "openai/free": {"input_cost": 0, "output_cost": 0}},
            budget=Budget(day=Allowance(usd=0.0)),
        )
    )
    (failed,) = only(events, ModelFailed)
    assert "budget of the day is used up" in failed.reason
    assert events[-1].model == "openai/free"


def test_a_price_that_nobody_knows_is_said_once(lab):
    here = lab(FINE | {"times": 2})

    def look(model):
        return replace(model, traits=replace(model.traits, input_cost=None, output_cost=None))

    gateway = here.gateway(budget=Budget(session=Allowance(usd=1.0)), look=look)
    said = [only(here.ask(gateway), Noted) for _ in range(2)]
    assert [len(events) for events in said] == [1, 0]
    assert "input_cost and output_cost" in said[0][0].text


def test_a_ledger_that_fails_takes_no_answer_away(lab):
    here = lab(FINE | {"times": 2})
    here.ledger.path.write_bytes(b"no database" * 1000)
    gateway = here.gateway()
    events = here.ask(gateway)
    assert events[-1].message.text == "The disk is full."
    assert [event.text[:18] for event in only(events, Noted)] == ["not in the ledger:"]
    assert gateway.spent == events[-1].usage
    assert only(here.ask(gateway), Noted) == []
