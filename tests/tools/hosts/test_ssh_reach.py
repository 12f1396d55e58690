"""The way to a host: jump hosts, proxy commands, and every way in which it can be barred."""

import contextlib
import logging
import socket
import subprocess
import threading
import time

import pytest

from sme_tools.errors import AuthenticationFailed, HostKeyUnknown, HostUnreachable
from sme_tools.hosts.host import Host
from sme_tools.hosts.ssh.trust import accept_new_key
from sshd import Sshd, free_port, tool


@pytest.fixture(scope="module")
def gate():
    """A second server, to jump through."""
    with Sshd(login_shell="dash") as gate:
        yield gate


def test_a_jump_host_leads_on(client, server, gate, say_hello):
    client.log_in_to(gate, "gate")
    client.log_in_to(server, "web1", more="ProxyJump gate")
    assert say_hello() == "hello"
    assert f"Connection from {gate.address}" in server.log()
    assert f"Accepted publickey for {gate.user}" in gate.log()


def test_a_chain_of_jump_hosts_leads_on(client, server, gate, say_hello):
    client.log_in_to(gate, "gate")
    client.log_in_to(server, "middle")
    client.log_in_to(server, "web1", more=f"ProxyJump gate,{server.user}@middle:{server.port}")
    assert say_hello() == "hello"


def test_a_jump_host_of_a_jump_host_leads_on(client, server, gate, say_hello):
    client.log_in_to(gate, "gate")
    client.log_in_to(server, "middle", more="ProxyJump gate")
    client.log_in_to(server, "web1", more="ProxyJump middle")
    assert say_hello() == "hello"


def test_a_jump_host_for_all_does_not_jump_through_itself(client, server, gate, say_hello):
    client.log_in_to(gate, "gate")
    client.log_in_to(server, "web1")
    client.write("Host *\n  ProxyJump gate\n")
    assert say_hello() == "hello"


def test_jump_hosts_in_a_circle_are_said(client, server, gate, say_hello):
    client.log_in_to(gate, "gate", more="ProxyJump middle")
    client.log_in_to(server, "middle", more="ProxyJump gate")
    client.log_in_to(server, "web1", more="ProxyJump middle")
    with pytest.raises(HostUnreachable, match="ProxyJump leads through more than"):
        say_hello()


def test_a_jump_host_that_is_unknown_is_said_by_its_name(client, server, gate, say_hello):
    client.log_in_to(gate, "gate")
    client.known_hosts.unlink()
    client.log_in_to(server, "web1", more="ProxyJump gate")
    with pytest.raises(HostKeyUnknown, match=r"^web1: jump host gate: ") as stop:
        say_hello()
    assert "sme hosts test gate --accept-new-key" in stop.value.remedy
    accept_new_key(Host(name="gate"))
    assert say_hello() == "hello"


def test_a_new_key_behind_a_jump_host_can_be_accepted(client, server, gate, say_hello):
    client.log_in_to(gate, "gate")
    client.log_in_to(server, "web1", more="ProxyJump gate")
    client.known_hosts.unlink()
    client.know(gate)
    accept_new_key(Host(name="web1"))
    assert say_hello() == "hello"


def test_a_jump_host_that_refuses_us_is_said(client, server, gate, say_hello):
    client.know(gate)
    client.configure(gate, "gate")
    client.log_in_to(server, "web1", more="ProxyJump gate")
    with pytest.raises(AuthenticationFailed, match="jump host gate: no credential was accepted"):
        say_hello()


def test_a_host_that_the_jump_host_cannot_reach_is_said(client, gate, say_hello):
    client.log_in_to(gate, "gate")
    port = free_port()
    client.write(f"Host web1\n  HostName 127.0.0.1\n  Port {port}\n  ProxyJump gate\n")
    with pytest.raises(
        HostUnreachable, match=f"jump host gate can't open a connection to 127.0.0.1:{port}"
    ):
        say_hello()


RELAY = """\
import socket, sys, threading, os
target = socket.create_connection((sys.argv[1], int(sys.argv[2])))
def up():
    while data := os.read(0, 65536):
        target.sendall(data)
threading.Thread(target=up, daemon=True).start()
while data := target.recv(65536):
    os.write(1, data)
"""


@pytest.fixture
def relay(tmp_path):
    """A ProxyCommand: what `nc %h %p` does."""
    (tmp_path / "relay.py").write_text(RELAY)
    return f"{tool('python3')} {tmp_path / 'relay.py'} %h %p"


def test_a_proxy_command_leads_on(client, server, relay, say_hello):
    client.log_in_to(server, "web1", more=f"ProxyCommand {relay}")
    assert say_hello() == "hello"


def test_a_proxy_command_that_fails_says_what_it_said(client, server, say_hello):
    client.log_in_to(server, "web1", more="ProxyCommand sh -c 'echo tunnel down >&2; exit 1'")
    with pytest.raises(HostUnreachable, match=r"the ProxyCommand \(it says: tunnel down\)"):
        say_hello()


def test_a_proxy_command_that_is_missing_is_said(client, server, say_hello):
    client.log_in_to(server, "web1", more="ProxyCommand no-such-program %h")
    with pytest.raises(HostUnreachable, match="no-such-program"):
        say_hello()


