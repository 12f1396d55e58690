"""Each command's answer, exit code and streams."""

import json
import os
import stat
import subprocess
import sys
from datetime import UTC, datetime
from pathlib import Path

import pytest

from sme_tools.hosts.evidence import Evidence
from sme_tools.hosts.snapshot import write_snapshot
from typed_commands import DF


def test_diagnose_a_snapshot(sme, snapshot_of_a_full_host):
    answer = sme("diagnose", snapshot_of_a_full_host)
    assert answer.code == 1
    assert "/ is 100 % full" in answer.out
    assert "/dev/vda1       41152736 41152708        28 100% /" in answer.out
    assert answer.err == ""


def test_json_is_one_document_and_lists_and_shows_the_incident(sme, snapshot_of_a_full_host):
    answer = sme("diagnose", snapshot_of_a_full_host, "no space left on device", "--json")
    incident = answer.json
    assert answer.code == 1
    assert incident["symptom"] == "no space left on device"
    assert all(finding["fingerprint"] for finding in incident["findings"])
    listed = sme("incidents", "list", "--json").json
    assert [item["id"] for item in listed] == [incident["id"]]
    worksheet = sme("incidents", "show", "last")
    for step in range(1, 7):
        assert f"## {step} " in worksheet.out
    id = incident["diagnosis"]["root_causes"][0]["evidence"][0]
    assert "/dev/vda1" in sme("incidents", "show", "last", "--evidence", id).out


def test_min_severity_decides_the_exit_code(sme, snapshot_of_a_full_host, tmp_path):
    facts = tmp_path / "facts.json"
    facts.write_text(sme("facts", snapshot_of_a_full_host, "--json").out)
    assert sme("checks", "run", facts).code == 1
    quiet = {"host": "web1", "storage": {"filesystems": [{"mount": "/", "used_percent": 1.0}]}}
    facts.write_text(json.dumps(quiet))
    assert sme("checks", "run", facts).code == 0
    assert sme("checks", "run", facts, "--json").json["findings"] == []


def test_verbose_shows_the_evidence(sme, snapshot_of_a_full_host):
    assert "storage.filesystems#1 (exit 0" in sme("diagnose", snapshot_of_a_full_host, "-v").out


def test_parse_and_run_give_the_findings_of_a_recorded_output(sme, tmp_path):
    recorded = tmp_path / "df.txt"
    recorded.write_text(DF)
    facts = tmp_path / "facts.json"
    for probe in ("storage.filesystems", "df", "df -k", "sudo /bin/df -k"):
        facts.write_text(sme("probes", "parse", probe, recorded, "--json").out)
        answer = sme("checks", "run", facts, "--json")
        assert [f["check"] for f in answer.json["findings"]] == ["storage.filesystem-full"]


@pytest.mark.parametrize(
    ("arguments", "complaint", "remedy"),
    [
        (("diagnose", "nosuchhost"), "nosuchhost", "sme hosts"),
        (("diagnose", "localhost", "a b", "c d"), "2 symptoms", "one pair of quotes"),
        (("probes", "show", "storage.filesystem"), "storage.filesystems", "probes list"),
        (("probes", "parse", "frobnicate -x", os.devnull), "frobnicate", "probes list"),
        (("probes", "parse", "df", "/no/such/file"), "/no/such/file", "pipe"),
        (("checks", "show", "storage.filesystem-ful"), "storage.filesystem-full", "checks list"),
        (("checks", "run", os.devnull), "not JSON", "sme facts"),
        (("issues", "show", "docker-root-ful"), "docker-root-full", "issues search"),
        (("incidents", "show", "last"), "no incidents", "incidents list"),
        (("incidents", "show", "2020"), "2020", "incidents list"),
        (("hosts", "show", "nosuchhost"), "nosuchhost", "sme hosts"),
    ],
)
def test_a_mistake_gets_an_answer_that_helps(sme, arguments, complaint, remedy):
    answer = sme(*arguments)
    assert answer.code == 2
    assert complaint in answer.err
    assert remedy in answer.err
    assert "Traceback" not in answer.err
    assert answer.out == ""


def test_a_wrong_option_is_a_usage_error(sme):
    assert sme("diagnose", "--nosuch").code == 2
    assert sme("diagnose", "--min-severity", "grave").code == 2


