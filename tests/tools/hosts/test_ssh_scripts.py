"""Scripts over SSH: whatever the account prints, however the host behaves, nothing is lost."""

import contextlib
import os
import signal
import subprocess
import threading
import time

import pytest

from sme_tools.errors import HostLost, HostUnreachable, NoPosixShell
from sme_tools.hosts.frames import HEAD_BYTES, TAIL_BYTES
from sme_tools.hosts.host import Host
from sme_tools.hosts.open import open_transport
from sme_tools.hosts.script import Script, Step
from sshd import Sshd, descendants, tool


@pytest.fixture
def web1(client, server):
    """A connection that is closed in the end."""
    client.log_in_to(server, "web1")
    with open_transport(Host(name="web1")) as transport:
        yield transport


def run(transport, *steps, timeout_s=20, **script):
    return list(transport.run(Script(steps, **script), timeout_s=timeout_s))


def test_steps_come_in_order_with_streams_and_exit_codes(web1, server):
    who, failed, absent = run(
        web1,
        Step("who", "id -un; pwd; echo err >&2"),
        Step("failed", "exit 4"),
        Step("absent", "no-such-command"),
    )
    assert (who.stdout, who.stderr) == (f"{server.user}\n/\n", "err\n")
    assert (who.host, who.id, who.privilege) == ("web1", "web1/who#1", "user")
    assert failed.exit_code == 4
    assert absent.is_absent


def test_evidence_comes_as_soon_as_its_step_is_done(web1):
    script = Script([Step("first", "true"), Step("second", "sleep 2")])
    began = time.monotonic()
    evidence = web1.run(script, timeout_s=10)
    assert next(evidence).step == "first"
    assert time.monotonic() - began < 1.5
    evidence.close()  # whoever has seen enough may go; the channel is closed then


def test_one_connection_serves_many_scripts(web1, server):
    pids = {run(web1, Step("x", "echo $PPID; ps -o ppid= $PPID"))[0].stdout for _ in range(3)}
    assert len(pids) == 3  # a shell each
    assert server.log().count(f"Accepted publickey for {server.user}") >= 1
    before = server.log().count("Accepted publickey")
    run(web1, Step("x", "true"))
    assert server.log().count("Accepted publickey") == before


def test_scripts_can_run_at_the_same_time(web1):
    results = []

    def one(n):
        results.append(run(web1, Step("x", f"sleep 0.5; echo {n}"))[0].stdout.strip())

    threads = [threading.Thread(target=one, args=(n,)) for n in range(4)]
    began = time.monotonic()
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(results) == ["0", "1", "2", "3"]
    assert time.monotonic() - began < 2


def test_a_closed_transport_connects_again(web1):
    run(web1, Step("x", "true"))
    web1.close()
    web1.close()
    assert run(web1, Step("x", "echo again"))[0].stdout == "again\n"


def test_a_script_of_any_length_arrives(web1):
    """Far more than the window of the channel: it is sent as the host takes it."""
    steps = [Step(str(n), f": {'x' * 100_000}; echo {n}") for n in range(60)]
    assert [e.stdout.strip() for e in run(web1, *steps)] == [str(n) for n in range(60)]


def test_huge_output_on_both_streams_is_bounded_and_blocks_nothing(web1):
    fill = "head -c 20000000 /dev/zero | tr '\\0' x"
    big, after = run(
        web1,
        Step("big", f"({fill}; echo end) & {fill} >&2; wait", timeout_s=20),
        Step("after", "echo after"),
        timeout_s=60,
    )
    assert big.outcome == "completed"
    assert big.stdout.endswith("xend\n")
    assert big.omitted_bytes == 40_000_004 - 2 * (HEAD_BYTES + TAIL_BYTES)
    assert after.stdout == "after\n"


def test_bytes_that_are_no_utf8_survive(web1):
    (evidence,) = run(web1, Step("x", r"printf 'caf\351\377'; printf '\200' >&2"))
    assert (evidence.stdout, evidence.stderr) == ("caf��", "�")


def test_a_hanging_step_costs_itself(web1):
    began = time.monotonic()
    hang, after = run(web1, Step("hang", "sleep 60", timeout_s=1), Step("after", "echo after"))
    assert hang.outcome == "timed-out"
    assert after.stdout == "after\n"
    assert time.monotonic() - began < 6


def test_a_script_that_is_too_slow_is_left_in_time(web1):
    began = time.monotonic()
    slow, never = run(
        web1, Step("slow", "echo so far; sleep 30"), Step("never", "true"), timeout_s=1
    )
    assert (slow.outcome, slow.stdout) == ("timed-out", "so far\n")
    assert never.outcome == "timed-out"
    assert time.monotonic() - began < 3
    assert run(web1, Step("x", "echo still here"))[0].stdout == "still here\n"


def test_a_background_process_that_keeps_the_streams_does_not_keep_us(web1):
    began = time.monotonic()
    (evidence,) = run(web1, Step("daemon", "sleep 5 & echo started"))
    assert evidence.stdout == "started\n"
    assert time.monotonic() - began < 3