def test_a_proxy_command_that_hangs_is_ended(client, server, say_hello):
    client.log_in_to(server, "web1", more="ProxyCommand sleep 971")
    began = time.monotonic()
    with pytest.raises(HostUnreachable, match=r"sent no SSH greeting within 0\.5 s"):
        say_hello(timeout_s=0.5)
    assert time.monotonic() - began < 3
    assert subprocess.run(["pgrep", "-fx", "sleep 971"], check=False).returncode == 1


def test_a_closed_port_is_said(client, server, say_hello):
    client.log_in_to(server, "web1")
    port = free_port()
    with pytest.raises(HostUnreachable, match=f"127.0.0.1:{port} refused the connection"):
        say_hello(port=port)


@contextlib.contextmanager
def listener(answer):
    """A TCP server that does something else than SSH; gives its port."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        connections = []

        def serve():
            with contextlib.suppress(OSError):
                while True:
                    connection, _ = server.accept()
                    connections.append(connection)
                    answer(connection)

        thread = threading.Thread(target=serve, daemon=True)
        thread.start()
        yield server.getsockname()[1]
        server.shutdown(socket.SHUT_RDWR)
        thread.join()
        for connection in connections:
            connection.close()


def test_a_silent_port_is_given_up_in_time(client, say_hello):
    began = time.monotonic()
    with (
        listener(lambda connection: None) as port,
        pytest.raises(HostUnreachable, match="sent no SSH greeting within 1 s"),
    ):
        say_hello("127.0.0.1", port=port, timeout_s=1)
    assert time.monotonic() - began < 3


def test_the_limit_of_ssh_config_goes_before(client, say_hello):
    client.write("Host *\n  ConnectTimeout 1\n")
    with (
        listener(lambda connection: None) as port,
        pytest.raises(HostUnreachable, match="within 1 s"),
    ):
        say_hello("127.0.0.1", port=port, timeout_s=60)


def test_a_port_that_speaks_another_language_is_said(client, say_hello):
    def web(connection):
        connection.sendall(b"HTTP/1.1 400 Bad Request\r\n\r\n" * 120)

    with listener(web) as port, pytest.raises(HostUnreachable, match="speaks no SSH; it says"):
        say_hello("127.0.0.1", port=port)


def test_a_server_that_hangs_up_is_said(client, say_hello):
    def hang_up(connection):
        connection.recv(100)
        connection.close()

    with (
        listener(hang_up) as port,
        pytest.raises(HostUnreachable, match="closed the connection before the login"),
    ):
        say_hello("127.0.0.1", port=port)


def test_a_handshake_that_stalls_is_given_up_in_time(client, say_hello):
    def stall(connection):
        connection.sendall(b"SSH-2.0-Stall\r\n")

    with (
        listener(stall) as port,
        pytest.raises(HostUnreachable, match="did not end the SSH handshake within 1 s"),
    ):
        say_hello("127.0.0.1", port=port, timeout_s=1)


def test_garbage_after_the_greeting_is_no_crash(client, say_hello):
    def garbage(connection):
        connection.sendall(b"SSH-2.0-Garbage\r\n" + b"\0\0\1\0" + bytes(range(256)) * 4)

    with listener(garbage) as port, pytest.raises(HostUnreachable):
        say_hello("127.0.0.1", port=port, timeout_s=2)


def test_a_name_that_does_not_resolve_is_said(client, say_hello):
    with pytest.raises(HostUnreachable, match=r"no\.such\.host\.invalid can't be resolved"):
        say_hello("no.such.host.invalid")


def test_an_address_without_an_answer_leaves_time_for_the_next(
    client, server, say_hello, monkeypatch
):
    """`localhost` is often ::1 first, where this server does not listen."""
    real = socket.getaddrinfo

    def both(host, port, *rest):
        if host != "two.addresses":
            return real(host, port, *rest)
        if rest and rest[-1] & socket.AI_NUMERICHOST:
            raise socket.gaierror(socket.EAI_NONAME, "not a number")
        stream = (socket.SOCK_STREAM, 6, "")
        return [
            (socket.AF_INET6, *stream, ("::1", port, 0, 0)),
            (socket.AF_INET, *stream, ("127.0.0.1", port)),
        ]

    monkeypatch.setattr(socket, "getaddrinfo", both)
    client.log_in_to(server, "web1")
    client.know(server, name="web1")
    client.write(
        f"Host two\n  HostName two.addresses\n  Port {server.port}\n  User {server.user}\n"
        f"  IdentityFile {client.folder}/key_web1\n  HostKeyAlias web1\n"
    )
    assert say_hello("two") == "hello"


def test_a_name_that_could_reach_a_shell_is_refused(client, say_hello):
    client.write("Host *\n  ProxyCommand nc %h %p\n")
    with pytest.raises(HostUnreachable, match="characters that no host"):
        say_hello("odd", address="$(touch${IFS}/tmp/x)")


def test_nothing_is_printed_when_things_go_wrong(client, say_hello, capfd):
    def web(connection):
        connection.sendall(b"HTTP/1.1 400 Bad Request\r\n\r\n" * 120)

    with listener(web) as port, pytest.raises(HostUnreachable):
        say_hello("127.0.0.1", port=port)
    logging.getLogger("paramiko.transport").error("a word of paramiko's")
    assert capfd.readouterr() == ("", "")
