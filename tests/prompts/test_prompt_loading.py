"""Prompts as files: the shipped ones, a user's own in their place, and what is wrong with those."""

from pathlib import Path

import pytest

from sme_prompts.load import TOOLS, Prompts
from sme_tools.errors import PromptInvalid

NUDGE = "nudge.md.j2"


@pytest.fixture
def own(tmp_path):
    folder = tmp_path / "prompts"
    folder.mkdir()
    return folder


def test_a_file_of_the_users_own_stands_in_the_place_of_the_shipped_one(own):
    shipped = Prompts().render("nudge", circle="repeat")
    (own / NUDGE).write_text("Stop it: {{ circle }}.\n")
    prompts = Prompts(own)
    assert prompts.render("nudge", circle="repeat") == "Stop it: repeat."
    assert shipped != "Stop it: repeat."
    assert prompts.source(NUDGE) == str(own / NUDGE)
    assert prompts.render("accepted") == Prompts().render("accepted")


def test_a_partial_can_be_replaced_too(own):
    (own / "_finding.md.j2").write_text(
        "{% macro line(id, f, ids, cause) %}SEEN {{ id }}{% endmacro %}"
    )
    told = Prompts(own).render("looked", new=[("F1", None, None)], gone=[], ids={})
    assert "SEEN F1" in told


def test_no_folder_and_an_empty_one_are_the_same(own):
    assert Prompts(own).version == Prompts().version == Prompts(own / "absent").version


def test_the_version_tells_of_every_change(own):
    before = Prompts().version
    (own / NUDGE).write_text("Another.")
    changed = Prompts(own).version
    (own / NUDGE).write_text("Another one.")
    assert len({before, changed, Prompts(own).version}) == 3


def test_a_change_of_a_file_counts_for_who_reads_it_from_then_on(own):
    (own / NUDGE).write_text("One.")
    assert Prompts(own).render("nudge", circle="x") == "One."
    (own / NUDGE).write_text("Two.")
    assert Prompts(own).render("nudge", circle="x") == "Two."


@pytest.mark.parametrize(
    ("text", "line"),
    [
        ("fine\n{% if circle %}\nno end", 3),
        ("fine\n\n{{ circle | no_such_filter }}", 3),
        ("{{ circle", 1),
    ],
)
def test_broken_syntax_is_named_by_file_and_line(own, text, line):
    (own / NUDGE).write_text(text)
    with pytest.raises(PromptInvalid) as raised:
        Prompts(own).render("nudge", circle="repeat")
    assert f"{own / NUDGE}:{line}:" in str(raised.value)
    assert "take it away" in raised.value.remedy


@pytest.mark.parametrize(
    ("text", "line"),
    [
        ("fine\n{{ no_such_word }}", 2),
        ("{{ circle.no_such_part }}", 1),
        ("fine\n\n{{ 1 / 0 }}", 3),
        ("{{ circle + 1 }}", 1),
        ("fine\n{{ circle() }}", 2),
        ("{% for one in 7 %}{{ one }}{% endfor %}", 1),
        ("fine\n{% include 'absent.md.j2' %}", 2),
    ],
)
def test_what_fails_while_it_is_rendered_is_named_by_file_and_line(own, text, line):
    (own / NUDGE).write_text(text)
    with pytest.raises(PromptInvalid) as raised:
        Prompts(own).render("nudge", circle="repeat")
    assert f"{own / NUDGE}:{line}:" in str(raised.value)


def test_a_fault_in_a_partial_is_named_by_the_partial(own):
    (own / "_finding.md.j2").write_text(
        "{% macro line(id, f, ids, cause) %}\n{{ nobody }}{% endmacro %}"
    )
    with pytest.raises(PromptInvalid) as raised:
        Prompts(own).render("looked", new=[("F1", None, None)], gone=[], ids={})
    assert f"{own / '_finding.md.j2'}:2:" in str(raised.value)


@pytest.mark.parametrize(
    "text",
    [
        "{{ ''.__class__.__mro__ }}",
        "{{ circle.__class__ }}",
        "{{ things.append(1) }}",
        "{{ self.__init__.__globals__ }}",
        "{{ cycler.__init__.__globals__.os.popen('id').read() }}",
        "{{ lipsum.__globals__['os'].environ }}",
        "{{ '%s' | format(circle) | attr('__class__') }}",
        "{{ range(100000000) | list | length }}",
    ],
)
def test_a_prompt_reaches_nothing_but_its_values(own, text):
    (own / NUDGE).write_text(text)
    things = []
    with pytest.raises(PromptInvalid):
        Prompts(own).render("nudge", circle="repeat", things=things)
    assert things == []


@pytest.mark.parametrize(
    "name", ["/etc/passwd", "../secret", "../../../../etc/passwd", "sub/../../secret"]
)
def test_a_prompt_includes_no_file_from_elsewhere(own, name):
    (own.parent / "secret").write_text("the secret")
    (own / "sub").mkdir()
    (own / NUDGE).write_text(f"{{% include '{name}' %}}")
    with pytest.raises(PromptInvalid):
        Prompts(own).render("nudge", circle="repeat")


def test_there_is_no_such_prompt():
    with pytest.raises(PromptInvalid, match="no prompt"):
        Prompts().render("no_such_prompt")


def test_a_file_that_is_no_text_is_said(own):
    (own / NUDGE).write_bytes(b"\xff\xfe\x00")
    with pytest.raises(PromptInvalid) as raised:
        Prompts(own).render("nudge", circle="repeat")
    assert str(own / NUDGE) in str(raised.value)
    with pytest.raises(PromptInvalid):
        Prompts(own).version  # noqa: B018 - reading it is the act


@pytest.mark.parametrize(
    "text",
    [
        "look: [",
        "- a list",
        "",
        "look: {parameters: {}}",
        "look: {description: x, surprise: 1}",
        "look: just words",
        "7: {description: x}",
        "look: {description: it is the only one}",
    ],
)
def test_tools_of_another_form_are_said(own, text):
    (own / TOOLS).write_text(text)
    with pytest.raises(PromptInvalid) as raised:
        Prompts(own).tools  # noqa: B018 - reading it is the act
    assert str(own / TOOLS) in str(raised.value)


def test_a_user_can_reword_a_tool(own):
    text = Path(Prompts().source(TOOLS)).read_text("utf-8")
    reworded = text.replace("Run one shell command line", '"Try it: a command line" #')
    (own / TOOLS).write_text(reworded)
    assert Prompts(own).tools["run"].description.startswith("Try it:")
    assert Prompts(own).tools["look"] == Prompts().tools["look"]


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        ("past_incidents:", "other_incidents:", "lacks the tool past_incidents"),
        ("  required: [host, command, why]", "  required: [host, why]", "run requires command"),
        (
            "    why: {type: string}\n  required: [host, why]",
            "    motive: {type: string}",
            "motive",
        ),
    ],
)
def test_a_user_can_reword_tools_and_not_change_what_they_take(own, old, new, said):
    text = Path(Prompts().source(TOOLS)).read_text("utf-8")
    assert old in text
    (own / TOOLS).write_text(text.replace(old, new))
    with pytest.raises(PromptInvalid, match=said):
        Prompts(own).tools  # noqa: B018 - reading it is the act
