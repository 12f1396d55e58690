"""What a user lets happen on a host: windows, modes, allow and deny rules."""

from datetime import datetime

import pytest
from pydantic import ValidationError

from sme_tools.hosts.inventory import Inventory
from sme_tools.safety.decision import decide
from sme_tools.safety.policy.judge import judge
from sme_tools.safety.rules import HostRules, Window

SATURDAY_3AM = datetime(2026, 11, 21, 3, 0)
FRIDAY_NOON = datetime(2026, 11, 20, 12, 0)


def decided(command, now=FRIDAY_NOON, *, standing=None, proven=None, **rules):
    return decide(
        judge(command),
        HostRules(**rules),
        now,
        standing=standing or (lambda argv: None),
        proven=proven,
    )


@pytest.mark.parametrize(
    ("text", "inside", "outside"),
    [
        ("daily 04:00-04:30", datetime(2026, 1, 1, 4, 29), datetime(2026, 1, 1, 4, 30)),
        ("Sat-Sun 02:00-06:00", SATURDAY_3AM, datetime(2026, 11, 20, 3, 0)),
        ("Sun-Mon 02:00-06:00", datetime(2026, 11, 23, 2, 0), SATURDAY_3AM),
        ("Mon,Fri 10:00-24:00", datetime(2026, 11, 20, 23, 59), SATURDAY_3AM),
        ("Fri 22:00-02:00", datetime(2026, 11, 21, 1, 59), datetime(2026, 11, 20, 1, 0)),
    ],
)
def test_a_window_is_a_time_of_the_week(text, inside, outside):
    assert Window.parse(text).holds(inside)
    assert not Window.parse(text).holds(outside)


@pytest.mark.parametrize("text", ["night", "Sat 2-6", "Foo 02:00-03:00", "daily 25:00-26:00", ""])
def test_what_is_no_window_is_refused(text):
    with pytest.raises(ValidationError):
        HostRules(windows=(text,))


@pytest.mark.parametrize("rule", ["", "*", "'unclosed"])
def test_a_rule_names_a_program(rule):
    with pytest.raises(ValidationError):
        HostRules(allow=(rule,))


def test_by_default_reading_runs_and_a_change_is_asked_for():
    assert decided("uptime").kind == "run"
    assert decided("systemctl restart nginx").kind == "ask"
    assert decided("rm -rf /").kind == "deny"


def test_observe_lets_nothing_change():
    decision = decided("systemctl restart nginx", mode="observe", allow=("systemctl *",))
    assert decision.kind == "deny"
    assert "only to be observed" in decision.reason
    assert decided("uptime", mode="observe").kind == "run"


def test_an_allow_rule_holds_for_that_one_command():
    allow = ("systemctl restart nginx*", "docker restart *")
    assert decided("systemctl restart nginx", allow=allow).approval == (
        "rule: systemctl restart nginx*"
    )
    assert decided("docker restart plex sonarr", allow=allow).kind == "run"
    for other in (
        "docker restart",
        "systemctl restart sshd",
        "systemctl restart nginx sshd",
        "systemctl restart nginx; reboot",
        "systemctl restart nginx > /etc/passwd",
        "systemctl restart $X",
        "X=1 systemctl restart nginx",
        "systemctl restart nginx & reboot",
        "docker restart $(cat /tmp/names)",
        "/tmp/systemctl restart nginx",
    ):
        assert decided(other, allow=allow).kind == "ask", other


def test_no_rule_allows_what_is_refused():
    assert decided("rm -rf /", allow=("rm *",)).kind == "deny"


def test_deny_goes_first_and_reaches_everywhere():
    rules = {"deny": ("docker compose down *", "systemctl stop"), "allow": ("docker *",)}
    for command in (
        "docker compose down -v",
        "docker compose down",
        "sudo docker compose down",
        "true && sh -c 'docker compose down'",
        "/usr/bin/docker compose down",
        "systemctl stop nginx",
        "systemctl $X nginx",
        "docker $(cat x)",
    ):
        decision = decided(command, **rules)
        assert decision.kind == "deny", command
        assert "your rule denies it" in decision.reason
    assert decided("docker restart plex", **rules).kind == "run"
    assert decided("uptime", deny=("uptime",)).kind == "deny"


def test_outside_of_its_windows_only_a_person_changes_something():
    rules = {"windows": ("Sat-Sun 02:00-06:00",), "allow": ("reboot",)}
    assert decided("reboot", SATURDAY_3AM, **rules).kind == "run"
    outside = decided("reboot", FRIDAY_NOON, **rules)
    assert outside.kind == "ask"
    assert "Sat-Sun 02:00-06:00" in outside.reason


def test_a_standing_approval_covers_the_words_it_was_given_for():
    def standing(argv):
        return "S1" if list(argv[:2]) == ["systemctl", "restart"] else None

    assert decided("systemctl restart nginx", standing=standing).approval == "S1"
    assert decided("systemctl stop nginx", standing=standing).kind == "ask"
    assert decided("systemctl restart nginx; reboot", standing=standing).kind == "ask"


def test_auto_runs_proven_steps_alone():
    step = "systemctl restart nginx"
    assert decided(step, mode="auto").kind == "ask"
    assert decided(step, mode="auto", proven="nginx-stuck").approval == (
        "auto: known issue nginx-stuck"
    )
    assert decided(step, mode="approve", proven="nginx-stuck").kind == "ask"


def test_the_inventory_merges_rules_from_defaults_groups_tags_and_the_host(tmp_path):
    path = tmp_path / "hosts.yaml"
    path.write_text(
        "defaults: {policy: {mode: observe, deny: [reboot]}}\n"
        "groups: {web: {policy: {mode: approve, allow: [systemctl restart nginx]}}}\n"
        "tags: {night: {policy: {windows: [daily 01:00-02:00]}}}\n"
        "hosts:\n"
        "  web1: {groups: [web], tags: [night], policy: {mode: auto, deny: [poweroff]}}\n"
        "  db1:\n"
    )
    inventory = Inventory.load(path)
    web1 = inventory.resolve("web1").policy
    assert web1.mode == "auto"
    assert web1.windows == ("daily 01:00-02:00",)
    assert web1.allow == ("systemctl restart nginx",)
    assert web1.deny == ("reboot", "poweroff")
    for name in ("db1", "localhost", "root@10.0.0.9"):
        assert inventory.resolve(name).policy == HostRules(mode="observe", deny=("reboot",))