def test_a_server_killed_in_mid_script_leaves_what_came_before(client, web1, server):
    seen = []
    script = Script([Step("ok", "echo fine"), Step("cut", "echo half; sleep 30")])
    crash = threading.Timer(0.5, server.kill)
    crash.start()
    with pytest.raises(HostLost, match="web1: the connection broke in mid-script"):
        for evidence in web1.run(script, timeout_s=20):
            seen.append((evidence.step, evidence.outcome, evidence.stdout))
    crash.join()
    assert seen == [("ok", "completed", "fine\n"), ("cut", "lost", "half\n")]

    with pytest.raises(HostUnreachable, match="refused the connection"):
        run(web1, Step("x", "true"))
    server.start()
    assert run(web1, Step("x", "echo back"))[0].stdout == "back\n"


def test_a_connection_that_broke_unnoticed_is_made_anew(web1, server):
    run(web1, Step("x", "true"))
    server.restart()
    assert run(web1, Step("x", "echo back"))[0].stdout == "back\n"


def test_a_shell_killed_in_mid_script_is_told_from_a_broken_connection(web1):
    with pytest.raises(HostLost, match="the shell ended in mid-script"):
        run(web1, Step("x", "kill -9 $PPID"))


def test_a_banner_a_noisy_profile_and_a_complaining_shell_do_no_harm(client):
    noise = "echo Welcome; echo 'stty: not a tty' >&2; printf 'no newline'\n"
    with Sshd(login_shell="bash", settings="Banner /etc/passwd") as server:
        for name in (".bashrc", ".profile", ".bash_profile"):
            (server.home / name).write_text(noise)
        client.log_in_to(server, "web1")
        with open_transport(Host(name="web1")) as transport:
            (evidence,) = run(transport, Step("x", "echo mine"))
    assert (evidence.stdout, evidence.stderr) == ("mine\n", "")


@pytest.mark.parametrize(
    ("shell", "profile"),
    [
        ("fish", ".config/fish/config.fish"),
        ("tcsh", ".tcshrc"),
        ("bash", ".bashrc"),
        ("busybox", None),
    ],
)
def test_the_login_shell_may_be_anything(client, shell, profile):
    with Sshd(login_shell=shell) as server:
        if shell == "busybox":  # as on Alpine: /bin/ash is a name of busybox
            ash = server.folder / "ash"
            ash.symlink_to(tool("busybox"))
            subprocess.run([tool("usermod"), "-s", ash, server.user], check=True)
        if profile:
            file = server.home / profile
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_text("echo 'a line of the profile'\n")
            subprocess.run(["chown", "-R", server.user, server.home], check=True)
        client.log_in_to(server, "web1")
        with open_transport(Host(name="web1")) as transport:
            first, second = run(transport, Step("x", "echo $0; exit 3"), Step("y", "echo 'it''s'"))
    assert (first.stdout, first.exit_code) == ("sh\n", 3)
    assert second.stdout == "its\n"


@pytest.mark.parametrize(
    ("command", "why"),
    [
        ("echo Welcome to SwitchOS; exit 1", "Welcome to SwitchOS"),
        ("/usr/sbin/nologin", "not available"),
        ("internal-sftp", "did not start|ended"),
    ],
)
def test_an_account_without_a_shell_says_what_it_said(client, command, why):
    with Sshd(login_shell="dash", settings=f"ForceCommand {command}") as server:
        client.log_in_to(server, "web1")
        with (
            open_transport(Host(name="web1")) as transport,
            pytest.raises(NoPosixShell, match=why),
        ):
            run(transport, Step("x", "true"), timeout_s=2)


def test_a_login_that_never_answers_is_left_in_time(client):
    with Sshd(login_shell="dash", settings="ForceCommand sleep 30") as server:
        client.log_in_to(server, "web1")
        began = time.monotonic()
        with (
            open_transport(Host(name="web1")) as transport,
            pytest.raises(NoPosixShell, match="did not start the script within 1 s"),
        ):
            run(transport, Step("x", "true"), timeout_s=1)
        assert time.monotonic() - began < 4


def test_a_server_that_allows_no_session_is_said(client):
    with Sshd(login_shell="dash", settings="MaxSessions 0") as server:
        client.log_in_to(server, "web1")
        with (
            open_transport(Host(name="web1")) as transport,
            pytest.raises(HostUnreachable, match="refuses another session"),
        ):
            run(transport, Step("x", "true"))


@contextlib.contextmanager
def frozen(server):
    """A host that has stopped answering altogether."""
    pids = [server._process.pid, *descendants(server._process.pid)]
    for pid in pids:
        os.kill(pid, signal.SIGSTOP)
    try:
        yield
    finally:
        for pid in pids:
            os.kill(pid, signal.SIGCONT)


def test_a_host_that_freezes_in_mid_script_is_left_in_time(web1, server):
    began = time.monotonic()
    evidence = web1.run(Script([Step("x", "echo before"), Step("y", "sleep 9")]), timeout_s=2)
    assert next(evidence).stdout == "before\n"
    with frozen(server):
        (rest,) = evidence
    assert rest.outcome == "timed-out"
    assert time.monotonic() - began < 4


def test_a_host_that_froze_since_the_last_script_is_said(client):
    with Sshd(login_shell="dash") as server:
        client.log_in_to(server, "web1")
        with open_transport(Host(name="web1"), connect_timeout_s=1) as transport:
            run(transport, Step("x", "true"))
            with frozen(server), pytest.raises(HostUnreachable, match="no SSH greeting within 1 s"):
                run(transport, Step("x", "true"))
