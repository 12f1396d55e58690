"""`sme fix` and `sme diagnose --fix`: preview, approval, outcome; on this machine and over SSH."""

import json
import os
import shutil
import signal
import subprocess
import sys

import pytest

import apart
import lab
from fixing import ISSUE, START, WRITE, Service
from sme_cli import session
from sshd import Client, Sshd
from typed_commands import eventually

BEFORE = ["template"]
AFTER = ["settings", "started", "template"]


@pytest.fixture
def service(tmp_path, own_folders):
    return Service(tmp_path / "service", own_folders / ".config/sme/issues")


@pytest.fixture(scope="module")
def diagnosed(tmp_path_factory):
    """The state folder of a user who has diagnosed this machine."""
    folder = tmp_path_factory.mktemp("state")
    command = [sys.executable, "-m", "sme_cli", "diagnose", "localhost"]
    state = {"SME_STATE_DIR": str(folder), "SME_CONFIG_DIR": str(folder / "none")}
    path = {"PYTHONPATH": os.pathsep.join(sys.path)}
    subprocess.run(command, env=os.environ | state | path, capture_output=True, check=False)
    return folder


@pytest.fixture
def incident(sme, service, diagnosed, own_folders):
    """The id of the diagnosis of this machine; afterwards no change of it is left."""
    shutil.copytree(diagnosed, own_folders / ".local/state/sme")
    return sme("incidents", "list", "--json").json[0]["id"]


@pytest.fixture(autouse=True)
def locked_apart(sme, tmp_path, monkeypatch):
    """Locks of the test's own; no change of it is left behind."""
    monkeypatch.setattr(session, "colleague", apart.colleague_of(tmp_path / "locks"))
    yield
    (tmp_path / "go").touch()
    for incident in sme("incidents", "list", "--json").json:
        sme("fix", incident["id"], "--resume", "--undo")


@pytest.fixture
def start_apart(start_sme, tmp_path):
    """Start `sme ARGUMENTS…` as a process of its own that has the locks of the test."""
    return lambda *words: start_sme(*words, program=(apart.__file__, str(tmp_path / "locks")))


@pytest.fixture
def fix(sme, incident):
    """Type `sme fix last --issue settings-missing …`."""
    return lambda *words: sme("fix", "last", "--issue", ISSUE, *words)


@pytest.fixture
def digest(fix):
    """The digest of the plan, as its preview shows it."""
    return lambda: fix("--dry-run", "--json").json["plans"][0]["digest"]


def test_a_preview_reads_like_a_diff_and_does_nothing(fix, service, incident):
    answer = fix("--dry-run")
    assert (answer.code, answer.err) == (0, "")
    folder = service.folder
    for line in (
        "Plan for localhost: The service's settings are not there",
        f"  known issue {ISSUE} (validated)",
        " 1. Write the settings",
        f"    + cp {folder}/template {folder}/settings",
        f"    - rm -f {folder}/settings",
        f"    ? test -s {folder}/settings",
        "      holds 0 s",
    ):
        assert line in answer.out.splitlines()
    assert "    = will ask: cp" in answer.out
    approve = answer.out.splitlines()[-1].split()
    assert approve[:5] == ["sme", "fix", incident, "--issue", ISSUE]
    assert service.files == BEFORE


def test_the_command_that_the_preview_names_carries_it_out(sme, fix, service):
    command = fix("--dry-run", "--hold", "1").out.splitlines()[-1].split()
    answer = sme(*command[1:])
    assert answer.code == 0
    assert "✓ localhost: fixed  [the change is in place" in answer.out
    assert "localhost: 1. verified, and held for 1 s" in answer.err
    assert service.files == AFTER
    assert sme("incidents", "list", "--json").json[0]["status"] == "resolved"


def test_without_a_terminal_nothing_changes_unless_it_is_named(sme, fix, service, incident):
    answer = fix()
    assert answer.code == 5
    assert "? localhost: waits for approval  [nothing was done to the host]" in answer.out
    assert f"$ sme fix {incident} --resume --approve " in answer.out
    assert service.files == BEFORE
    (waiting,) = sme("policy", "approvals", "--json").json["pending"]
    assert f"$ sme policy approve {waiting['id']}" in answer.out


def test_a_step_that_is_approved_elsewhere_runs_when_it_is_resumed(sme, fix, service):
    fix()
    for code, files in ((5, ["settings", "template"]), (0, AFTER)):
        (waiting,) = sme("policy", "approvals", "--json").json["pending"]
        sme("policy", "approve", waiting["id"])
        assert sme("fix", "--resume").code == code
        assert service.files == files


