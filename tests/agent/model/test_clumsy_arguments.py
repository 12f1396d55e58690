"""What models get wrong in their arguments and still mean."""

import pytest

from model_cases import bench_for, case_of
from sme_agent.llm.messages import ToolCall
from sme_agent.model import toolbox
from sme_agent.model.arguments import Conclude
from sme_agent.model.bench import Concluding, Refusal, Wanted, id_of
from sme_agent.model.conclusion import diagnosis
from sme_prompts.load import Prompts

CAUSE = {"text": "it is full", "quotes": "/dev/md0 ext4 3844552992 3844400000 152992 100% /srv"}


@pytest.fixture
def bench(colleague, tmp_path):
    return bench_for(colleague, case_of("full-disk-database", colleague, tmp_path))


@pytest.fixture
def use(bench):
    """A function that uses a tool."""

    def use_(name, **arguments):
        call = ToolCall(id="1", name=name, arguments=arguments)
        return toolbox.use(call, bench, toolbox.tools(Prompts(), may_fix=True))

    return use_


@pytest.fixture
def conclude(use):
    """A function that concludes with one cause; gives the cause as it is understood."""

    def conclude_(causes, **more):
        given = {"summary": "s", "verdict": "Cause Found", "confidence": "HIGH"} | more
        outcome = use("conclude", causes=causes, **given)
        assert isinstance(outcome, Concluding)
        assert outcome.stated.verdict == "cause-found"
        return outcome.stated.causes[0]

    return conclude_


def finding_of(bench):
    return next(f for f in bench.case.incident.findings if f.subject == "/srv")


@pytest.mark.parametrize(
    "cited",
    [
        "box/storage.filesystems#1",
        "[box/storage.filesystems#1]",
        "storage.filesystems#1",
        "storage.filesystems",
        ["`box/storage.filesystems#1`"],
        '["box/storage.filesystems#1"]',
    ],
)
def test_an_output_is_found_however_it_is_cited(cited, conclude, bench):
    cause = conclude([CAUSE | {"evidence": cited}])
    assert cause.evidence == ["box/storage.filesystems#1"]
    assert cause.host == "box"
    assert bench.finding(cause.finding) == finding_of(bench)


def test_a_finding_stands_for_what_it_rests_on(conclude, bench):
    finding = finding_of(bench)
    for given in ({"evidence": [id_of(finding)]}, {"finding": id_of(finding)}):
        cause = conclude([CAUSE | given])
        assert cause.evidence == list(finding.evidence)
        assert cause.finding == id_of(finding)


def test_what_there_is_not_is_left_to_be_complained_of(conclude):
    assert conclude([CAUSE | {"evidence": "box/none#1"}]).evidence == ["box/none#1"]


def test_a_short_quote_does_not_tell_which_cause_is_meant(conclude):
    cause = conclude([{"text": "x", "evidence": "box/storage.filesystems#1", "quotes": "100%"}])
    assert cause.finding is None


def test_the_marks_of_the_case_are_no_part_of_a_quote(conclude):
    told = f"> {CAUSE['quotes']} [box/storage.filesystems#1]"
    assert conclude([CAUSE | {"quotes": told}]).quotes == [CAUSE["quotes"]]


@pytest.mark.parametrize(
    "steps", ["free some space", ["free some space"], {"text": "free some space"}, []]
)
def test_steps_may_be_plain_texts(steps, use):
    outcome = use(
        "conclude",
        summary="s", causes='[{"text": "x"}]', verdict="cause_found", confidence="low",
        next_steps=steps,
    )  # fmt: skip
    assert [step.text for step in outcome.stated.next_steps] == ["free some space"] * bool(steps)


def test_a_log_line_in_brackets_is_no_list(conclude):
    line = "[12345.678] Out of memory: Killed process 4242"
    assert conclude([{"text": "x", "quotes": line}]).quotes == [line]


def test_host_and_reason_may_be_forgotten_where_there_is_one_host(use):
    outcome = use("run", command="df -h")
    assert isinstance(outcome, Wanted)
    assert outcome.request["host"] == "box"
    assert outcome.request["why"]


def test_with_several_hosts_the_host_has_to_be_named(colleague, tmp_path):
    case = case_of("one-host-of-two", colleague, tmp_path)
    call = ToolCall(id="1", name="run", arguments={"command": "df -h"})
    tools = toolbox.tools(Prompts(), may_fix=True)
    with pytest.raises(Refusal, match="host"):
        toolbox.use(call, bench_for(colleague, case), tools)


def test_the_probes_that_exist_run_though_others_do_not(use):
    outcome = use("look", probes=["storage.smart", "storage.printer"])
    assert outcome.request["probes"] == ["storage.smart"]
    with pytest.raises(Refusal, match=r"storage\.printer.*storage\.smart"):
        use("look", probes=["storage.printer"])


def test_a_quote_is_kept_as_the_output_has_it(conclude, bench):
    stated = conclude([CAUSE | {"evidence": "storage.filesystems"}])
    made = diagnosis(as_stated(stated), bench, "model play")
    (quote,) = made.root_causes[0].quotes
    assert quote.line in bench.case.evidence[quote.evidence].stdout
    assert quote.line.split() == CAUSE["quotes"].split()


def as_stated(cause):
    return Conclude(summary="s", causes=[cause], verdict="cause-found", confidence="high")