def test_an_unreachable_host_gives_exit_code_3_and_the_incident_is_kept(sme):
    sme("hosts", "add", "gone", "127.0.0.1", "--port", "1", "--user", "root")
    answer = sme("diagnose", "gone")
    assert answer.code == 3
    assert "gone" in answer.err
    assert "! " in answer.out
    assert sme("incidents", "list", "--json").json[0]["unreachable"]


def test_hosts_are_added_listed_and_shown(sme, own_folders):
    added = sme("hosts", "add", "web1", "10.0.0.5", "--group", "web", "--sudo")
    assert added.code == 0
    assert "web1" in sme("hosts", "list").out
    assert sme("hosts", "show", "web1", "--json").json["sudo"] is True
    assert sme("hosts", "add", "web1", "10.0.0.6").code == 2
    mode = (own_folders / ".config/sme/hosts.yaml").stat().st_mode
    assert stat.S_IMODE(mode) == 0o600


def test_an_ansible_inventory_is_imported(sme, tmp_path):
    inventory = tmp_path / "inventory.ini"
    inventory.write_text("[web]\nweb[1:3] ansible_user=admin\n\n[all:vars]\nansible_port=2222\n")
    assert sme("hosts", "import", inventory).code == 0
    web2 = sme("hosts", "show", "web2", "--json").json
    assert (web2["user"], web2["port"], web2["groups"]) == ("admin", 2222, ["web"])


def test_localhost_can_be_tested(sme):
    answer = sme("hosts", "test", "localhost")
    assert answer.code == 0
    assert "system" in answer.out


def test_known_issues_are_listed_found_and_shown(sme):
    assert "docker-root-full" in sme("issues", "list").out
    found = sme("issues", "search", "no", "space", "left", "on", "device", "--json").json
    assert found["matches"]
    assert all(match["why"] for match in found["matches"])
    nothing = sme("issues", "search", "strawberry marmalade")
    assert nothing.code == 0
    assert "nothing" in nothing.err
    assert "## Root cause" in sme("issues", "show", "docker-root-full").out
    assert sme("issues", "show", "docker-root-full", "--source").out.startswith("---")


def test_an_issue_says_in_which_incidents_it_was_seen(sme, own_folders):
    assert "not seen here yet" in sme("issues", "show", "oom-kill").out
    path = own_folders / "host.smesnap"
    killed = "[ 10.0] Out of memory: Killed process 77 (java) total-vm:1kB, anon-rss:1kB\n"
    now = datetime.now(UTC)
    dmesg = Evidence(
        id="web1/logs.kernel_events#1", host="web1", step="logs.kernel_events", command="dmesg",
        stdout=killed, stderr="", exit_code=0, outcome="completed", privilege="root",
        started_at=now, duration_s=0.1,
    )  # fmt: skip
    write_snapshot(path, "web1", [dmesg])
    incident = sme("diagnose", path, "--json").json
    assert incident["diagnosis"]["root_causes"][0]["known_issue"] == "oom-kill"
    assert sme("issues", "show", "oom-kill", "--json").json["seen_in_incidents"] == [incident["id"]]


def test_the_log_is_read_and_verified_and_tampering_is_found(sme, snapshot_of_a_full_host):
    sme("diagnose", snapshot_of_a_full_host)
    assert "incident.diagnosed" in sme("log").out
    assert sme("log", "verify").code == 0
    path = Path(sme("config", "show", "--json").json["state_dir"]) / "evolution.jsonl"
    path.write_text(path.read_text().replace("cause-found", "healthy"))
    answer = sme("log", "verify")
    assert answer.code == 4
    assert "was altered" in answer.err


def test_doctor_is_content_with_a_new_installation(sme):
    answer = sme("doctor", "--json")
    assert [r for r in answer.json if r["state"] == "broken"] == []
    assert answer.code == 0


def test_doctor_names_what_is_broken(sme, own_folders):
    config = own_folders / ".config/sme"
    (config / "checks").mkdir(parents=True)
    (config / "checks/own.yaml").write_text("- id: storage.own\n  severity: grave\n")
    (config / "issues").mkdir()
    (config / "issues/broken.md").write_text("no front matter")
    answer = sme("doctor")
    assert answer.code == 4
    assert "own.yaml:1" in answer.out
    assert "broken.md" in answer.out


