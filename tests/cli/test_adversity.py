"""Hosts that refuse, change, hang, vanish or talk nonsense: a clear answer, and nothing lost."""

import shlex
import signal
import socket
import subprocess
import threading
import time

import pytest

from sshd import Client, Sshd, free_port, make_key
from typed_commands import DF, eventually, hanging_processes, record

SOON_S = 3.0
"""Ctrl-C is answered within a second or two; a busy machine takes a little longer."""


@pytest.fixture(scope="module")
def server():
    with Sshd() as server:
        yield server


@pytest.fixture
def client(own_folders):
    return Client(own_folders)


@pytest.fixture
def silent(client):
    """A host that takes connections and never says a word."""
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        listener.listen(8)
        port = listener.getsockname()[1]
        client.write(f"Host silent\n  HostName 127.0.0.1\n  Port {port}\n  User root\n")
        yield "silent"


def type_remedy(answer, beginning):
    """Run the command that the remedy names, as the reader would type it."""
    line = next(line for line in answer.err.splitlines() if beginning in line)
    command = line[line.index(beginning) :]
    return subprocess.run(command, shell=True, capture_output=True, text=True, check=True)


def assert_unreached(sme, answer, host, reason, remedy):
    """Exit code 3; reason and remedy on stderr and on the screen; the incident is kept."""
    assert answer.code == 3, answer.err
    complaint, advice = answer.err.splitlines()[:2]
    assert complaint.startswith(f"sme: {host}: ")
    assert reason in complaint
    assert remedy in advice
    assert answer.out.startswith("! ")
    assert reason in answer.out.splitlines()[0]
    assert remedy in answer.out
    assert "Traceback" not in answer.err
    (incident,) = sme("incidents", "list", "--host", host, "--json").json
    assert reason in incident["unreachable"][host]


def test_refused_connection(sme, client):
    port = free_port()
    client.write(f"Host web1\n  HostName 127.0.0.1\n  Port {port}\n  User root\n")
    answer = sme("diagnose", "web1")
    assert_unreached(sme, answer, "web1", "refused the connection", f"ssh -p {port} root@web1")


def test_name_that_nobody_resolves(sme, client):
    client.write("Host web1\n  HostName no-such-host.invalid\n")
    reason = "the name no-such-host.invalid can't be resolved"
    assert_unreached(sme, sme("diagnose", "web1"), "web1", reason, "getent hosts no-such-host.inv")


def test_silent_host_costs_the_time_limit_and_no_more(sme, silent, monkeypatch):
    monkeypatch.setenv("SME_CONNECT_TIMEOUT_S", "1")
    began = time.monotonic()
    answer = sme("diagnose", silent)
    assert time.monotonic() - began < 1 + SOON_S
    assert_unreached(sme, answer, "silent", "sent no SSH greeting within 1 s", "root@silent")


def test_wrong_key(sme, server, client):
    key = make_key(client.folder / "wrong")
    client.know(server)
    client.configure(server, "web1", f"IdentityFile {key}")
    answer = sme("diagnose", "web1")
    assert_unreached(sme, answer, "web1", "no credential was accepted", "ssh-add KEYFILE")
    assert str(key) in answer.err
    for command in (["facts"], ["snapshot", "-o", "never.smesnap"], ["hosts", "test"]):
        again = sme(command[0], *command[1:], "web1")
        assert (again.code, again.out) == (3, "")
        assert "no credential was accepted" in again.err


def test_unknown_host_key_and_the_remedy_as_typed(sme, server, client):
    key = make_key(client.folder / "key")
    server.authorize(key)
    client.configure(server, "web1", f"IdentityFile {key}")
    answer = sme("diagnose", "web1")
    remedy = "sme hosts test web1 --accept-new-key"
    assert_unreached(sme, answer, "web1", "nobody has vouched for this host's key", remedy)
    accepted = sme(*shlex.split(remedy)[1:], "--json")
    assert (accepted.code, accepted.json["user"]) == (0, server.user)
    assert "accepted ED25519 SHA256:" in accepted.err
    assert sme("facts", "web1", "--level", "1").code == 0


