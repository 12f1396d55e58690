"""Diagnoses judged as a senior engineer would; the form of a scenario: recorded_scenarios.py."""

import pytest

from recorded_scenarios import FOLDER, Scenario, differences, recorded_host
from sme_agent.events import Concluded

FILES = sorted(FOLDER.glob("*.yaml"))


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)
def test_a_scenario_comes_out_as_a_senior_engineer_would_have_it(path, colleague, tmp_path):
    told = Scenario.read(path)
    machines = {"box": told.machine, **told.also}
    hosts = [recorded_host(machine, name, tmp_path) for name, machine in machines.items()]
    *_, last = colleague.investigate(hosts, told.symptom)
    assert isinstance(last, Concluded)
    assert not differences(last.incident, told.expect)