def test_a_command_is_approved_by_its_exact_text_and_no_other_is(sme, fix, service, incident):
    write = f"cp {service.folder}/template {service.folder}/settings"
    answer = fix("--approve", write)
    assert answer.code == 5
    assert service.files == ["settings", "template"]
    assert "1 of 2 steps are done, and the host stays locked" in answer.out
    told = sme("incidents", "show").err
    assert told == f"A change on localhost is not over: sme fix {incident} --resume\n"


@pytest.mark.parametrize("change", [lambda text: f"{text} ", str.upper, lambda text: text[:-1]])
def test_a_text_that_is_nearly_the_command_approves_nothing(fix, service, change):
    write = f"cp {service.folder}/template {service.folder}/settings"
    answer = fix("--approve", change(write))
    assert answer.code == 5
    assert "nothing is approved by it" in answer.err
    assert service.files == BEFORE


def test_the_digest_of_another_plan_approves_nothing(fix, digest, service):
    old = digest()
    service.teach(start=f"touch {service.folder}/started {service.folder}/more")
    answer = fix("--approve", old)
    assert answer.code == 5
    assert f"--approve {old}: the plan is {digest()} now, so nothing is approved" in answer.err
    assert service.files == BEFORE


def test_a_digest_holds_for_its_own_options_alone(fix, digest, service):
    assert fix("--step", "1", "--approve", digest()).code == 5
    assert service.files == BEFORE


def test_what_fails_is_taken_back_and_says_so(sme, fix, digest, service, incident):
    service.teach(start=f"touch {service.folder}/half; exit 3", undo=f"rm {service.folder}/half")
    answer = fix("--approve", digest())
    assert answer.code == 1
    assert "✗ localhost: not fixed, and taken back  [the host is as it was before" in answer.out
    assert "exit code 3" in answer.out
    assert f"$ sme incidents show {incident}" in answer.out
    assert "localhost: 1. undone" in answer.err
    assert service.files == BEFORE
    sheet = sme("incidents", "show").out
    assert "verification_failed_rolled_back" in sheet
    assert "the host is as it was before" in sheet


def test_an_undo_that_fails_is_named_and_can_be_tried_again(sme, fix, digest, service):
    repaired = service.folder / "repaired"
    service.teach(start=f"touch {service.folder}/x; exit 3", undo=f"test -e {repaired}")
    answer = fix("--approve", digest())
    assert answer.code == 4
    assert "[the host is neither as it was nor as it should be" in answer.out
    assert "step 2: Start the service" in answer.out
    assert f"$ test -e {repaired}" in answer.out
    assert "--resume --undo" in answer.out
    repaired.touch()
    assert sme("fix", "--resume", "--undo").code == 0
    assert sme("incidents", "show", "--json").json["repairs"][0]["outcome"] == (
        "verification_failed_rolled_back"
    )


def test_what_waits_can_be_dropped(sme, fix, service):
    fix()
    answer = sme("fix", "--resume", "--undo")
    assert answer.code == 0
    assert "nothing was done to the host" in answer.out
    assert sme("fix", "--resume").code == 2


def test_json_is_one_document_with_plans_and_changes(fix, digest, incident, service):
    waits = fix("--json")
    assert (waits.code, waits.json["waits"]["command"]) == (
        5, f"cp {service.folder}/template {service.folder}/settings",
    )  # fmt: skip
    document = fix("--json", "--approve", digest()).json
    assert (document["incident"], document["status"]) == (incident, "resolved")
    (plan,) = document["plans"]
    assert plan["digest"] == digest()
    assert [step["decision"] for step in plan["steps"]] == ["ask", "ask"]
    (change,) = document["changes"]
    assert (change["outcome"], change["host_state"], change["is_over"]) == ("fixed", "new", True)
    assert [step["status"] for step in change["steps"]] == ["verified", "verified"]


def test_diagnose_goes_on_to_the_fix_where_there_is_a_plan(sme, service, full_host):
    answer = sme("diagnose", full_host, "--fix")
    assert answer.code == 1
    assert "a snapshot can't be changed" in answer.err or "no known issue is proven" in answer.err
    document = sme("diagnose", full_host, "--fix", "--json").json
    assert document["diagnosis"]["id"] == document["incident"]
    assert document["plans"] == []


