"""Root by a sudo that asks: with the right password, and with no other line in its place."""

import subprocess
from pathlib import Path

import pytest

from sme_tools.errors import HostLost, NoPosixShell
from sme_tools.hosts.contact import contact
from sme_tools.hosts.local import LocalTransport
from sme_tools.hosts.open import open_transport
from sme_tools.hosts.script import Step
from sshd import Sshd, descendants, needs_root, tool
from sudoer import STEPS, WHO, all_of, are_roots, host, new_sudoer, refused, run
from typed_commands import eventually

pytestmark = needs_root


def test_whole_script_is_roots_with_the_right_password(sudoer):
    with open_transport(host()) as transport:
        assert are_roots(*run(transport, *STEPS))
        assert are_roots(*run(transport, *STEPS))


def test_script_that_needs_no_root_has_none(sudoer):
    with open_transport(host("env:NO_SUCH_SECRET")) as transport:
        (plain,) = run(transport, Step("plain", "id -un"))
    assert (plain.privilege, plain.stdout) == ("user", f"{sudoer.name}\n")


@pytest.mark.parametrize("shell", ["bash", "fish", "tcsh"])
def test_any_login_shell(client, monkeypatch, shell):
    with new_sudoer(client, shell) as sudoer:
        monkeypatch.setenv("WEB1_SUDO", sudoer.password)
        with open_transport(host()) as transport:
            assert are_roots(*run(transport, *STEPS))


@pytest.mark.parametrize(
    "defaults",
    [
        ("lecture=always",),
        ("use_pty",),
        ("!use_pty",),
        ("use_pty", "log_input", "log_output", "iolog_dir=/tmp/sme-sudo-io-%{user}"),
        ("timestamp_timeout=0",),
        ("timestamp_timeout=-1", "timestamp_type=global"),
        ("passprompt=Who\\ are\\ you?\\ ",),
        ("!env_reset", "!secure_path"),
    ],
    ids=" ".join,
)
def test_however_sudo_is_set_up(sudoer, defaults):
    sudoer.may("ALL=(root) ALL", *defaults)
    try:
        with open_transport(host()) as transport:
            assert are_roots(*run(transport, *STEPS))
            long = Step("long", f"printf %s {'x' * 90_000} | wc -c; id -u", needs_root=True)
            assert run(transport, long)[0].stdout == "90000\n0\n"
    finally:
        subprocess.run(["rm", "-rf", f"/tmp/sme-sudo-io-{sudoer.name}"], check=True)


@pytest.mark.parametrize("tries", [1, 3])
def test_wrong_password_is_tried_once_and_said(sudoer, monkeypatch, tmp_path, tries):
    log = tmp_path / "sudo.log"
    sudoer.may("ALL=(root) ALL", f"passwd_tries={tries}", f"logfile={log}")
    monkeypatch.setenv("WEB1_SUDO", "wr0ng-and-secret")
    error = refused(host())
    assert "password" in error.message
    assert "sudo_password of web1" in error.remedy
    assert "wr0ng-and-secret" not in all_of(error)
    assert "sme_main" not in all_of(error)
    eventually(lambda: log.exists() and "COMMAND=" in log.read_text())
    assert "1 incorrect password attempt" in " ".join(log.read_text().split())


def test_password_that_can_not_be_fetched_is_this_hosts_trouble(sudoer, tmp_path):
    log = tmp_path / "sudo.log"
    sudoer.may("ALL=(root) ALL", f"logfile={log}")
    error = refused(host("env:NO_SUCH_SECRET"))
    assert error.message == "its sudo_password: env:NO_SUCH_SECRET: there is no such variable"
    assert error.remedy == "Set it: export NO_SUCH_SECRET=…"
    assert not log.exists()  # sudo was not even started, so no try was counted


def test_password_of_several_lines_is_refused(sudoer, monkeypatch):
    monkeypatch.setenv("WEB1_SUDO", f"{sudoer.password}\nid")
    assert "more than one line" in refused(host()).message


def test_password_that_nobody_asks_for_is_not_sent(sudoer):
    sudoer.may("ALL=(root) NOPASSWD: ALL")
    with open_transport(host()) as transport:
        assert are_roots(*run(transport, *STEPS))


@pytest.mark.parametrize(
    ("rule", "default", "said"),
    [
        ("ALL=(root) /bin/ls", "!lecture", "not allowed to execute"),
        ("ALL=(root) ALL", "requiretty", "you must have a tty"),
    ],
)
def test_sudo_that_runs_no_shell_is_quoted(sudoer, rule, default, said):
    sudoer.may(rule, default)
    error = refused(host())
    assert error.message.startswith("sudo runs no shell")
    assert said in error.message
    assert sudoer.password not in all_of(error)


def test_account_that_is_root_needs_no_password(client):
    with Sshd() as server:
        client.log_in_to(server, "web1")
        with open_transport(host("env:NO_SUCH_SECRET")) as transport:
            assert are_roots(*run(transport, *STEPS))
            assert contact(host(), transport, WHO)["reads as root"] == "yes"


def test_account_that_may_not_log_in_is_said(client, monkeypatch):
    with (
        new_sudoer(client, "nologin"),
        open_transport(host()) as transport,
        pytest.raises(NoPosixShell) as failure,
    ):
        run(transport, *STEPS)
    assert "not available" in failure.value.message


def test_contact_says_how_root_is_had(sudoer):
    with open_transport(host()) as transport:
        found = contact(host(), transport, WHO)
    assert found["user"] == sudoer.name
    assert found["reads as root"] == "through sudo, with a password"


def test_connection_that_is_cut_while_sudo_asks_is_lost(sudoer, tmp_path):
    """The secret's program runs while the shell waits, which is when the server is killed."""
    program = tmp_path / "secret"
    pids = f"kill -9 $(cat {tmp_path}/pids); echo secret"
    program.write_text(f"#!/bin/sh\n{pids}\n")
    program.chmod(0o700)
    with open_transport(host(f"command:{program}")) as transport:
        run(transport, Step("plain", "true"))
        server = sudoer.server._process.pid
        (tmp_path / "pids").write_text(" ".join(map(str, [*descendants(server), server])))
        with pytest.raises(HostLost):
            run(transport, *STEPS)


def test_silent_shell_is_left_in_time(sudoer):
    shell = ("runuser", "-u", sudoer.name, "--", "sleep", "60")
    with LocalTransport(host(), shell=shell) as transport, pytest.raises(NoPosixShell):
        run(transport, *STEPS, timeout_s=1)


@pytest.mark.parametrize("shell", ["dash", "bash", "busybox"])
def test_any_shell_as_bin_sh_and_a_local_account(sudoer, shell):
    inside = (
        f"mount --bind {tool(shell)} {Path('/bin/sh').resolve()} && "
        f"exec runuser -u {sudoer.name} -- /bin/sh"
    )
    argv = ("unshare", "-m", tool("bash"), "-c", inside)
    if subprocess.run(["unshare", "-m", "true"], check=False).returncode:
        pytest.skip("no mount namespace can be made here")
    which = Step("which", "readlink -f /proc/$$/exe; cmp /bin/sh " + tool(shell), needs_root=True)
    with LocalTransport(host(), shell=argv) as transport:
        plain, root, what = run(transport, *STEPS, which)
        assert are_roots(plain, root)
        assert what.exit_code == 0
