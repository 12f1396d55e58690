"""What is left of an incident: every cause counts, on every host, and only what is in place."""

import pytest

from sme_agent.mended import is_resolved, left
from sme_memory.incident import Claim, Diagnosis, Incident, Repair
from sme_tools.actions.outcome import Outcome

DISK = Claim(text="the disk is full", evidence=["web1/storage.filesystems#1"], known_issue="disk")
NAMES = Claim(text="no names", evidence=["web1/network.resolver#1"], known_issue="names")
ODD = Claim(text="something odd", evidence=["web1/logs#1"])
ON_DB1 = Claim(text="the disk is full", evidence=["db1/storage.filesystems#1"], known_issue="disk")


def incident(*claims, repairs=()):
    made = Incident.begin(["web1", "db1"])
    made.diagnosis = Diagnosis(
        verdict="cause-found", summary="", root_causes=list(claims), confidence="high"
    )
    made.repairs = [
        Repair(change=f"c{number}", host=host, issue=issue, outcome=outcome)
        for number, (host, issue, outcome) in enumerate(repairs)
    ]
    return made


FIXED = ("web1", "disk", Outcome.FIXED)


@pytest.mark.parametrize(
    ("claims", "repairs", "expected"),
    [
        ([DISK, NAMES], [FIXED], [("web1", NAMES)]),
        ([DISK], [FIXED], []),
        ([DISK, ON_DB1], [FIXED], [("db1", ON_DB1)]),
        ([DISK, DISK], [FIXED], [("web1", DISK)]),
        ([DISK, DISK], [FIXED, FIXED], []),
        ([DISK, ODD], [FIXED], [("web1", ODD)]),
        ([DISK], [("web1", "disk", Outcome.ROLLED_BACK)], [("web1", DISK)]),
        ([DISK], [("web1", "disk", Outcome.ROLLED_BACK), FIXED], []),
        ([ODD, DISK, ON_DB1], [("web1", "what-the-user-knows", Outcome.FIXED)], [("db1", ON_DB1)]),
    ],
)
def test_what_is_left(claims, repairs, expected):
    one = incident(*claims, repairs=repairs)
    assert list(left(one)) == expected
    assert is_resolved(one) == (not expected)


@pytest.mark.parametrize(
    "spoiled",
    [
        ("db1", "disk", Outcome.ROLLED_BACK),
        ("db1", "disk", Outcome.HOST_LOST),
        ("web1", "other", Outcome.ROLLBACK_FAILED),
        ("web1", "disk", Outcome.INTERRUPTED),
    ],
)
def test_a_host_that_is_not_well_keeps_it_open(spoiled):
    assert is_resolved(incident(DISK, repairs=[FIXED]))
    assert not is_resolved(incident(DISK, repairs=[FIXED, spoiled]))


def test_nothing_done_resolves_nothing():
    assert not is_resolved(incident())
    assert not is_resolved(Incident.begin(["web1"]))