def test_a_broken_issue_file_is_said_and_the_others_still_serve(sme, own_folders):
    folder = own_folders / ".config/sme/issues"
    folder.mkdir(parents=True)
    (folder / "broken.md").write_text("---\nid: x\n---\n")
    answer = sme("issues", "list")
    assert answer.code == 0
    assert "broken.md" in answer.err
    assert "docker-root-full" in answer.out


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        ("min_severity = 'grave'", "config.toml:1: min_severity"),
        ("timeout = 3", "timeout_s"),
        ("modles = ['x/y']", "did you mean models?"),
        ("models = ['rules', 'x/y']", "models: what comes after rules"),
        ("timeout_s = ", "not valid TOML"),
    ],
)
def test_a_wrong_setting_names_file_line_and_what_is_allowed(sme, own_folders, text, complaint):
    folder = own_folders / ".config/sme"
    folder.mkdir(parents=True)
    (folder / "config.toml").write_text(text + "\n")
    answer = sme("config", "show")
    assert answer.code == 2
    assert complaint in answer.err


def test_settings_say_where_they_come_from(sme, own_folders, monkeypatch):
    folder = own_folders / ".config/sme"
    folder.mkdir(parents=True)
    (folder / "config.toml").write_text("min_severity = 'low'\n")
    monkeypatch.setenv("SME_TIMEOUT_S", "30")
    shown = sme("config", "show", "--origin", "--json").json
    assert shown["min_severity"] == {"value": "low", "origin": f"{folder}/config.toml:1"}
    assert shown["timeout_s"]["origin"] == "environment, SME_TIMEOUT_S"
    assert shown["state_dir"]["origin"] == "default"


def test_a_state_folder_that_cannot_be_made_gets_a_clear_answer(sme, own_folders, monkeypatch):
    (own_folders / "file").touch()
    monkeypatch.setenv("SME_STATE_DIR", str(own_folders / "file" / "state"))
    answer = sme("incidents", "list")
    assert answer.code == 4
    assert "SME_STATE_DIR" in answer.err


def test_a_host_is_recorded_and_diagnosed_elsewhere(sme, tmp_path):
    path = tmp_path / "here.smesnap"
    recorded = sme("snapshot", "localhost", "-o", path)
    assert recorded.code == 0
    assert str(path) in recorded.out
    incident = sme("diagnose", path, "--json").json
    assert incident["hosts"] == ["localhost"]
    twin = tmp_path / "later.smesnap"
    twin.write_bytes(path.read_bytes())
    twice = sme("diagnose", path, twin)
    assert twice.code == 2
    assert "two of these are called localhost" in twice.err


def test_corrupt_snapshot_is_refused(sme, tmp_path):
    path = tmp_path / "bad.smesnap"
    path.write_bytes(b"not a snapshot")
    answer = sme("diagnose", path)
    assert answer.code == 2
    assert "bad.smesnap" in answer.err


def test_state_is_for_the_user_alone(sme, snapshot_of_a_full_host):
    sme("diagnose", snapshot_of_a_full_host)
    folder = Path(sme("config", "show", "--json").json["state_dir"])
    assert stat.S_IMODE(folder.stat().st_mode) == 0o700
    for path in folder.iterdir():
        assert stat.S_IMODE(path.stat().st_mode) & 0o077 == 0, path


def test_a_closed_pipe_is_no_error(own_folders):
    result = subprocess.run(
        f"{sys.executable} -m sme_cli probes list | head -n 1",
        shell=True, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert result.returncode == 0
    assert result.stderr == ""


def test_output_in_a_pipe_has_no_colour_and_is_not_broken(sme, snapshot_of_a_full_host):
    out = sme("diagnose", snapshot_of_a_full_host).out
    assert "\x1b" not in out
    assert any(len(line) > 100 for line in out.splitlines())


def test_ascii_terminals_get_ascii(own_folders, snapshot_of_a_full_host):
    result = subprocess.run(
        [sys.executable, "-m", "sme_cli", "diagnose", str(snapshot_of_a_full_host)],
        env={**os.environ, "PYTHONIOENCODING": "ascii"}, capture_output=True, check=False,
    )  # fmt: skip
    assert result.returncode == 1
    assert result.stdout.isascii()
    assert result.stdout.startswith(b"X web1")
