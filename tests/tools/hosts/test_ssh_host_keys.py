"""Is it the machine it claims to be? Nothing is logged in to before that is sure."""

import shutil
import subprocess

import pytest

from sme_tools.errors import HostKeyChanged, HostKeyRevoked, HostKeyUnknown
from sme_tools.hosts.host import Host
from sme_tools.hosts.ssh.trust import accept_new_key
from sshd import Sshd, make_key, public, sign, tool, words


@pytest.fixture
def key(client, server):
    """A key that opens; what is on record is for the test to say."""
    key = make_key(client.folder / "id_ed25519")
    server.authorize(key)
    client.configure(server, "web1")
    return key


def record(client, *lines):
    client.known_hosts.write_text("".join(f"{line}\n" for line in lines))


def test_an_unknown_key_stops_and_shows_its_fingerprint(client, server, say_hello, key):
    with pytest.raises(HostKeyUnknown) as stop:
        say_hello()
    printed = subprocess.run(
        [tool("ssh-keygen"), "-lf", public(server.host_key)],
        capture_output=True,
        text=True,
        check=True,
    ).stdout
    assert printed.split()[1] in stop.value.message
    assert stop.value.remedy.endswith("sme hosts test web1 --accept-new-key")
    assert not client.known_hosts.exists()
    assert "Accepted" not in server.log()


def test_a_new_key_is_accepted_when_told_and_ssh_takes_it_too(client, server, say_hello, key):
    client.write(f"  HashKnownHosts no\n  UserKnownHostsFile {client.known_hosts}\n")
    accepted = accept_new_key(Host(name="web1"))
    assert accepted.fingerprint.startswith("SHA256:")
    assert (accepted.name, accepted.type) == (server.known_name, "ED25519")
    assert client.known_hosts.read_text() == f"{server.known_name} {words(server.host_key)}\n"
    assert say_hello() == "hello"
    checked = subprocess.run(
        [tool("ssh"), "-F", client.folder / "config", "-i", key, "web1", "echo hello"],
        capture_output=True,
        text=True,
        check=False,
    )
    assert checked.stdout == "hello\n"


def test_accepting_twice_adds_once(client, server, key):
    client.write("  HashKnownHosts yes\n")
    first = accept_new_key(Host(name="web1"))
    again = accept_new_key(Host(name="web1"))
    assert (first.added_to, again.added_to) == (client.known_hosts, None)
    (line,) = client.known_hosts.read_text().splitlines()
    assert line.startswith("|1|")


def test_accepting_another_key_than_the_one_that_was_compared_is_refused(client, server, key):
    with pytest.raises(HostKeyChanged, match="not SHA256:other as was expected"):
        accept_new_key(Host(name="web1"), fingerprint="SHA256:other")
    assert not client.known_hosts.exists()


def test_a_changed_key_is_a_hard_stop_even_for_accepting(client, server, say_hello, key, tmp_path):
    before = make_key(tmp_path / "before")
    record(client, "# old", f"{server.known_name} {words(before)}")
    with pytest.raises(HostKeyChanged, match="known_hosts:2 has ED25519") as stop:
        say_hello()
    assert stop.value.remedy.endswith(
        f"ssh-keygen -f '{client.known_hosts}' -R '{server.known_name}'"
    )
    with pytest.raises(HostKeyChanged):
        accept_new_key(Host(name="web1"))
    assert words(before) in client.known_hosts.read_text()


def test_a_key_of_another_kind_than_the_one_on_record_is_a_change(client, say_hello, tmp_path):
    with Sshd(login_shell="dash", host_keys=("ed25519",)) as server:
        client.log_in_to(server, "web1")
        record(client, f"{server.known_name} {words(make_key(tmp_path / 'rsa', kind='rsa'))}")
        with pytest.raises(HostKeyChanged, match=r"presents the key ED25519 .* has RSA"):
            say_hello()


@pytest.mark.parametrize("kind", ["ed25519", "rsa", "ecdsa"])
def test_the_kind_of_key_on_record_is_asked_for(client, server, say_hello, key, kind):
    record(client, f"{server.known_name} {words(server.host_keys[kind])}")
    assert say_hello() == "hello"


def test_hashed_names_are_found(client, server, say_hello, key):
    client.know(server)
    subprocess.run(
        [tool("ssh-keygen"), "-q", "-H", "-f", client.known_hosts], check=True, capture_output=True
    )
    assert server.known_name not in client.known_hosts.read_text()
    assert say_hello() == "hello"


def test_a_key_on_record_without_the_port_counts_as_ssh_has_it(client, server, say_hello, key):
    record(client, f"{server.address} {words(server.host_key)}")
    assert say_hello() == "hello"


