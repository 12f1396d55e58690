"""What ssh_config says, asked of the ssh that is installed."""

from pathlib import Path

import pytest

from sme_tools.errors import HostUnreachable
from sme_tools.hosts.host import Host
from sme_tools.hosts.ssh.config import Destination, destination_of, resolve
from sme_tools.hosts.ssh.names import ssh_knows, ssh_names


@pytest.fixture
def write(own_folders):
    """Writes files of ~/.ssh."""
    folder = own_folders / ".ssh"
    folder.mkdir(mode=0o700)

    def write(text, name="config"):
        (folder / name).write_text(text)
        return folder / name

    return write


@pytest.mark.parametrize(
    ("text", "destination"),
    [
        ("web1", Destination("web1")),
        ("root@web1", Destination("web1", "root")),
        ("ssh://root@web1:2222", Destination("web1", "root", 2222)),
        ("ssh://web1/", Destination("web1")),
        ("web1:2222", Destination("web1", None, 2222)),
        ("root@[fe80::1%eth0]:2222", Destination("fe80::1%eth0", "root", 2222)),
        ("::1", Destination("::1")),
        ("me@corp@web1", Destination("web1", "me@corp")),
    ],
)
def test_a_destination_is_read_as_ssh_reads_it(text, destination):
    assert Destination.parse(text) == destination


@pytest.mark.parametrize(
    "text",
    ["", "@web1", "web1:0", "web1:65536", "web1:ssh", "-oProxyCommand=reboot", "a;b", "a b",
     "$(x)@a", "root@-x", "web1:²"],
)  # fmt: skip
def test_what_could_reach_a_shell_or_is_no_host_is_refused(text):
    with pytest.raises(ValueError, match=r"."):
        Destination.parse(text)


def test_include_and_match_hold(write, own_folders):
    more = write("Host web*\n  User deploy\n  HostName %h.example.com\n", "more")
    write(
        f"Include {more}\n"
        "Match originalhost web1 user deploy\n  Port 2201\n"
        "Match originalhost web2\n  Port 2202\n"
        "Host *\n  IdentityFile ~/.ssh/id_%r\n  CertificateFile %d/.ssh/cert\n  HashKnownHosts no\n"
    )
    config = resolve(Destination("web1"))
    assert (config.hostname, config.user, config.port) == ("web1.example.com", "deploy", 2201)
    assert config.identity_files == (own_folders / ".ssh/id_deploy",)
    assert config.certificate_files == (own_folders / ".ssh/cert",)
    assert config.known_name == "[web1.example.com]:2201"
    assert not config.hash_known_hosts
    assert resolve(Destination("web2")).port == 2202


def test_what_the_caller_states_goes_before(write):
    write("Host web1\n  User deploy\n  Port 2201\n  IdentityFile /keys/config\n")
    host = Host(name="web1", user="root", port=22, identity_file=Path("/keys/mine"))
    config = resolve(destination_of(host), host.identity_file)
    assert (config.user, config.port) == ("root", 22)
    assert config.identity_files == (Path("/keys/mine"), Path("/keys/config"))


def test_an_address_of_the_inventory_may_be_a_name_of_ssh_config(write):
    write("Host bastion\n  HostName 192.0.2.1\n  HostKeyAlias gate\n")
    config = resolve(destination_of(Host(name="front", address="bastion")))
    assert config.hostname == "192.0.2.1"
    assert config.known_name == "gate"


def test_proxy_options_and_limits(write):
    write(
        "Host a\n  ProxyJump me@j1,j2:2222\nHost b\n  ProxyCommand nc -X 5 %h %p %r %% %n\n"
        "  ConnectTimeout 7\n  ServerAliveInterval 30\n  IdentitiesOnly yes\n  User u\n"
        "Host c\n  ProxyJump none\n  IdentityAgent none\n  UserKnownHostsFile /a/x ~/.ssh/y\n"
    )
    assert resolve(Destination("a")).proxy_jump == "me@j1,j2:2222"
    b = resolve(Destination("b"))
    assert b.proxy_command == "nc -X 5 b 22 u % b"
    assert (b.connect_timeout_s, b.alive_interval_s, b.identities_only) == (7.0, 30, True)
    c = resolve(Destination("c"))
    assert (c.proxy_jump, c.proxy_command, c.agent_socket) == (None, None, None)
    assert c.user_known_hosts == (Path("/a/x"), Path.home() / ".ssh/y")


def test_the_agent_is_the_environments_or_the_one_that_is_named(write, monkeypatch):
    monkeypatch.setenv("SSH_AUTH_SOCK", "/run/agent")
    monkeypatch.setenv("OTHER", "/run/other")
    write("Host a\n  IdentityAgent $OTHER\nHost b\n  IdentityAgent ~/.ssh/agent\n")
    assert resolve(Destination("a")).agent_socket == "/run/other"
    assert resolve(Destination("b")).agent_socket == str(Path.home() / ".ssh/agent")
    assert resolve(Destination("c")).agent_socket == "/run/agent"


def test_default_files_are_those_of_home(own_folders):
    config = resolve(Destination("web1"))
    assert config.user_known_hosts[0] == own_folders / ".ssh/known_hosts"
    assert own_folders / ".ssh/id_ed25519" in config.identity_files


def test_a_broken_configuration_is_said_with_its_line(write):
    write("Host web1\n  Prot 22\n")
    with pytest.raises(HostUnreachable, match="config: line 2: Bad configuration option: prot"):
        resolve(Destination("web1"))


def test_without_an_ssh_program_the_defaults_hold_and_that_is_said(write, own_folders, monkeypatch):
    monkeypatch.setenv("PATH", str(own_folders))
    write("Host web1\n  Port 2222\n")
    config = resolve(Destination("web1", "root"))
    assert (config.hostname, config.port, config.user) == ("web1", 22, "root")
    assert own_folders / ".ssh/id_ed25519" in config.identity_files
    assert "was not read" in config.note


def test_names_are_those_spelt_out_include_followed(write):
    write("Host inner *.lan\n", "conf.d-1")
    write(
        "Include ~/.ssh/conf.d-*\nInclude config\n"  # a circle does no harm
        'Host web1 "web2" !web3 web4*\nHOST=db1 # the database\nHost *\n  User x\n'
        "Match originalhost gate,lost exec true\n  User y\n"
    )
    assert ssh_names() == ["inner", "web1", "web2", "db1", "gate", "lost"]


@pytest.mark.parametrize(
    ("name", "known"),
    [("web1", True), ("WEB1", True), ("web47", True), ("web3", False), ("nas.lan", True),
     ("gate", True), ("other", False)],
)  # fmt: skip
def test_a_name_is_known_by_its_pattern_but_not_by_a_bare_star(write, name, known):
    write("Host web* !web3\nHost *.lan\nHost *\n  User x\nMatch originalhost gate\n  User y\n")
    assert ssh_knows(name) is known


def test_without_a_configuration_no_name_is_known():
    assert ssh_names() == []
    assert not ssh_knows("web1")