def test_changed_host_key_is_a_full_stop(sme, client, tmp_path):
    with Sshd() as server:
        client.log_in_to(server, "web1")
        assert sme("hosts", "test", "web1").code == 0
        server.host_keys = {"ed25519": server.new_host_key()}
        server.restart()
        answer = sme("diagnose", "web1")
        assert_unreached(sme, answer, "web1", "the host presents the key", "ssh-keygen -f")
        assert sme("hosts", "test", "web1", "--accept-new-key").code == 3
        type_remedy(answer, "ssh-keygen -f")
        assert sme("hosts", "test", "web1", "--accept-new-key").code == 0


def test_the_others_go_on_and_the_screen_names_who_is_missing(sme, client, full_host):
    client.write(f"Host gone\n  HostName 127.0.0.1\n  Port {free_port()}\n  User root\n")
    answer = sme("diagnose", "gone", full_host)
    assert answer.code == 3
    assert answer.out.startswith("✗ web1: / is 100 % full")
    assert "Not reached: gone: 127.0.0.1:" in answer.out
    assert "Root cause:  web1: / is 100 % full" in answer.out


def test_a_sound_host_beside_one_that_is_gone_is_not_called_all_clear(sme, client, sound_host):
    client.write(f"Host gone\n  HostName 127.0.0.1\n  Port {free_port()}\n  User root\n")
    answer = sme("diagnose", "gone", sound_host, "--json")
    diagnosis = answer.json["diagnosis"]
    assert (answer.code, diagnosis["verdict"]) == (3, "incomplete")
    assert "db1: nothing wrong was found" in diagnosis["summary"]


def test_a_probe_that_hangs_costs_itself(sme, client, hanging_df):
    with Sshd(settings=f"SetEnv PATH={hanging_df}:/usr/sbin:/usr/bin:/sbin:/bin") as server:
        client.log_in_to(server, "web1")
        facts = sme("facts", "web1", "--level", "1", "--json").json
    runs = {run["id"]: run for run in facts["probes"]}
    assert runs["storage.filesystems"]["reason"].startswith("timed out after 1")
    others = [run for id, run in runs.items() if id != "storage.filesystems"]
    assert not [run for run in others if "timed out" in run.get("reason", "")]


def test_a_host_that_drops_in_mid_script(sme, client, hanging_df):
    with Sshd(settings=f"SetEnv PATH={hanging_df}:/usr/sbin:/usr/bin:/sbin:/bin") as server:
        client.log_in_to(server, "web1")

        def cut_the_line():
            eventually(hanging_processes)
            server.kill()

        threading.Thread(target=cut_the_line, daemon=True).start()
        answer = sme("diagnose", "web1", "--json")
    assert answer.code == 3
    assert answer.err.startswith("sme: web1: the connection broke in mid-script\n")
    incident = answer.json
    assert incident["unreachable"] == {"web1": "the connection broke in mid-script"}
    known = [run for run in incident["facts"]["web1"]["probes"] if run["status"] == "known"]
    assert known, "what came before is valid"
    assert any("the connection broke" in text for text in incident["diagnosis"]["unknowns"])


@pytest.mark.parametrize("shell", ["dash", "fish", "tcsh"])
def test_noise_and_odd_login_shells_change_nothing(sme, client, shell, tmp_path):
    banner = tmp_path / "banner"
    banner.write_text("*** WELCOME ***\nE 0 1 2 completed\n")
    with Sshd(login_shell=shell, settings=f"Banner {banner}") as server:
        for name in (".profile", ".cshrc", ".login", ".bashrc", ".config/fish/config.fish"):
            file = server.home / name
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_text("echo; echo 'df: out of nothing'\n")
        client.log_in_to(server, "web1")
        answer = sme("hosts", "test", "web1", "--json")
    assert (answer.code, answer.err) == (0, "")
    assert answer.json["user"] == server.user


def interrupt(running, *, when):
    """Press Ctrl-C when that is so; gives the answer and how long it took."""
    eventually(when)
    time.sleep(0.3)
    pressed = time.monotonic()
    running.process.send_signal(signal.SIGINT)
    answer = running.wait()
    return answer, time.monotonic() - pressed


