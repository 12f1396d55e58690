"""Investigations from symptom to diagnosis, on replayed hosts."""

import threading

import pytest

from sme_agent.events import CommandDone, Concluded, HostFailed, StepStarted
from sme_tools.errors import HostLost, Interrupted, UsageError
from sme_tools.hosts.host import Host
from sme_tools.hosts.open import open_transport

HEALTHY_DF = """Filesystem     Type 1024-blocks  Used Available Capacity Mounted on
/dev/vda1      ext4    41152736 9000000  30000000      24% /

Filesystem      Inodes  IUsed   IFree IUse% Mounted on
/dev/vda1      2621440 181022 2440418    7% /
"""
FULL_DF = HEALTHY_DF.replace("9000000  30000000      24%", "41152708  28      100%")


def conclude(events):
    """The concluded incident, and every event before it."""
    *before, last = list(events)
    assert isinstance(last, Concluded)
    return last.incident, before


@pytest.fixture
def full_host(host_that_prints):
    return host_that_prints(storage__filesystems=FULL_DF)


@pytest.fixture
def healthy_host(host_that_prints):
    return host_that_prints(storage__filesystems=HEALTHY_DF)


def test_a_full_disk_is_the_root_cause_and_cites_the_line_of_df(colleague, full_host):
    incident, events = conclude(colleague.investigate([full_host]))
    diagnosis = incident.diagnosis
    assert diagnosis.verdict == "cause-found"
    assert "/ is 100 % full" in diagnosis.summary
    (claim,) = diagnosis.root_causes
    assert claim.evidence == ["web1/storage.filesystems#1"]
    assert any("100%" in quote.line for quote in claim.quotes)
    assert diagnosis.next_steps
    assert incident.priority == "P0"
    steps = [event.step for event in events if isinstance(event, StepStarted)]
    assert steps[:2] == ["observe", "recall"]
    assert steps[-1] == "analyze"
    assert any(isinstance(event, CommandDone) for event in events)


def test_a_healthy_host_is_healthy(colleague, healthy_host):
    incident, _ = conclude(colleague.investigate([healthy_host]))
    assert incident.diagnosis.verdict == "healthy"
    assert incident.diagnosis.root_causes == []
    assert incident.priority == "P3"


def test_a_symptom_that_nothing_accounts_for_stays_unknown_and_says_what_to_look_at(
    colleague, healthy_host
):
    incident, _ = conclude(colleague.investigate([healthy_host], "the fan is loud at night"))
    diagnosis = incident.diagnosis
    assert diagnosis.verdict == "cause-unknown"
    assert diagnosis.confidence == "low"
    assert diagnosis.next_steps
    assert "the fan is loud at night" in diagnosis.summary


def test_a_finding_that_does_not_fit_the_symptom_is_not_blamed(colleague, full_host):
    incident, _ = conclude(
        colleague.investigate([full_host], "the certificate of the site is expired")
    )
    assert incident.diagnosis.verdict == "cause-unknown"
    assert [f.check for f in incident.findings if f.severity == "critical"] == [
        "storage.filesystem-full"
    ]


def test_the_symptom_decides_which_deeper_probes_run(colleague, healthy_host):
    plain, _ = conclude(colleague.investigate([healthy_host]))
    spoken, _ = conclude(colleague.investigate([healthy_host], "ollama is slow on the gpu"))

    def ran(incident):
        return {probe["id"] for probe in incident.facts["web1"]["probes"]}

    deeper = ran(spoken) - ran(plain)
    assert any(id.startswith("gpu.") for id in deeper)


def test_every_probe_runs_at_most_once_on_a_host(colleague, healthy_host):
    incident, _ = conclude(colleague.investigate([healthy_host], "something odd, all is broken"))
    ids = colleague.incidents.evidence_ids(incident.id)
    probes = [id.split("/")[1].split("#")[0] for id in ids]
    assert len(probes) == len(set(probes))


def test_every_hypothesis_and_claim_cites_evidence_that_is_stored(colleague, full_host):
    incident, _ = conclude(colleague.investigate([full_host], "no space left on device"))
    stored = set(colleague.incidents.evidence_ids(incident.id))
    cited = {id for claim in incident.diagnosis.root_causes for id in claim.evidence}
    for hypothesis in incident.hypotheses:
        cited |= {*hypothesis.evidence_for, *hypothesis.evidence_against}
    assert cited
    assert cited <= stored