def test_another_key_on_record_without_the_port_is_another_server(client, server, say_hello, key):
    record(client, f"{server.address} {words(key)}")
    with pytest.raises(HostKeyUnknown):
        say_hello()


def test_an_alias_is_the_name_to_look_for(client, server, say_hello, key):
    client.write("  HostKeyAlias gate\n")
    record(client, f"gate {words(server.host_key)}")
    assert say_hello() == "hello"


def test_files_named_in_ssh_config_are_the_ones_read(client, server, say_hello, key, tmp_path):
    (tmp_path / "theirs").write_text(f"{server.known_name} {words(server.host_key)}\n")
    client.write(f"  GlobalKnownHostsFile {tmp_path / 'theirs'}\n  UserKnownHostsFile none\n")
    assert say_hello() == "hello"


def test_a_revoked_key_is_refused_though_it_is_on_record(client, server, say_hello, key):
    line = words(server.host_key)
    record(client, f"{server.known_name} {line}", f"@revoked * {line}")
    with pytest.raises(HostKeyRevoked, match="known_hosts:2 revokes"):
        say_hello()
    with pytest.raises(HostKeyRevoked):
        accept_new_key(Host(name="web1"))


def test_lines_that_cannot_be_read_do_not_stop_the_rest(client, server, say_hello, key):
    record(client, "@strange x y z", "garbage", "web1 ssh-ed25519 %%%", "@revoked")
    client.know(server)
    assert say_hello() == "hello"


@pytest.fixture(scope="module")
def authority(tmp_path_factory):
    return make_key(tmp_path_factory.mktemp("authority") / "host_ca", kind="ecdsa")


@pytest.fixture
def certified(client, authority):
    """Starts a server whose host key an authority has signed."""
    started = []

    def start(kind="ed25519", **certificate):
        server = Sshd(login_shell="dash", host_keys=(kind,))
        server.__enter__()
        started.append(server)
        made = sign(authority, server.host_key, host=True, **({"names": "127.0.0.1"} | certificate))
        server._settings = f"HostCertificate {made}"
        server.restart()
        client.log_in_to(server, "web1")
        record(client, f"@cert-authority 127.0.0.*,[127.0.0.*]:* {words(authority)}")
        return server

    yield start
    for server in started:
        server.__exit__()


@pytest.mark.parametrize("kind", ["ed25519", "rsa", "ecdsa"])
def test_an_authority_on_record_vouches_for_a_host(certified, say_hello, kind):
    certified(kind)
    assert say_hello() == "hello"


@pytest.mark.parametrize(
    ("certificate", "why"),
    [
        ({"names": "db1,db2"}, "it is for db1, db2, not for 127.0.0.1"),
        ({"valid": "-2h:-1h"}, "it expired on"),
        ({"valid": "+1h:+2h"}, "it is not valid yet"),
    ],
)
def test_a_certificate_that_does_not_hold_is_no_voucher(certified, say_hello, certificate, why):
    certified(**certificate)
    with pytest.raises(HostKeyUnknown, match=why):
        say_hello()


def test_a_strange_authority_is_no_voucher_but_the_plain_key_may_be_known(
    certified, client, say_hello, tmp_path
):
    server = certified()
    strange = words(make_key(tmp_path / "strange"))
    record(client, f"@cert-authority * {strange}")
    with pytest.raises(HostKeyUnknown, match="an authority that is not on record"):
        say_hello()
    record(client, f"@cert-authority * {strange}", f"{server.known_name} {words(server.host_key)}")
    assert say_hello() == "hello"


def test_a_revoked_authority_is_refused(certified, client, say_hello, authority):
    certified()
    with client.known_hosts.open("a") as file:
        file.write(f"@revoked * {words(authority)}\n")
    with pytest.raises(HostKeyRevoked):
        say_hello()


def test_a_certified_host_without_an_authority_on_record_is_known_by_its_key(
    certified, client, say_hello
):
    server = certified()
    record(client, f"{server.known_name} {words(server.host_key)}")
    assert say_hello() == "hello"


def test_accepting_a_certified_host_records_its_plain_key(certified, client, tmp_path):
    server = certified()
    record(client, f"@cert-authority * {words(make_key(tmp_path / 'strange'))}")
    client.write("  HashKnownHosts no\n")
    accept_new_key(Host(name="web1"))
    assert f"{server.known_name} {words(server.host_key)}\n" in client.known_hosts.read_text()


def test_a_known_hosts_file_that_is_a_folder_means_nobody_is_known(client, server, say_hello, key):
    shutil.rmtree(client.known_hosts, ignore_errors=True)
    client.known_hosts.mkdir()
    with pytest.raises(HostKeyUnknown):
        say_hello()
