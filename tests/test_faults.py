"""Real faults on a host of our own, found over real SSH; without them the host is clean."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

import lab

EXPECTED = {
    "full-tmpfs": ("storage.filesystem-full", "/mnt/data"),
    "exhausted-inodes": ("storage.inodes-exhausted", "/mnt/mail"),
    "read-only-mount": ("storage.mounted-read-only", "/mnt/store"),
    "crash-loop": ("services.supervised-", "billing"),  # -failed or -restarting, as it is just then
    "expired-certificate": ("certificates.expired", "8443"),
    "dead-resolver": ("network.resolver-broken", "nameserver"),
    "cpu-hog": ("processes.cpu-hog", "sh"),
    "zombie": ("processes.zombies", "sleep"),
    "oom-killed": ("logs.oom-kills", "tail"),
}


def diagnose(home: Path, *arguments: str) -> tuple[int, dict]:
    """`sme diagnose lab --json` as a user with this home folder types it."""
    result = subprocess.run(
        [sys.executable, "-m", "sme_cli", "diagnose", "lab", "--json", *arguments],
        env={"HOME": str(home), "PATH": lab.search_path()},
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=110,
        check=False,
    )
    assert result.stdout, result.stderr
    return result.returncode, json.loads(result.stdout)


@pytest.fixture(scope="module")
def faulty(tmp_path_factory):
    """The diagnosis of a host that has every fault at once."""
    home = tmp_path_factory.mktemp("faulty")
    with lab.lab_host(home, *lab.FAULTS.values()) as host:
        lab.wait_between_starts(host)
        return diagnose(home)


@pytest.fixture(scope="module")
def clean(tmp_path_factory):
    """The diagnosis of the same host without a fault, but with a valid TLS listener."""
    home = tmp_path_factory.mktemp("clean")
    with lab.lab_host(home, lab.valid_certificate):
        return diagnose(home)


def test_every_fault_of_the_lab_is_expected():
    assert set(EXPECTED) == set(lab.FAULTS)


@pytest.mark.parametrize("fault", lab.FAULTS)
def test_fault_is_found(faulty, fault):
    check, subject = EXPECTED[fault]
    found = [
        finding
        for finding in faulty[1]["findings"]
        if finding["check"].startswith(check) and subject in finding["title"]
    ]
    assert found, [f"{f['check']}: {f['title']}" for f in faulty[1]["findings"]]
    assert found[0]["severity"] in ("critical", "high", "medium")
    assert found[0]["evidence"]


def test_faults_give_exit_code_1_and_a_root_cause_with_quoted_evidence(faulty):
    code, incident = faulty
    assert code == 1
    assert incident["diagnosis"]["verdict"] == "cause-found"
    assert incident["diagnosis"]["root_causes"][0]["quotes"]


def test_the_host_without_faults_is_clean(clean):
    code, incident = clean
    graver = [f for f in incident["findings"] if f["severity"] in ("critical", "high", "medium")]
    assert graver == []
    assert code == 0
    assert incident["diagnosis"]["verdict"] == "healthy"


def test_one_fault_alone_is_the_root_cause(tmp_path):
    with lab.lab_host(tmp_path, lab.full_tmpfs):
        code, incident = diagnose(tmp_path, "--symptom", "uploads fail: no space left on device")
    assert code == 1
    assert "/mnt/data" in incident["diagnosis"]["summary"]
    assert incident["diagnosis"]["confidence"] != "low"