def test_quotes_are_exact_pieces_of_the_evidence_they_cite(colleague, full_host):
    incident, _ = conclude(colleague.investigate([full_host]))
    for claim in incident.diagnosis.root_causes:
        for quote in claim.quotes:
            item = colleague.incidents.evidence(incident.id, quote.evidence)
            assert quote.line.strip("…") in item.stdout


def test_a_host_that_fails_does_not_stop_the_others(colleague, full_host, tmp_path):
    missing = Host(name="gone", transport="replay", snapshot=tmp_path / "gone.smesnap")
    refused = Host(name="refused", address="127.0.0.1", port=1)
    with pytest.raises(UsageError):
        conclude(colleague.investigate([missing]))
    incident, events = conclude(colleague.investigate([full_host, refused]))
    assert "refused" in incident.unreachable
    assert any(isinstance(e, HostFailed) and e.host == "refused" for e in events)
    assert "/ is 100 % full" in incident.diagnosis.summary


def test_what_is_seen_a_second_time_is_recognised(colleague, full_host):
    first, _ = conclude(colleague.investigate([full_host]))
    second, _ = conclude(colleague.investigate([full_host]))
    assert first.id != second.id
    prints = [finding.fingerprint for finding in second.findings]
    assert colleague.incidents.seen_before(prints, other_than=second.id)
    assert any("seen before: 1 of" in entry.text for entry in second.timeline)


def test_the_evolution_log_holds_what_was_diagnosed(colleague, full_host):
    incident, _ = conclude(colleague.investigate([full_host]))
    entries = colleague.log.read(kind="incident.diagnosed")
    assert [entry.subject for entry in entries] == [incident.id]
    assert colleague.log.verify().entries >= 1


class LostAfterFirst:
    """A transport that loses its host after the first step."""

    def __init__(self, host):
        self._real = open_transport(host)
        self._host = host

    def run(self, script, *, timeout_s):
        for number, evidence in enumerate(self._real.run(script, timeout_s=timeout_s)):
            if evidence.step == "storage.mounts":
                raise HostLost("the connection broke", host=self._host.name)
            assert number < 1000
            yield evidence

    def close(self):
        self._real.close()


def test_what_came_before_a_lost_connection_counts_and_the_rest_is_unknown(
    colleague, full_host, monkeypatch
):
    object.__setattr__(colleague, "open_transport", LostAfterFirst)
    incident, _ = conclude(colleague.investigate([full_host]))
    assert incident.unreachable == {"web1": "the connection broke"}
    assert any(f.check == "storage.filesystem-full" for f in incident.findings)
    assert any("storage.mounts" in unknown for unknown in incident.diagnosis.unknowns)


def test_an_interrupted_investigation_keeps_what_it_found_and_goes_on(colleague, full_host):
    events = colleague.investigate([full_host], "no space left on device")
    for event in events:
        if isinstance(event, StepStarted) and event.step == "recall":
            break
    events.close()
    kept = colleague.incidents.load("last")
    assert kept.status == "interrupted"
    assert kept.findings
    incident, after = conclude(colleague.resume(kept, [full_host]))
    assert incident.id == kept.id
    assert incident.diagnosis.verdict == "cause-found"
    assert "observe" not in [e.step for e in after if isinstance(e, StepStarted)]
    with pytest.raises(UsageError, match="concluded"):
        list(colleague.resume(incident, [full_host]))


def test_a_cancelled_investigation_says_how_to_go_on(colleague, full_host):
    cancelled = threading.Event()
    with pytest.raises(Interrupted, match="kept") as caught:
        for event in colleague.investigate([full_host], cancelled=cancelled):
            if isinstance(event, StepStarted) and event.step == "recall":
                cancelled.set()
    kept = colleague.incidents.load("last")
    assert kept.id in caught.value.remedy
    assert kept.status == "interrupted"
    incident, _ = conclude(colleague.resume(kept, [full_host]))
    assert incident.diagnosis.verdict == "cause-found"


def test_what_was_recalled_before_an_interruption_still_counts(colleague, healthy_host):
    symptom = "404 on /api/generate since we changed the inference back end from ollama to vllm"
    whole, _ = conclude(colleague.investigate([healthy_host], symptom))
    assert whole.diagnosis.known_issues
    events = colleague.investigate([healthy_host], symptom)
    for event in events:
        if isinstance(event, StepStarted) and event.step == "recall":
            break
    events.close()
    resumed, _ = conclude(colleague.resume(colleague.incidents.load("last"), [healthy_host]))
    assert resumed.id != whole.id
    assert resumed.diagnosis.known_issues == whole.diagnosis.known_issues
