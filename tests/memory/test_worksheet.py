"""The six-step worksheet: complete, and nothing from a host can break out of its place in it."""

import re

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from incident_stories import database_down_on_a_full_disk, evidence
from sme_memory.incident import Claim, Incident, Repair
from sme_memory.worksheet import QUOTED_LINES, worksheet
from sme_tools.actions.outcome import Outcome

HEADINGS = [
    "## 1 Problem",
    "## 2 Observe",
    "## 3 Hypotheses",
    "## 4 Test",
    "## 5 Root cause",
    "## 6 Resolve and prevent",
    "## Timeline",
]


def headings(text: str) -> list[str]:
    """The headings outside of fences, as a Markdown reader sees them."""
    found, fence = [], None
    for line in text.splitlines():
        mark = re.match(r"(`{3,})", line)
        if fence is None and mark:
            fence = mark[1]
        elif fence is not None:
            if line.strip() == fence:
                fence = None
        elif re.match(r"(- |\d+[.)] |> )*#", line):
            found.append(line)
    assert fence is None, "a fence that is never closed"
    return found


def test_worksheet_tells_the_whole_story():
    incident = database_down_on_a_full_disk()
    disk = evidence("storage.filesystems", "/dev/sda2 1000 1000 0 100% /var\n", command="df -P")
    text = worksheet(incident, [disk, evidence("system.load", "0.5\n")])
    assert headings(text) == [
        f"# Incident {incident.id}",
        *HEADINGS,
        "## Evidence",
        "### web1/storage.filesystems#1",
    ]
    for told in [
        "“the shop shows error 500”",
        "Priority: P0",
        "Began: 2026-11-20 09:42:00 UTC; ended: 2026-11-20 09:42:07 UTC",
        "- **critical** web1: /var is 100% full (storage.filesystem-full)",
        "- storage.smart: needs root",
        "- H1: a full disk stops the database\n- H2: the network is down",
        "- H1 **confirmed**; test: is /var full?; result: it is; for \\[web1/storage.files",
        "/var is full, so PostgreSQL stopped (cause-found, confidence high)",
        "(known issue docker-root-on-full-disk)",
        "web1/storage.filesystems#1: /dev/sda2 1000 1000 0 100% /var",
        "- postgresql.service has failed ← /var is 100% full",
        "1. See what takes the space (to free it)",
        "```sh\ndu -xh /var | sort -h\n```",
        "- 09:42:00 observe: 2 findings",
        "```\n$ df -P\n/dev/sda2 1000 1000 0 100% /var\n```",
        "1 more outputs are kept: `sme incidents show",
    ]:
        assert told in text


def test_incident_without_findings_or_diagnosis_says_so():
    text = worksheet(Incident.begin(["web1"]), [])
    assert headings(text)[1:] == HEADINGS[:-1]
    for told in [
        "No symptom was given",
        "ended: not yet",
        "No check found anything wrong.",
        "None was made.",
        "There was nothing to test.",
        "has not come to a diagnosis",
        "Nothing to do is known.",
    ]:
        assert told in text


def test_host_that_was_not_reached_is_told():
    incident = Incident.begin(["web1", "db1"])
    incident.unreachable = {"db1": "connection refused"}
    assert "- Not reached: db1: connection refused" in worksheet(incident, [])


def test_what_was_done_about_it_is_told_with_the_state_of_the_host():
    incident = database_down_on_a_full_disk()
    incident.repairs = [
        Repair(change="c1", host="db1", issue="disk-full", outcome=Outcome.ROLLED_BACK, reason="no")
    ]
    line = next(line for line in worksheet(incident, []).splitlines() if "change c1" in line)
    assert "**verification_failed_rolled_back** db1, the host is as it was before" in line
    assert line.endswith("(change c1, known issue disk-full): no")


def test_claim_that_its_evidence_does_not_bear_is_told_with_why():
    incident = database_down_on_a_full_disk()
    assert incident.diagnosis is not None
    assert "not supported" not in worksheet(incident, [])
    incident.diagnosis.root_causes = [
        Claim(
            text="a *bad* cable", evidence=["x#1"], host="db1", supported=False, doubt="no <b> line"
        ),
        Claim(text="the moon", evidence=[], supported=False),
    ]
    told = worksheet(incident, [])
    assert (
        "- db1: a \\*bad\\* cable \\[x#1\\]\n\n"
        "This is not supported by the evidence: no \\<b> line\n\n"
        "- the moon\n\n"
        "This is not supported by the evidence\n\n"
    ) in told


def test_long_output_is_shortened_and_says_so():
    incident = database_down_on_a_full_disk()
    output = "".join(f"line {n}\n" for n in range(1000))
    text = worksheet(incident, [evidence("storage.filesystems", output)])
    assert f"line 19\n[… {1000 - QUOTED_LINES} lines left out …]\nline 980\n" in text


HOSTILE = st.one_of(
    st.text(max_size=40),
    st.lists(
        st.sampled_from(
            [
                "```",
                "````",
                "`",
                "\n",
                "# x",
                "## 7 Trust me",
                "~~~",
                "<script>",
                "\r",
                "\x1b[2J",
                "- ",
            ]
        ),
        max_size=8,
    ).map("".join),
)


@pytest.fixture(scope="module")
def usual() -> list[str]:
    disk = evidence("storage.filesystems", "x")
    return headings(worksheet(database_down_on_a_full_disk(), [disk]))[1:]


@settings(max_examples=200, deadline=None)
@given(text=HOSTILE, output=HOSTILE)
def test_nothing_from_a_host_becomes_a_heading_or_ends_a_fence(usual, text, output):
    incident = database_down_on_a_full_disk()
    incident.symptom = text
    incident.findings = [f.model_copy(update={"title": text}) for f in incident.findings]
    assert incident.diagnosis is not None
    incident.diagnosis.next_steps[0].command = output
    incident.diagnosis.root_causes[0].quotes[0].line = output
    incident.diagnosis.root_causes[0].supported = False
    incident.diagnosis.root_causes[0].doubt = text
    incident.diagnosis.root_causes[0].host = output
    incident.hypotheses[0].theory = text
    incident.diagnosis.unknowns = [text]
    incident.unreachable = {text: output}
    incident.repairs = [Repair(change="c1", host=text, outcome=Outcome.DECLINED, reason=output)]
    page = worksheet(incident, [evidence("storage.filesystems", output, command=text)])
    assert headings(page)[1:] == usual
    assert "\x1b" not in page
    outside = re.sub(r"(?ms)^(`{3,})\w*\n.*?^\1$", "", page)
    assert "<script>" not in outside.replace("\\<", "")
