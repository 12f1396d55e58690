"""Lines made to fool the policy: whatever is typed it answers, and wrapping changes nothing."""

import random
import re
from pathlib import Path

import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st

from sme_tools.safety.policy.judge import judge
from sme_tools.safety.policy.syntax import MAX_BYTES
from sme_tools.safety.policy.verdict import Verdict
from wrapped_lines import AS_A_WORD, BEFORE, QUOTING, WRAPPINGS, wrapped

FAMILIES = Path(__file__).parent / "families"

REFUSED = (
    "rm -rf /",
    "rm -rf --no-preserve-root /",
    "rm -fr /etc",
    "dd if=/dev/zero of=/dev/sda",
    "mkfs.ext4 /dev/sda1",
    "cat /etc/shadow",
    "chmod -R 777 /",
    "cp /root/.ssh/id_ed25519 /tmp/x",
)


@pytest.mark.parametrize("line", REFUSED)
@pytest.mark.parametrize("wrapping", [*WRAPPINGS, *BEFORE, *QUOTING, AS_A_WORD])
def test_what_is_refused_stays_refused_in_any_wrapping(line, wrapping):
    text = wrapped(line, wrapping)
    assert judge(text).verdict is Verdict.REFUSED, text


@settings(max_examples=150, deadline=None, derandomize=True)
@given(
    st.sampled_from(REFUSED),
    st.sampled_from([*WRAPPINGS, *BEFORE, *QUOTING, AS_A_WORD]),
    st.lists(st.sampled_from([*WRAPPINGS, *QUOTING]), min_size=1, max_size=2),
)
def test_what_is_refused_stays_refused_in_wrappings_within_wrappings(line, inner, wrappings):
    text = wrapped(line, inner)
    for wrapping in wrappings:
        # A here-document ends where its word stands alone: nothing may follow it on that line.
        text = wrapped(text, wrapping if "<<E" not in text or wrapping in QUOTING else "{}")
    assert judge(text).verdict is Verdict.REFUSED, text


def disguises(word, rng):
    """The same word to a shell, written otherwise."""
    at = rng.randrange(1, len(word)) if len(word) > 1 else 1
    yield f"{word[:at]}''{word[at:]}"
    yield f'{word[:at]}""{word[at:]}'
    yield f"'{word}'"
    yield f'"{word}"'
    yield "".join(f"\\{char}" if char.isalpha() else char for char in word)
    yield f"{word[:at]}\\\n{word[at:]}"
    yield "$'" + "".join(f"\\x{ord(char):02x}" for char in word) + "'"
    yield "$'" + "".join(f"\\{ord(char):03o}" for char in word) + "'"
    yield f"{word[:at]}$(echo {word[at:]})" if word[at:].isalpha() else word


@pytest.mark.parametrize("line", REFUSED)
def test_what_is_refused_stays_refused_in_any_disguise(line):
    rng = random.Random(line)
    words = line.split()
    for number, word in enumerate(words):
        for disguise in disguises(word, rng):
            text = " ".join([*words[:number], disguise, *words[number + 1 :]])
            assert judge(text).verdict is Verdict.REFUSED, text
    for text in (line.replace(" ", "${IFS}"), line.replace(" ", "\t")):
        assert judge(text).verdict is Verdict.REFUSED, text
    assert judge("{" + ",".join(words) + "}").verdict is Verdict.REFUSED


def changing_lines():
    """Every line of the families that is not read-only."""
    for file in sorted(FAMILIES.glob("*.yaml")):
        lines = yaml.safe_load(file.read_text("utf-8"))
        for verdict in ("change", "refused"):
            yield from (line.replace("⏎", "\n") for line in lines[verdict])


@pytest.mark.parametrize("seed", range(3))
def test_no_disguise_makes_a_change_pass_for_reading(seed):
    rng = random.Random(seed)
    wrong = []
    lines = sorted({*changing_lines()})
    for line in rng.sample(lines, min(len(lines), 250)):
        words = list(re.finditer(r"(?<![^\s])[a-z][a-z0-9-]+(?![^\s])", line))
        if not words or re.search(r"['\"`]|<<", line):
            continue
        found = rng.choice(words)
        disguise = rng.choice(list(disguises(found[0], rng)))
        text = line[: found.start()] + disguise + line[found.end() :]
        wrapping = rng.choice([*WRAPPINGS, *BEFORE])
        for candidate in (text, wrapped(line, wrapping)):
            # What never ends is refused, unless it is given a time limit.
            ends = "timeout" in candidate and judge(line).verdict is Verdict.REFUSED
            if judge(candidate).verdict is Verdict.READ_ONLY and not ends:
                wrong.append(candidate)
    assert not wrong, "\n".join(wrong)


SHELLISH = st.text(
    alphabet=st.sampled_from([*"abcrmls -/|&;()<>{}[]$`'\"\\\n\t*?!#~=:,.0129@%^+", "é", "\u202e"]),
    max_size=60,
)


@settings(max_examples=300, deadline=None)
@given(st.one_of(st.text(max_size=80), SHELLISH))
def test_it_answers_whatever_is_typed(text):
    judgement = judge(text)
    assert judgement.reason
    assert judgement.command == text


@settings(max_examples=150, deadline=None)
@given(SHELLISH)
def test_nothing_around_a_refused_command_hides_it(noise):
    line = f"{noise}\nrm -rf /"
    verdict = judge(line).verdict
    # Quotes that stay open, a comment or a here-document may swallow it: then it does not run.
    if verdict is Verdict.READ_ONLY:
        assert re.search(r"['\"\\`#]|<<", noise), line


@pytest.mark.parametrize(
    "line",
    [
        "x" * (MAX_BYTES + 1),
        "(" * 5000 + "ls" + ")" * 5000,
        "$(" * 3000 + "ls" + ")" * 3000,
        "echo " + "{a,b}" * 100,
        "if " * 1000,
        "{" * 2000 + "a,b" + "}" * 2000,
        "$((" * 1000 + "1" + "))" * 1000,
        "ls\x00rm",
        "ls\x1b[2Jrm",
        "ls\rrm -rf /",
        "df -h \u202e# toober ;",
        "ls -la\u00a0/",
        "l\u200bs",
        "\ud800",
        "echo 'unclosed",
    ],
    ids=range(15),
)
def test_what_can_not_be_judged_does_not_run(line):
    assert judge(line).verdict is Verdict.REFUSED


def test_what_is_only_strange_is_asked_for():
    assert judge("sh -c 'sh -c \"sh -c ls\"'" * 50).verdict is Verdict.CHANGE


def test_a_letter_of_another_script_makes_another_program():
    assert judge("l\u0455").verdict is Verdict.CHANGE  # a Cyrillic letter, not ls
    assert judge("сat /etc/hosts").verdict is Verdict.CHANGE


def test_without_its_parser_nothing_runs(monkeypatch, tmp_path):
    from sme_tools.safety.policy import syntax

    monkeypatch.setattr(syntax.sys, "executable", str(tmp_path / "python"))
    monkeypatch.setattr("sysconfig.get_path", lambda _: str(tmp_path))
    monkeypatch.setenv("PATH", str(tmp_path))
    syntax._parser.cache_clear()
    judge.cache_clear()
    try:
        judgement = judge("ls")
    finally:
        syntax._parser.cache_clear()
        judge.cache_clear()
    assert judgement.verdict is Verdict.REFUSED
    assert "shfmt is missing" in judgement.reason
    assert judgement.instead == "Install it: pip install shfmt-py"