def test_of_a_host_that_was_not_reached_nothing_is_fixed(sme, service):
    sme("hosts", "add", "gone", "127.0.0.1", "--port", "1", "--user", "root")
    assert sme("diagnose", "gone", "--fix").code == 3
    answer = sme("fix", "--issue", ISSUE)
    assert (answer.code, answer.out) == (1, "")
    assert "gone: nothing is known of it, since it was not reached" in answer.err


def test_what_is_healthy_is_left_alone(sme, sound_host):
    answer = sme("diagnose", sound_host, "--fix")
    assert answer.err == ""
    assert sme("diagnose", sound_host, "--fix", "--json").json["plans"] == []


@pytest.mark.parametrize(
    ("words", "complaint"),
    [
        (["--undo"], "--undo goes with --resume"),
        (["--resume", "--step", "1"], "--resume goes on with the plan"),
        (["--dry-run", "--approve", "x"], "nothing to approve"),
        (["--set", "UNIT"], "there is no value"),
        (["--issue", "no-such"], "there is no known issue 'no-such'"),
        (["--issue", ISSUE, "--step", "9"], "has no step 9"),
        (["--issue", ISSUE, "--set", "X=1"], "has no parameter 'X'"),
        (["--resume"], "no change of incident"),
        (["--hold", "9999"], "--hold"),
    ],
)
def test_mistakes(sme, incident, words, complaint):
    answer = sme("fix", *words)
    assert (answer.code, answer.out) == (2, "")
    assert complaint in answer.err


HOSTILE = """\
  - title: "{title}"
    run: "{run}"
    undo: "true"
    verify: {{run: "true"}}
    hold_s: 0
"""


def test_nothing_in_a_plan_can_repaint_the_terminal_or_pass_for_a_line_of_ours(fix, service):
    run = r"touch x\n\x1b[2J\x1b[H digest 000000000000\nRun it?  y yes\u202e\n    = runs by itself"
    title = r"Fine\e]0;owned\a \x1b[31m[bold]red[/bold] " + "\u2028" + "x" * 100
    service.teach(
        HOSTILE.replace("{run}", run).replace("{title}", title.replace("{", "")),
        title=r"[link=x]Harmless\x1b[1A",
    )
    for answer in (fix("--dry-run"), fix()):
        text = answer.out + answer.err
        assert not set(text) & set("\x1b\x9b\x07\u202e\u2028")
        assert "    + <U+001B>[2J<U+001B>[H digest 000000000000" in text
        assert "    + Run it?  y yes<U+202E>" in text
        assert "[link=x]Harmless" in text
        assert "[bold]red[/bold]" in text
        assert all("000000000000" not in line or line[4] in "+$" for line in text.splitlines())
        assert not any(line.startswith(("Run it?", "    = runs")) for line in text.splitlines())


@pytest.fixture
def web1(own_folders):
    """A real sshd on loopback, logged in to as the user of the tests."""
    with Sshd() as server:
        Client(own_folders).log_in_to(server, "web1")
        yield server


def test_over_ssh_and_on_two_hosts_the_first_comes_first(sme, service, web1):
    incident = sme("diagnose", "web1", "localhost", "--json").json["id"]
    plans = sme("fix", incident, "--issue", ISSUE, "--dry-run", "--json").json["plans"]
    assert [plan["host"] for plan in plans] == ["web1", "localhost"]
    first, second = (plan["digest"] for plan in plans)
    answer = sme("fix", incident, "--issue", ISSUE, "--approve", first)
    assert answer.code == 5
    assert "✓ web1: fixed" in answer.out
    assert "? localhost: waits for approval" in answer.out
    service.reset()
    assert sme("fix", incident, "--resume", "--approve", second).code == 0
    assert service.files == AFTER


def test_all_hosts_are_mended_where_every_plan_is_approved(sme, service, web1):
    incident = sme("diagnose", "web1", "localhost", "--json").json["id"]
    plans = sme("fix", incident, "--issue", ISSUE, "--dry-run", "--json").json["plans"]
    named = [word for plan in plans for word in ("--approve", plan["digest"])]
    fixed = sme("fix", incident, "--issue", ISSUE, *named, "--json")
    assert fixed.code == 0
    outcomes = {change["host"]: change["outcome"] for change in fixed.json["changes"]}
    assert outcomes == {"web1": "fixed", "localhost": "fixed"}


