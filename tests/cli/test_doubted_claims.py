"""What the evidence does not bear is said to be so, wherever a cause is shown."""

import json

import pytest

from incident_stories import database_down_on_a_full_disk, full_disk
from sme_cli.render.diagnosis import Screen, show
from sme_memory.incident import Claim
from sme_memory.incidents import IncidentStore

DOUBT = "the cable is bad: no line of db1/system.load#1 says so"


@pytest.fixture
def shown(tmp_path, capsys):
    """What is printed of an incident with a second cause, which has its finding or has none."""

    def show_with(finding=None, **screen):
        incident = database_down_on_a_full_disk()
        incident.hosts = ["web1", "db1"]
        incident.findings.append(full_disk("db1"))
        claim = Claim(
            text="the cable is bad", evidence=["db1/system.load#1"], host="db1", finding=finding,
            supported=False, doubt=DOUBT,
        )  # fmt: skip
        incident.diagnosis.root_causes.append(claim)
        show(incident, IncidentStore(tmp_path / "incidents.db"), Screen("low", **screen))
        return capsys.readouterr().out

    return show_with


def test_a_cause_without_support_says_so_and_which_host_it_is_about(shown):
    lines = shown().splitlines()
    at = next(n for n, line in enumerate(lines) if line.endswith(" db1: the cable is bad"))
    assert lines[at + 1].endswith(f" └ not supported by the evidence: {DOUBT}")
    assert sum("not supported" in line for line in lines) == 1


def test_a_finding_that_is_no_cause_for_sure_says_so(shown):
    out = shown(full_disk("db1").fingerprint)
    assert f"└ not supported by the evidence: {DOUBT}" in out
    assert "db1: /var is 100% full" in out


def test_the_document_says_so_and_who_concluded(shown):
    diagnosis = json.loads(shown(as_json=True))["diagnosis"]
    assert diagnosis["by"] == "rules"
    assert [(c["supported"], c["doubt"]) for c in diagnosis["root_causes"]] == [
        (True, ""),
        (False, DOUBT),
    ]
