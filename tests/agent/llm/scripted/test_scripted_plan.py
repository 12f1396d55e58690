"""What a plan may hold, and what is said of one that can't be used."""

import pytest

from sme_agent.llm.scripted import Plan, PlanInvalid, read_plan


@pytest.mark.parametrize(
    ("text", "line", "message"),
    [
        ("exchanges: [\n", 2, "not valid YAML"),
        ("- says: x", 1, "a plan has exchanges:"),
        ("exchanges:\n  - says: x\n    say: y", 3, "there is no such field; allowed: when, says"),
        ("exchanges:\n  - says: x\n    says: y", 3, "'says' comes twice"),
        ("exchanges:\n  - when: {user: x}", 2, "there is no such field; allowed: last_user"),
        ("exchanges:\n  - when:\n      last_user: '('", 3, "not a regular expression"),
        ("exchanges:\n  - when:\n      turn: 0", 3, "greater than or equal to 1"),
        ("exchanges:\n  - chunks: letters", 2, "'awkward'"),
        ("exchanges:\n  - says: x\n  - error: wrong-kex", 3, "no error is called 'wrong-kex'"),
        ("exchanges:\n  - error: groq/quota-402", 2, "quota-402 has no form for 'groq'"),
        ("exchanges:\n  - error: {status: 400}", 2, "the name of an error, or status and body"),
        ("exchanges:\n  - error: {statuz: 400}", 2, "there is no such field; allowed: named"),
        ("exchanges:\n  - error: {status: 1, body: x}", 2, "greater than or equal to 200"),
        ("exchanges:\n  - breaks: {}", 2, "takes one of: at, after, hang_after"),
        ("exchanges:\n  - breaks: {after: 1, hang_after: 2}", 2, "takes one of"),
        ("exchanges:\n  - breaks: sometime", 2, "'before-headers'"),
        ("exchanges:\n  - {says: x, raw: y}", 2, "`says` or `raw`, not both"),
        ("exchanges:\n  - {says: x, error: wrong-key}", 2, "an `error` or an answer, not both"),
        ("exchanges:\n  - {error: html-502, breaks: {in_stream_error: html-502}}", 2, "not both"),
        ("exchanges:\n  - times: 0", 2, "must be 1 or more, or forever"),
        ("exchanges:\n  - calls:\n      - {arguments: {}}", 3, "this field is required"),
        (
            "exchanges:\n  - says: '{{newst E1}}'",
            2,
            "no value is called 'newst'; there are:",
        ),
        ("exchanges:\n  - says: '{{newest}}'", 2, "is not of the form {{newest PATTERN}}"),
        ("exchanges:\n  - says: '{{nth x E}}'", 2, "is not of the form {{nth NUMBER PATTERN}}"),
        ("exchanges:\n  - says: '{{newest (}}'", 2, "not a regular expression"),
        ("exchanges:\n  - calls: [{name: a, arguments: {x: ['{{no}}']}}]", 2, "called 'no'"),
        ("exchanges:\n  - calls: [{name: a, arguments: '{{no}}'}]", 2, "called 'no'"),
        ("exchanges:\n  - error: {status: 400, body: {e: '{{no}}'}}", 2, "called 'no'"),
        ("models:\n  - {name: a, contxt: 3}", 2, "there is no such field; allowed: name, context"),
        ("default: {says: x}\nmodels:\n  - context: 0", 3, ""),
    ],
)
def test_what_is_wrong_is_said_with_its_line(text, line, message):
    with pytest.raises(PlanInvalid) as caught:
        read_plan(text, "plan.yaml")
    assert str(caught.value).startswith(f"plan.yaml:{line}: ")
    assert message in str(caught.value)
    assert "docs/scripted-server.md" in caught.value.remedy


def test_an_empty_plan_is_one():
    assert read_plan("{}", "plan.yaml") == Plan()


def test_short_forms_stand_for_long_ones():
    short = "exchanges: [{says: x, thinks: y, breaks: hang}, {error: wrong-key}]"
    long = "exchanges: [{says: [x], thinks: [y], breaks: {at: hang}}, {error: {named: wrong-key}}]"
    assert read_plan(short, "a") == read_plan(long, "b")


def test_nothing_is_filled_in_in_raw_and_so_nothing_is_refused():
    assert read_plan("exchanges: [{raw: '{{no such value}}'}]", "a").exchanges[0].raw
