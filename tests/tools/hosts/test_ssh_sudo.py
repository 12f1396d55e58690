"""Root by sudo: only where the inventory allows it, only without a password."""

from pathlib import Path

import pytest

from sme_tools.hosts.host import Host
from sme_tools.hosts.open import open_transport
from sme_tools.hosts.script import Script, Step
from sshd import Sshd, needs_root, tool


def run(transport, *steps, sudo):
    return list(transport.run(Script(steps, sudo=sudo), timeout_s=20))


@pytest.fixture
def sudoer(client):
    """An account that may use sudo without a password, until it may not."""
    with Sshd(login_shell="dash") as server:
        tool("sudo", remedy="apt-get install sudo")
        rule = Path("/etc/sudoers.d") / server.user
        rule.write_text(f"{server.user} ALL=(root) NOPASSWD: ALL\n")
        try:
            client.log_in_to(server, "web1")
            with open_transport(Host(name="web1")) as transport:
                yield transport, rule
        finally:
            rule.unlink(missing_ok=True)


STEPS = (
    Step("plain", "id -u"),
    Step("root", "id -u; echo $LC_ALL; command -v id", needs_root=True),
)


@needs_root
def test_sudo_is_used_where_it_is_allowed_and_needed(sudoer):
    transport, _ = sudoer
    plain, root = run(transport, *STEPS, sudo=True)
    assert plain.privilege == "user"
    assert plain.stdout != "0\n"
    assert root.privilege == "sudo"
    assert root.stdout == "0\nC\n/usr/bin/id\n"


@needs_root
def test_sudo_is_never_tried_unless_the_inventory_allows_it(sudoer):
    transport, _ = sudoer
    _, root = run(transport, *STEPS, sudo=False)
    assert root.privilege == "user"
    assert not root.stdout.startswith("0\n")


@needs_root
def test_sudo_that_asks_for_a_password_is_no_root(sudoer):
    transport, rule = sudoer
    rule.unlink()
    _, root = run(transport, *STEPS, sudo=True)
    assert root.privilege == "user"


@needs_root
def test_a_hanging_step_of_root_is_ended_too(sudoer):
    transport, _ = sudoer
    slow, hang, after = run(
        transport,
        Step("slow", "sleep 1.5; exit 5", needs_root=True),
        Step("hang", "sleep 963 | cat", timeout_s=1, needs_root=True),
        Step("after", "ps -A -o args | grep '[s]leep 963'"),
        sudo=True,
    )
    assert (slow.outcome, slow.exit_code) == ("completed", 5)
    assert hang.outcome == "timed-out"
    assert after.stdout == ""
