"""The steps of the shipped resolutions: fit to be carried out on a host as they are written.

A step that is for a person is read, and never run; what these tests ask of it is less.
"""

import re
import subprocess
from pathlib import Path

import pytest

from sme_knowledge.known_issue import KnownIssue, Step
from sme_knowledge.store import KnownIssues
from sme_tools.actions.plan import Action, Verify
from sme_tools.checks.conditions import Condition, FactContext, Failed
from sme_tools.checks.references import unknown_references
from sme_tools.facts import Facts
from sme_tools.safety.policy.judge import judge

LIBRARY = KnownIssues.load()
EXAMPLES = Path(__file__).parent / "signatures"
LITERAL = {
    # of programs' options and output
    *("DROP", "FORWARD", "FSTYPE", "GPU", "ID", "IPAM", "LISTEN", "NAME", "OPTIONS", "SOURCE"),
    *("AER", "DENIED", "ECC", "L1", "NF", "NVIDIA", "NVRM", "ONLINE", "PAGE_RETIREMENT"),
    *("TEMPERATURE", "URL", "W2", "CHLD"),
    # of settings
    *("CONTEXT_LENGTH", "DEBIAN_FRONTEND", "GRUB_CMDLINE_LINUX_DEFAULT", "KEEP_ALIVE"),
    *("MAX_LOADED_MODELS", "OLLAMA_CONTEXT_LENGTH", "OLLAMA_GPU_ENABLE", "OLLAMA_KEEP_ALIVE"),
    *("OLLAMA_MAX_LOADED_MODELS", "REGISTRY_PROXY_REMOTEURL", "_SYSTEMD_UNIT"),
}
"""Words in capitals that stand for themselves."""
SIGNED = [issue for issue in LIBRARY if issue.signature is not None]
STEPS = [
    pytest.param(issue, step, id=f"{issue.id}-{number}")
    for issue in LIBRARY
    for number, step in enumerate(issue.resolution, 1)
]
each_issue = pytest.mark.parametrize("issue", LIBRARY, ids=lambda issue: issue.id)
each_step = pytest.mark.parametrize(("issue", "step"), STEPS)


def commands(step: Step) -> list[str]:
    return [text for text in (step.run, step.undo, step.verify.run, *step.pre_state) if text]


def filled(issue: KnownIssue, text: str) -> str:
    """The text with something plain in the place of every parameter."""
    for name in issue.parameters:
        text = re.sub(rf"\b{name}\b", "a1", text)
    return text


def acts(issue: KnownIssue, step: Step) -> bool:
    """Whether it changes something, and `sme fix` may carry it out."""
    return not step.by_hand and judge(filled(issue, step.run)).verdict != "read-only"


@each_step
def test_a_word_in_capitals_is_declared(issue, step):
    texts = [*commands(step), step.verify.when or "", *step.keep_files]
    said = "\n".join(line.partition(" # ")[0] for text in texts for line in text.splitlines())
    words = set(re.findall(r"\b[A-Z][A-Z0-9_]+\b", said))
    assert words <= {*issue.parameters} | LITERAL


@each_issue
def test_a_parameter_is_used(issue):
    texts = "\n".join(
        text
        for step in issue.resolution
        for text in (*commands(step), step.verify.when or "", *step.keep_files)
    )
    unused = [name for name in issue.parameters if not re.search(rf"\b{name}\b", texts)]
    assert not unused


@each_issue
def test_the_value_of_a_parameter_is_found_in_facts_that_there_are(issue):
    each = issue.signature.each if issue.signature else None
    for name, parameter in issue.parameters.items():
        if parameter.value:
            assert not unknown_references(parameter.value, each), name


@pytest.mark.parametrize("issue", SIGNED, ids=lambda issue: issue.id)
def test_the_value_of_a_parameter_is_plain_text_on_the_issues_own_example(issue):
    """Where the facts leave it open, or name several, it is no value: a person is asked."""
    name = f"{issue.id}.fires.json"
    facts = FactContext(Facts.from_json((EXAMPLES / name).read_text("utf-8"), name))
    verdict = Condition.compile(issue.signature.when, issue.signature.each).evaluate(facts)
    bound = issue.signature.each.rpartition(" as ")[2] if issue.signature.each else None
    for name, parameter in issue.parameters.items():
        if not parameter.value:
            continue
        program = Condition.compile(parameter.value)
        for item in verdict.items:
            value = program.text_value(facts, {bound: item} if bound else {})
            if isinstance(value, Failed):
                assert "out of bounds" in value.error, name
            if isinstance(value, str):
                assert re.fullmatch(r"[A-Za-z0-9@%_+=:,./-]+", value), name


@each_step
def test_no_command_of_a_resolution_is_refused(issue, step):
    for text in commands(step):
        judgement = judge(filled(issue, text))
        assert judgement.verdict != "refused", f"{text}: {judgement.reason}"


@each_step
def test_the_former_state_is_only_read(issue, step):
    for text in step.pre_state:
        judgement = judge(filled(issue, text))
        assert judgement.verdict == "read-only", f"{text}: {judgement.reason}"


@each_step
def test_a_step_is_an_action_once_its_parameters_are_known(issue, step):
    action = Action(
        title=step.title,
        run=filled(issue, step.run),
        undo=filled(issue, step.undo) if step.undo else None,
        verify=Verify(**step.verify.model_dump()),
        pre_state=tuple(filled(issue, text) for text in step.pre_state),
        keep_files=tuple(filled(issue, path) for path in step.keep_files),
        timeout_s=step.timeout_s,
        hold_s=step.hold_s,
    )
    for text in filter(None, (action.run, action.undo, action.verify.run, *action.pre_state)):
        parsed = subprocess.run(["dash", "-n"], input=text, text=True, capture_output=True)
        assert parsed.returncode == 0 and not parsed.stderr, text
    if step.verify.when:
        Condition.compile(filled(issue, step.verify.when))


@each_step
def test_what_runs_by_itself_leaves_nothing_to_a_comment(issue, step):
    """A comment that says what to do is for a person."""
    if not step.by_hand:
        assert not re.search(r"^\s*# .*(\bthen$|\band then$|:\s{1,2}\S)", step.run, re.M)
        assert "…" not in step.run


@each_step
def test_what_can_not_be_taken_back_says_so(issue, step):
    if acts(issue, step) and not step.undo and not step.keep_files:
        assert step.notes


@each_step
def test_a_change_of_several_commands_ends_at_the_first_that_fails(issue, step):
    if acts(issue, step) and len(step.run.strip().splitlines()) > 1:
        assert step.run.startswith("set -e\n")


@each_step
def test_a_file_that_is_edited_is_kept(issue, step):
    if step.by_hand:
        return
    edited = {
        *re.findall(r">>?\s*(/etc/\S+)", step.run),
        *re.findall(r"sed -i .*?(/etc/\S+)$", step.run, re.M),
    }
    assert edited <= set(step.keep_files)


@each_step
def test_nobody_is_asked_while_a_step_runs(issue, step):
    if not step.by_hand:
        for program, without in (
            ("apt-get install", " -y"),
            ("certbot renew", "--non-interactive"),
        ):
            for line in step.run.splitlines():
                assert program not in line or without in line
