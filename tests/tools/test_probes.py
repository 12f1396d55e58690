"""Every probe's parser on recorded outputs: probes/PROBE/CASE.txt gives CASE.json."""

import json
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sme_tools.errors import ProbeError
from sme_tools.facts import plain
from sme_tools.probes.registry import find_probe, probes

FOLDER = Path(__file__).parent / "probes"
RECORDED = sorted(FOLDER.glob("*/*.txt"))


@pytest.mark.parametrize("recorded", RECORDED, ids=lambda p: f"{p.parent.name}/{p.stem}")
def test_recorded_output_gives_expected_facts(recorded):
    facts = plain(find_probe(recorded.parent.name).read(recorded.read_text("utf-8")))
    assert facts == json.loads(recorded.with_suffix(".json").read_text("utf-8"))


@pytest.mark.parametrize("id", probes())
def test_probe_has_a_recorded_output_and_a_summary(id):
    assert list((FOLDER / id).glob("*.txt"))
    assert find_probe(id).summary


@pytest.mark.parametrize("id", probes())
def test_parser_raises_nothing_but_probe_errors(id):
    probe = find_probe(id)
    samples = [path.read_text("utf-8") for path in (FOLDER / id).glob("*.txt")]

    @settings(max_examples=25, deadline=None)
    @given(st.data())
    def damaged(data):
        lines = data.draw(st.sampled_from(samples)).splitlines(keepends=True)
        dropped = data.draw(st.sets(st.integers(0, max(len(lines) - 1, 0)), max_size=4))
        text = "".join(line for n, line in enumerate(lines) if n not in dropped)
        cut = data.draw(st.integers(0, len(text)))
        text = text[:cut] + data.draw(st.text(max_size=20))
        try:
            probe.read(text)
        except ProbeError:
            return

    damaged()
