"""Sentences with facts in them, and text from hosts made safe to show."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sme_tools.checks.wording import fill, human_bytes, human_duration
from sme_tools.safety.control import one_line, visible


@pytest.mark.parametrize(
    ("template", "text"),
    [
        ("{f.mount} is {f.used:percent} full", "/srv is 99.5 % full"),
        ("{f.free:bytes} left", "28.0 KiB left"),
        ("up for {f.up:duration}", "up for 1 d 2 h"),
        ("ends {f.ends:date}", "ends 2026-11-20 09:00"),
        ("{f.names}", "a, b"),
        ("{f.nothing} and {g.x}", "? and ?"),
        ("no {braces} {}", "no ? {}"),
    ],
)
def test_templates(template, text):
    facts = {
        "mount": "/srv", "used": 99.5, "free": 28 * 1024, "up": 93784,
        "ends": "2026-11-20T09:00:00+00:00", "names": ["a", "b"],
    }  # fmt: skip
    assert fill(template, {"f": facts}) == text


@pytest.mark.parametrize(
    ("count", "text"), [(0, "0 B"), (1023, "1023 B"), (1536, "1.5 KiB"), (3 * 2**40, "3.0 TiB")]
)
def test_bytes(count, text):
    assert human_bytes(count) == text


@pytest.mark.parametrize(
    ("seconds", "text"),
    [(0, "0 s"), (1.5, "1.5 s"), (61, "1 min 1 s"), (-93784, "-1 d 2 h"), (86400, "1 d")],
)
def test_durations(seconds, text):
    assert human_duration(seconds) == text


@pytest.mark.parametrize(
    ("hostile", "shown"),
    [
        ("\x1b[2J\x1b[1;1Happrove? y", "approve? y"),
        ("\x1b]0;title\x07text", "text"),
        ("\x1b]8;;http://x\x1b\\link", "link"),
        ("over\rwritten", "over�written"),
        ("tab\tand\nline", "tab\tand\nline"),
        ("rtl\u202eevil", "rtl�evil"),
        ("\x9b31mred", "red"),
    ],
)
def test_no_control_sequence_reaches_the_terminal(hostile, shown):
    assert visible(hostile) == shown


@given(st.text())
def test_visible_text_holds_no_escape_and_stays_as_it_is(text):
    once = visible(text)
    assert not any(c < " " and c not in "\t\n" for c in once)
    assert visible(once) == once
    assert "\n" not in one_line(text)
