"""What a sudo password is never seen in: processes, logs, messages, tracebacks, the inventory."""

import os
import secrets
import threading

import pytest

from sme_memory.audit_log import AuditLog
from sme_tools.errors import AuthenticationFailed, InventoryInvalid, NoPosixShell
from sme_tools.hosts.guarded import GuardedTransport
from sme_tools.hosts.inventory import Inventory
from sme_tools.hosts.local import LocalTransport
from sme_tools.hosts.open import open_transport
from sme_tools.hosts.script import Script, Step
from sme_tools.safety.guard import Guard
from sshd import needs_root
from sudoer import STEPS, WHO, all_of, are_roots, host, run

pytestmark = needs_root


def test_no_ticket_is_left_that_others_could_use(sudoer):
    sudoer.may("ALL=(root) ALL", "timestamp_type=global", "timestamp_timeout=-1")
    with open_transport(host()) as transport:
        assert are_roots(*run(transport, *STEPS))
        (ticket,) = run(transport, Step("ticket", "sudo -n true"))
    assert ticket.exit_code == 1
    assert "password is required" in ticket.stderr


def test_nothing_shows_the_password(sudoer, tmp_path):
    """Neither processes on both sides (here they are one machine) nor the audit log."""
    audit = AuditLog(tmp_path / "audit.jsonl")
    look = "cat /proc/[0-9]*/cmdline /proc/[0-9]*/environ | tr '\\0' '\\n'"
    secret = tmp_path / "secret"
    secret.touch(mode=0o600)
    secret.write_text(sudoer.password)
    del os.environ["WEB1_SUDO"]
    web1 = host(f"file:{secret}")
    guard = Guard(audit, print)
    script = Script([Step("look", look, needs_root=True)], purpose=WHO)
    with open_transport(web1) as bare, GuardedTransport(web1, bare, guard) as transport:
        (seen,) = bare.run(script, timeout_s=20)
        list(transport.run(script, timeout_s=20))
    assert "sudo\n-S\n-k" in seen.stdout
    assert script.marker not in seen.stdout
    assert sudoer.password not in seen.stdout
    logged = (tmp_path / "audit.jsonl").read_text()
    assert '"privilege":"root"' in logged.replace(": ", ":")
    assert sudoer.password not in logged


def test_secret_is_fetched_once_for_a_connection(sudoer, tmp_path):
    program = tmp_path / "secret"
    program.write_text(f"#!/bin/sh\necho x >>{tmp_path}/asked\nprintenv WEB1_SUDO\n")
    program.chmod(0o700)
    with open_transport(host(f"command:{program}")) as transport:
        threads = [threading.Thread(target=run, args=(transport, *STEPS)) for _ in range(3)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert (tmp_path / "asked").read_text() == "x\n"
        transport.close()
        assert are_roots(*run(transport, *STEPS))
    assert (tmp_path / "asked").read_text() == "x\nx\n"


HOSTILE = """\
#!/bin/sh
read -r opening
token=${opening#*=}
printf '\\n%s S\\n' "$token"
while read -r line; do [ "$line" = go ] && break; done
printf '%s P' "$token" >&2
read -r password
printf 'I was told: %s\\n' "$password"
"""


def test_host_that_repeats_the_password_is_not_quoted(tmp_path, monkeypatch):
    monkeypatch.setenv("WEB1_SUDO", secrets.token_hex())
    shell = tmp_path / "shell"
    shell.write_text(HOSTILE)
    shell.chmod(0o700)
    with (
        LocalTransport(host(), shell=(str(shell),)) as transport,
        pytest.raises(AuthenticationFailed, match="I was told: …") as failure,
    ):
        run(transport, *STEPS)
    shown = all_of(failure.value)
    assert os.environ["WEB1_SUDO"] not in shown


def test_host_that_never_stops_talking_is_left(tmp_path):
    with (
        LocalTransport(host(), shell=("yes", "I am a shell")) as transport,
        pytest.raises(NoPosixShell, match="I am a shell"),
    ):
        run(transport, *STEPS)


def test_inventory_says_where_it_is_and_takes_no_literal(tmp_path):
    path = tmp_path / "hosts.yaml"
    path.write_text("hosts:\n  web1:\n    sudo_password: keyring:sudo/web1\n")
    inventory = Inventory.load(path)
    inventory.add(inventory.resolve("web1").model_copy(update={"name": "web2"}))
    inventory.save()
    assert str(Inventory.load(path).resolve("web2").sudo_password) == "keyring:sudo/web1"
    path.write_text("hosts:\n  web1:\n    sudo_password: hunter22\n")
    with pytest.raises(InventoryInvalid) as failure:
        Inventory.load(path)
    assert str(failure.value).startswith(f"{path}:3: hosts.web1.sudo_password: a secret is not")
    assert "hunter22" not in str(failure.value) + str(failure.value.__cause__)