def begun(own_folders):
    """Whether an incident has been written, and so the hosts are being asked."""
    checkpoints = own_folders / ".local/state/sme/checkpoints.db"
    return lambda: checkpoints.exists() and checkpoints.stat().st_size


def test_ctrl_c_does_not_wait_for_a_silent_host(start_sme, sme, silent, own_folders):
    answer, took = interrupt(start_sme("diagnose", silent), when=begun(own_folders))
    assert took < SOON_S
    assert (answer.code, answer.out) == (130, "")
    assert answer.err.startswith("sme: stopped; what was found so far (0 findings) is kept: ")
    assert "Traceback" not in answer.err
    (incident,) = sme("incidents", "list", "--json").json
    assert incident["status"] == "interrupted"


def test_ctrl_c_keeps_what_was_found_and_resume_goes_on(
    start_sme, sme, hanging_df, own_folders, monkeypatch
):
    running = start_sme("diagnose", PATH=f"{hanging_df}:/usr/sbin:/usr/bin:/sbin:/bin")
    answer, took = interrupt(running, when=hanging_processes)
    assert took < SOON_S
    assert answer.code == 130
    eventually(lambda: hanging_processes() == 0)
    kept = sme("incidents", "show", "last", "--json").json
    runs = kept["facts"]["localhost"]["probes"]
    assert "it was stopped before" in {run.get("reason") for run in runs}
    known = next(run for run in runs if run["status"] == "known")
    assert sme("incidents", "show", "last", "--evidence", known["evidence"]).out.startswith("$ ")
    command = answer.err.rsplit("Go on from there: sme ", 1)[1].split()
    resumed = sme(*command, "--json")
    assert resumed.code in (0, 1)
    assert (resumed.json["id"], resumed.json["status"]) == (kept["id"], "diagnosed")
    assert sme(*command).code == 2, "concluded: nothing to go on with"


def test_ctrl_c_in_other_commands(start_sme, silent, tmp_path):
    file = tmp_path / "never.smesnap"
    commands = (["facts", silent], ["snapshot", silent, "-o", file], ["hosts", "test", silent])
    running = [start_sme(*command) for command in commands]
    time.sleep(2.5)  # until all of them wait for the host
    for one in running:
        one.process.send_signal(signal.SIGINT)
    for one in running:
        answer = one.wait(SOON_S)
        assert (answer.code, answer.out, answer.err) == (130, "", "sme: stopped\n")
    assert not file.exists()


def test_a_second_ctrl_c_ends_at_once(start_sme, sme, silent, own_folders):
    running = start_sme("diagnose", silent)
    eventually(begun(own_folders))
    for _ in range(2):
        running.process.send_signal(signal.SIGINT)
        time.sleep(0.05)
    answer = running.wait(SOON_S)
    assert answer.code == 130
    assert "Traceback" not in answer.err


def test_kill_9_in_the_middle_then_resume(start_sme, sme, hanging_df):
    running = start_sme("diagnose", PATH=f"{hanging_df}:/usr/sbin:/usr/bin:/sbin:/bin")
    eventually(hanging_processes)
    eventually(lambda: sme("incidents", "list", "--json").json)
    time.sleep(0.5)  # until the first checkpoint is there
    running.process.kill()
    running.wait()
    (incident,) = sme("incidents", "list", "--json").json
    assert incident["status"] == "open"
    resumed = sme("diagnose", "--resume", "last", "--json")
    assert resumed.json["id"] == incident["id"]
    assert resumed.json["diagnosis"]
    assert sme("log", "verify").code == 0


def test_what_hosts_print_does_not_reach_the_terminal(sme, tmp_path):
    evil = "\x1b]0;owned\x07\x1b[2J\x1b[31m\x9b5n\u202egnihton\b"
    df = DF.replace("100% /", f"100% /s{evil}rv")
    host = record(tmp_path / "evil.smesnap", "web1", {"storage.filesystems": f"{df}\n"})
    for arguments in ([], ["-v"], ["--symptom", evil]):
        answer = sme("diagnose", host, *arguments)
        said = answer.out + answer.err + sme("incidents", "show").out + sme("log").out
        assert answer.code == 1
        assert not set(said) & set("\x1b\x07\x08\x9b\r\u202e")
