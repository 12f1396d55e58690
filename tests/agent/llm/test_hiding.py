"""What a model sees of names and addresses, and what comes back."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sme_agent.llm.events import Answered, CallBegun, Reasoning, Text
from sme_agent.llm.hiding import hidden, revealed
from sme_agent.llm.messages import AssistantMessage, Tool, ToolCall, ToolMessage, Usage, UserMessage
from sme_agent.llm.model import Prompt
from sme_tools.errors import ToolCallUnreadable
from sme_tools.safety.anonymise import Anonymiser


def answered(text="", **more):
    return Answered(AssistantMessage(text=text, **more), Usage(), "m", 0.1, 0.2)


def text_of(events):
    return "".join(event.text for event in events if isinstance(event, Text))


def test_nothing_of_a_prompt_names_anybody():
    signed = {"type": "thinking", "signature": "of 10.1.2.3"}
    prompt = Prompt(
        system="Hosts: nas, db7.lan",
        messages=[
            UserMessage(text="why is nas at 10.1.2.3 slow?"),
            AssistantMessage(
                text="I ask nas",
                reasoning="10.1.2.3",
                calls=(
                    ToolCall(id="1", name="look", arguments={"host": "nas", "to": ["10.1.2.3", 5]}),
                    ToolCall(id="2", name="look", arguments={}, unreadable='{"host": "nas'),
                ),
                opaque=(signed,),
            ),
            ToolMessage(call="1", name="look", text="10.1.2.3 answers"),
        ],
        tools=[
            Tool(
                name="look",
                description="Looks at nas.",
                parameters={"type": "object", "properties": {"host": {"enum": ["nas", "db7.lan"]}}},
            )
        ],
    )
    anonymiser = Anonymiser(hosts=["nas", "host"])
    seen = hidden(prompt, anonymiser)
    assert seen.messages[1].opaque == (signed,)
    said = repr(seen).replace(repr(signed), "")
    for name in ("nas", "db7", "10.1.2.3"):
        assert name not in said
    look = seen.tools[0].parameters["properties"]["host"]  # a parameter's name stays
    assert [anonymiser.reveal(name) for name in look["enum"]] == ["nas", "db7.lan"]
    assert prompt.messages[0].text == "why is nas at 10.1.2.3 slow?"


def test_keys_that_name_a_host_are_hidden_and_come_back():
    anonymiser = Anonymiser()
    call = ToolCall(id="1", name="look", arguments={"by_host": {"db7.lan": 1}})
    seen = hidden(Prompt("", [AssistantMessage(calls=(call,))]), anonymiser).messages[0]
    assert seen.calls[0].arguments == {"by_host": {"<host:1>": 1}}
    (back,) = revealed(iter([answered(calls=seen.calls)]), anonymiser)
    assert back.message.calls == (call,)


@given(data=st.data())
def test_an_answer_is_revealed_however_it_is_cut(data):
    anonymiser = Anonymiser()
    anonymiser.hide("db7.lan 10.1.2.3 fd00::1 8.8.8.8")
    words = st.sampled_from(
        ["<host:1>", "&lt;host:1&gt;", r"\<ip:1.1\>", "<ip6:1.1>", "<public-ip:1.1>", "<host:9>",
         "a < b", "<", "&", "\\", "<div>", "&lt;", "\n", " and ", "&amp;", "<host:", ":1>"]
    )  # fmt: skip
    text = "".join(data.draw(st.lists(words, max_size=12)))
    cuts = sorted(data.draw(st.lists(st.integers(0, len(text)), max_size=8)))
    pieces = [text[a:b] for a, b in zip([0, *cuts], [*cuts, len(text)], strict=True)]
    got = list(revealed(iter([*map(Text, pieces), answered(text)]), anonymiser))
    assert text_of(got) == anonymiser.reveal(text)
    assert got[-1].message.text == anonymiser.reveal(text)


def test_text_waits_only_while_a_placeholder_may_follow():
    anonymiser = Anonymiser()
    anonymiser.hide("db7.lan")
    got = []
    pieces = [Text("The disk of "), Text("<ho"), Text("st:1> is < 5% "), Text("free.")]
    events = revealed(iter(pieces), anonymiser)
    for _ in range(3):
        got.append(next(events))
    assert got == [Text("The disk of "), Text("db7.lan is < 5% "), Text("free.")]


def test_what_waits_is_said_before_anything_else_follows():
    anonymiser = Anonymiser()
    events = [Reasoning("a <"), Text("b <"), CallBegun("look"), Text("c <"), answered("b <c <")]
    assert list(revealed(iter(events), anonymiser))[:-1] == [
        Reasoning("a "), Reasoning("<"), Text("b "), Text("<"), CallBegun("look"),
        Text("c "), Text("<"),
    ]  # fmt: skip


def test_reasoning_arguments_and_a_failed_generation_are_revealed():
    anonymiser = Anonymiser()
    anonymiser.hide("db7.lan")

    def failing():
        yield Reasoning("at <host:1>")
        failure = ToolCallUnreadable("no call of <host:1>", model="m")
        failure.generation = "{<host:1>"
        raise failure

    got = []
    with pytest.raises(ToolCallUnreadable) as raised:
        got.extend(revealed(failing(), anonymiser))
    assert raised.value.generation == "{db7.lan"
    assert str(raised.value) == "m: no call of db7.lan"
    call = ToolCall(id="1", name="look", arguments={"at": ["<host:1>"]}, unreadable="<host:1>")
    (back,) = revealed(iter([answered(reasoning="<host:1>", calls=(call,))]), anonymiser)
    assert back.message.reasoning == "db7.lan"
    assert back.message.calls[0].arguments == {"at": ["db7.lan"]}
    assert back.message.calls[0].unreadable == "db7.lan"
