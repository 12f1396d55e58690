"""What belongs together on a host, and what an effect says of its cause."""

import pytest

from sme_tools.checks.causes import cause_graph
from sme_tools.checks.check import Check, parse_checks
from sme_tools.checks.conditions import FactContext
from sme_tools.checks.finding import Finding
from sme_tools.checks.ties import ties
from sme_tools.errors import CheckInvalid
from sme_tools.facts import Facts

STORAGE = {
    "filesystems": [{"mount": "/"}, {"mount": "/srv"}, {"mount": "/var/lib/docker"}],
    "block_devices": [
        {"name": "sda", "parents": []},
        {"name": "sdb", "parents": []},
        {"name": "sdb1", "parents": ["sdb"]},
        {"name": "md0", "parents": ["sda"]},
        {"name": "pve-root", "parents": ["md0"]},
        {"name": "nvme0n1", "parents": []},
        {"name": "nvme0n1p2", "parents": ["nvme0n1"]},
    ],
}


def host(**values):
    return Facts.from_document({"host": "web1", **values}, "test")


@pytest.mark.parametrize(
    ("path", "mount", "on"),
    [
        ("/var/log/app.log", "/", True),
        ("/srv/postgres", "/srv", True),
        ("/srv/postgres", "/", False),
        ("/srvice", "/srv", False),
        ("/var/lib/docker/volumes/x", "/", False),
        ("/srv/ollama:/root/.ollama", "/srv", True),
        ("/mnt/pool/media", "/mnt/pool", True),  # not mounted now, but it should be
    ],
)
def test_a_path_is_on_the_nearest_mount_above_it(path, mount, on):
    assert ties(host(storage=STORAGE))["on_mount"](path, mount) is on


@pytest.mark.parametrize(
    ("device", "disk", "on"),
    [
        ("/dev/mapper/pve-root", "/dev/sda", True),
        ("md0", "sdb", False),
        ("sdb1", "sdb", True),
        ("nvme0n1p2", "/dev/nvme0", True),
        ("nvme0n1p2", "/dev/sda", False),
        ("dm-3", "sda", True),  # the kernel's own name, which lsblk does not list
    ],
)
def test_a_device_is_on_the_disks_that_it_is_made_of(device, disk, on):
    assert ties(host(storage=STORAGE))["on_disk"](device, disk) is on


def full_disk(link):
    return Check.model_validate(
        {"id": "storage.full", "title": "x", "when": "true", "severity": "high", "remedy": "x",
         "explains": [link], "fires": {}, "clear": {}}
    )  # fmt: skip


def finding(check, subject):
    return Finding(check=check, host="web1", subject=subject, severity="high", title="x",
                   remedy="x", facts={"name": subject})  # fmt: skip


def explained(link, log):
    facts = host(services={"details": [{"name": "shop.service", "log": log}]})
    found = [finding("storage.full", "/srv"), finding("services.unit-failed", "shop.service")]
    graph = cause_graph(found, [full_disk(link)], {"web1": FactContext(facts)})
    return graph.cause_of(found[1].fingerprint) is not None


MAY_SAY = {"check": "services.unit-failed", "may_say": "(?i)no space"}
SAYS = {"check": "services.unit-failed", "says": "(?i)no space|{subject}"}


def test_a_unit_that_names_the_cause_follows_from_it():
    assert explained(MAY_SAY, ["fatal: write: No space left on device"])
    assert explained(SAYS, ["fatal: write: No space left on device"])
    assert explained(SAYS, ["cannot open /srv/shop.db"]) is True


def test_a_unit_that_says_something_else_does_not():
    log = ["Failed to parse shop.ini: unknown key", "shop.service: Main process exited, code=1"]
    assert not explained(MAY_SAY, log)
    assert not explained(SAYS, log)


def test_where_nothing_was_said_only_a_lenient_link_between_the_two_subjects_holds():
    silent = ["shop.service: Failed with result 'exit-code'.", "listening on port 80"]
    tie = {"when": "effect.name == 'shop.service'"}
    assert explained({**MAY_SAY, **tie}, silent)
    assert not explained(MAY_SAY, silent)
    assert not explained({**SAYS, **tie}, silent)


def test_a_link_to_several_checks_stands_for_one_each_and_its_expression_is_tested():
    text = """
- id: storage.full
  title: x
  when: "true"
  severity: high
  explains: [{check: [services.unit-failed, services.restart-loop], says: "no (space"}]
  remedy: x
  fires: {}
  clear: {}
"""
    with pytest.raises(CheckInvalid, match="not a regular expression"):
        parse_checks(text, "own.yaml")
    (check,) = parse_checks(text.replace("no (space", "no space"), "own.yaml")
    assert [link.check for link in check.explains] == [
        "services.unit-failed",
        "services.restart-loop",
    ]
