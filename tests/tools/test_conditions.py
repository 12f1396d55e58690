"""Conditions: what holds, what is clear, what is not applicable, what has failed."""

from datetime import UTC, datetime

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sme_tools.checks.conditions import (
    Clear,
    Condition,
    FactContext,
    Failed,
    Holds,
    NotApplicable,
)
from sme_tools.facts import Facts

MOUNTS = [
    {"mount": "/", "used_percent": 97.0, "inodes_used_percent": 10.0},
    {"mount": "/data", "used_percent": 40.0},
]


def context(**values):
    return FactContext(
        Facts(host="web1", observed_at=datetime(2026, 11, 20, tzinfo=UTC), values=values)
    )


@pytest.fixture
def host():
    return context(storage={"filesystems": MOUNTS, "empty": []}, system={"load": {"one": 2}})


@pytest.mark.parametrize(
    ("text", "each", "verdict"),
    [
        ("system.load.one > 1", None, Holds(({},))),
        ("system.load.one > 1.5", None, Holds(({},))),
        ("system.load.one > 5", None, Clear()),
        ("system.memory.total > 5", None, NotApplicable("memory")),
        ("gpu.devices.size() > 0", None, NotApplicable("devices")),
        ("f.used_percent > 90", "storage.filesystems as f", Holds((MOUNTS[0],))),
        ("f.used_percent > 98", "storage.filesystems as f", Clear()),
        ("f.used_percent > 90", "storage.empty as f", Clear()),
        ("f.used_percent > 90", "storage.absent as f", NotApplicable("storage.absent")),
        ("f.nothing > 90", "storage.filesystems as f", NotApplicable("nothing")),
        ("now > timestamp('2026-01-01T00:00:00Z')", None, Holds(({},))),
        ("storage.filesystems.exists(f, f.mount == '/')", None, Holds(({},))),
    ],
)
def test_verdicts(host, text, each, verdict):
    assert Condition.compile(text, each).evaluate(host) == verdict


def test_an_item_that_lacks_a_fact_does_not_hide_the_others(host):
    condition = Condition.compile("f.inodes_used_percent > 5", "storage.filesystems as f")
    assert condition.evaluate(host) == Holds((MOUNTS[0],))


@pytest.mark.parametrize(
    "text",
    ["system.load.one > 'a'", "system.load.one + 1", "nobody.knows > 1", "nofunction(1) == 2"],
)
def test_a_wrong_condition_fails_and_never_holds(host, text):
    assert isinstance(Condition.compile(text).evaluate(host), Failed)


@pytest.mark.parametrize(
    ("text", "each", "complaint"),
    [
        ("1 +", None, "column"),
        ("a" * 3000, None, "2000"),
        ("true", "storage.filesystems", "PATH as NAME"),
        (
            "a.all(b, b.all(c, c.all(d, d.all(e, e.all(f, true)))))",
            None,
            "comprehensions",
        ),
    ],
)
def test_what_is_refused_says_why(text, each, complaint):
    with pytest.raises(ValueError, match=complaint):
        Condition.compile(text, each)


@settings(max_examples=200, deadline=None)
@given(st.text(alphabet="f.used_percent><=&|!()[]{}'\"0123456789 ?:,+-", max_size=60))
def test_any_text_is_refused_or_judged(text):
    host = context(storage={"filesystems": MOUNTS})
    try:
        condition = Condition.compile(text, "storage.filesystems as f")
    except ValueError:
        return
    assert isinstance(condition.evaluate(host), Holds | Clear | NotApplicable | Failed)