def test_the_first_that_fails_keeps_the_change_from_the_others(sme, service, web1):
    service.teach(start=f"touch {service.folder}/started; exit 3")
    incident = sme("diagnose", "web1", "localhost", "--json").json["id"]
    plans = sme("fix", incident, "--issue", ISSUE, "--dry-run", "--json").json["plans"]
    named = [word for plan in plans for word in ("--approve", plan["digest"])]
    answer = sme("fix", incident, "--issue", ISSUE, *named)
    assert answer.code == 1
    assert "✗ web1: not fixed, and taken back" in answer.out
    assert "not begun, since web1 was not mended" in answer.out
    assert service.files == BEFORE


@pytest.fixture
def killed_in_mid_change(incident, service, start_apart, digest):
    """The command of the first step waits for a file; then sme is killed as by a power cut."""
    go = service.folder.parent / "go"
    begun = service.folder.parent / "begun"
    slow = WRITE.replace(
        "run: cp", f"run: touch {begun}; until [ -e {go} ]; do sleep 0.1; done; cp"
    )
    service.teach(slow, START)
    running = start_apart("fix", "last", "--issue", ISSUE, "--approve", digest())
    eventually(begun.exists)
    running.process.send_signal(signal.SIGKILL)
    running.wait()
    return go


def test_a_kill_in_mid_change_is_resumed(sme, service, killed_in_mid_change):
    answer = sme("fix", "last", "--issue", ISSUE)
    assert (answer.code, answer.out) == (2, "")
    assert "sme fix --resume" in answer.err
    killed_in_mid_change.touch()
    answer = sme("fix", "--resume")
    assert answer.code == 0
    assert "it is still locked for this change" in answer.err
    assert service.files == AFTER


def test_a_kill_in_mid_change_is_taken_back(sme, service, killed_in_mid_change):
    answer = sme("fix", "--resume", "--undo")
    assert answer.code == 0
    assert "[the host is as it was before" in answer.out
    assert service.files == BEFORE


def test_of_two_that_resume_at_once_one_does_it_and_the_other_says_so(
    service, killed_in_mid_change, start_apart, sme
):
    go = killed_in_mid_change
    both = [start_apart("fix", "--resume", *words) for words in ([], ["--undo"])]
    go.touch()
    codes = sorted(one.wait().code for one in both)
    assert codes[0] == 0, "one was done"
    assert codes[1] in (0, 2), "the other was kept away, or came when all was over"
    (repair,) = sme("incidents", "show", "--json").json["repairs"]
    done = {"settings", "started"} <= set(service.files)
    assert repair["outcome"] == (
        "fixed_after_retry" if done else "verification_failed_rolled_back"
    ) or (done and repair["outcome"] == "fixed")


def test_ctrl_c_in_mid_change_says_how_to_go_on(incident, sme, service, start_apart, digest):
    begun = service.folder.parent / "begun"
    service.teach(WRITE.replace("run: cp", f"run: touch {begun}; cp"), START, hold_s=60)
    running = start_apart("fix", "last", "--issue", ISSUE, "--approve", digest())
    eventually(begun.exists)
    running.process.send_signal(signal.SIGINT)
    answer = running.wait()
    assert answer.code == 130
    assert f"sme fix --resume {incident} --undo" in answer.err
    assert sme("fix", "--resume", "--undo").code == 0
    assert service.files == BEFORE


@pytest.mark.skipif(
    sys.platform != "linux" or os.getuid() != 0 or not shutil.which("unshare"),
    reason="a lab host needs root on Linux",
)
def test_a_full_filesystem_is_found_and_mended(sme, own_folders):
    with lab.lab_host(own_folders, lab.full_tmpfs) as host:
        assert sme("diagnose", "lab").code == 1
        words = ("fix", "--issue", "tmpfs-full", "--hold", "1")
        (plan,) = sme(*words, "--dry-run", "--json").json["plans"]
        answer = sme(*words, "--approve", plan["digest"])
        assert answer.code == 0, answer.out + answer.err
        assert "✓ lab: fixed" in answer.out
        used = host.run("df --output=pcent /mnt/data | tail -1")
        assert int(used.strip(" %\n")) < 80
    incident = sme("incidents", "show", "--json").json
    assert (incident["status"], incident["repairs"][0]["outcome"]) == ("resolved", "fixed")
    kinds = [json.loads(line)["kind"] for line in (
        own_folders / ".local/state/sme/evolution.jsonl").read_text().splitlines()]  # fmt: skip
    assert kinds[-1] == "fix.held"
