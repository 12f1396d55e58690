"""One incident on several hosts: one first, the others only after it, and none where it fails."""

import contextlib
import os
import shutil
import sys
from dataclasses import replace

import pytest

import lab
from changing import QuickClock
from sme_agent.questions import Answer
from sme_agent.resolution import Wish
from sme_tools.actions.outcome import Outcome
from sme_tools.hosts.host import Host

pytestmark = pytest.mark.skipif(
    sys.platform != "linux" or os.getuid() != 0 or not shutil.which("unshare"),
    reason="a lab host needs root on Linux",
)

WISH = Wish(issue="tmpfs-full", hold_s=1)
SIZE = "df --output=size /mnt/data | tail -1"
STAYS_SMALL = """\
#!/bin/sh
case "$*" in *size=8388608*) exit 0;; esac
exec {real} "$@"
"""


@pytest.fixture
def fleet(own_folders):
    """Three lab hosts, each with a full tmpfs."""
    with contextlib.ExitStack() as running:
        yield {
            name: running.enter_context(lab.lab_host(own_folders, lab.full_tmpfs, name=name))
            for name in ("one", "two", "three")
        }


@pytest.fixture
def impatient(colleague):
    """A colleague for whom the time that something must hold passes at once."""
    return replace(colleague, clock=QuickClock())


def mend_all(colleague, fleet):
    """Diagnose the fleet, then fix it with one yes for everything; gives the incident."""
    hosts = [Host(name=name) for name in fleet]
    *_, last = colleague.investigate(hosts, targets=list(fleet))
    everything = Answer("plan", by="user ann")
    list(colleague.fix(last.incident, hosts, WISH, ask=lambda question: everything))
    return colleague.incidents.load(last.incident.id)


def ignores_the_change(host):
    """On this host a larger size is taken without a word, and nothing comes of it."""
    real = host.folder / "mount"
    shutil.copy(shutil.which("mount"), real)
    fake = host.folder / "fake-mount"
    fake.write_text(STAYS_SMALL.format(real=real))
    fake.chmod(0o755)
    host.run(f"mount --bind {fake} $(readlink -f $(command -v mount))")


def changes(colleague):
    """The hosts of all commands that changed something, in the order in which they ran."""
    ran = colleague.guard.audit.read(verdict="change")
    return [entry.subject for entry in ran if entry.kind == "command.announced"]


def test_the_others_follow_only_after_the_first(impatient, fleet):
    incident = mend_all(impatient, fleet)
    assert {repair.host: repair.outcome for repair in incident.repairs} == dict.fromkeys(
        fleet, Outcome.FIXED
    )
    assert {host.run(SIZE).strip() for host in fleet.values()} == {"8192"}
    ran = changes(impatient)
    assert set(ran) == set(fleet)
    assert ran == sorted(ran, key=list(fleet).index), "one is over before the next begins"


def test_where_the_first_fails_the_others_are_not_begun_and_say_so(impatient, fleet):
    ignores_the_change(fleet["one"])
    incident = mend_all(impatient, fleet)
    outcomes = {repair.host: repair.outcome for repair in incident.repairs}
    assert outcomes == {
        "one": Outcome.ROLLED_BACK,
        "two": Outcome.DECLINED,
        "three": Outcome.DECLINED,
    }
    reasons = {repair.host: repair.reason for repair in incident.repairs}
    assert reasons["two"] == reasons["three"] == "not begun, since one was not mended"
    assert {host.run(SIZE).strip() for host in fleet.values()} == {"4096"}
    assert set(changes(impatient)) == {"one"}, "no change was tried elsewhere"
    assert incident.status == "diagnosed"


def test_where_a_later_one_fails_what_is_mended_stays_and_the_rest_is_left(impatient, fleet):
    ignores_the_change(fleet["two"])
    incident = mend_all(impatient, fleet)
    outcomes = {repair.host: repair.outcome for repair in incident.repairs}
    assert outcomes == {
        "one": Outcome.FIXED,
        "two": Outcome.ROLLED_BACK,
        "three": Outcome.DECLINED,
    }
    sizes = {name: host.run(SIZE).strip() for name, host in fleet.items()}
    assert sizes == {"one": "8192", "two": "4096", "three": "4096"}
    assert incident.status == "diagnosed", "a cause is left on two of three hosts"
