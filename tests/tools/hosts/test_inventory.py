"""The inventory: what a name on the command line means, and what holds for that host."""

import stat
from pathlib import Path

import pytest
import yaml

from sme_tools.errors import InventoryInvalid, StateError, UnknownHost
from sme_tools.hosts.host import Host, localhost
from sme_tools.hosts.inventory import Inventory
from sme_tools.hosts.open import open_transport
from sme_tools.hosts.script import Script, Step
from sme_tools.hosts.snapshot import write_snapshot

FILE = """\
hosts:
  web1:
    address: 10.0.0.5
    port: 2222
    user: root
    identity_file: ~/.ssh/id
    groups: [web, eu]
    tags: [prod]
    sudo: false
    variables: {rack: 7}
    limits: {storage.filesystem-full: {used_percent: 98}}
    disabled_checks: [system.reboot-required]
  web2: {groups: [web], tags: [prod, canary]}
  db1:
  localhost: {limits: {system.load: {per_cpu: 4}}}
groups:
  web:
    sudo: true
    variables: {rack: 1, role: web}
    limits: {storage.filesystem-full: {used_percent: 90, free_bytes: 1000}}
    disabled_checks: [network.packet-errors]
  eu: {variables: {zone: eu}}
tags:
  prod: {limits: {storage.filesystem-full: {used_percent: 85}}}
  canary: {limits: {storage.filesystem-full: {used_percent: 99}}}
"""


@pytest.fixture
def path(tmp_path):
    return tmp_path / "config" / "hosts.yaml"


@pytest.fixture
def inventory(path):
    path.parent.mkdir()
    path.write_text(FILE)
    return Inventory.load(path)


@pytest.fixture
def ssh_config(own_folders):
    (own_folders / ".ssh").mkdir(mode=0o700)
    (own_folders / ".ssh/config").write_text("Host nas bastion\n  User me\nHost *.lan\n  User me\n")


def test_a_host_has_what_its_entry_says(inventory):
    web1 = inventory.resolve("web1")
    assert (web1.transport, web1.address, web1.port, web1.user) == ("ssh", "10.0.0.5", 2222, "root")
    assert web1.identity_file == Path("~/.ssh/id")
    assert (web1.groups, web1.tags) == (("web", "eu"), ("prod",))


def test_the_entry_goes_before_tags_and_tags_before_groups(inventory):
    web1, web2 = inventory.select(["web1", "web2"])
    full = "storage.filesystem-full"
    assert web1.limits == {full: {"used_percent": 98, "free_bytes": 1000}}
    assert web2.limits == {full: {"used_percent": 99, "free_bytes": 1000}}
    assert web1.variables == {"rack": 7, "role": "web", "zone": "eu"}
    assert (web1.sudo, web2.sudo) == (False, True)
    assert web1.disabled_checks == ("network.packet-errors", "system.reboot-required")


def test_an_entry_may_be_empty(inventory):
    assert inventory.resolve("db1") == Host(name="db1")


def test_this_machine_is_always_there(path, inventory):
    assert Inventory.load(path.parent / "none.yaml").resolve("localhost") == localhost()
    mine = inventory.resolve("localhost")
    assert mine.transport == "local"
    assert mine.limits == {"system.load": {"per_cpu": 4}}


def test_all_hosts_are_those_of_the_file_of_ssh_config_and_this_machine(inventory, ssh_config):
    assert [host.name for host in inventory.hosts()] == [
        *("localhost", "web1", "web2", "db1", "nas", "bastion")
    ]


def test_groups_and_tags_select(inventory):
    def names(*words):
        return [host.name for host in inventory.select(words)]

    assert names("@web") == ["web1", "web2"]
    assert names("@canary", "@prod", "db1") == ["web2", "web1", "db1"]
    assert names("@all") == ["web1", "web2", "db1", "localhost"]
    assert inventory.groupings() == ["canary", "eu", "prod", "web"]


def test_a_group_that_nobody_is_in_is_said_with_near_names(inventory):
    with pytest.raises(UnknownHost, match="'prd'; did you mean @prod"):
        inventory.select(["@prd"])


@pytest.mark.parametrize(
    ("word", "host"),
    [
        ("nas", Host(name="nas", address="nas")),
        ("backup.lan", Host(name="backup.lan", address="backup.lan")),
        ("me@10.0.0.9", Host(name="10.0.0.9", address="10.0.0.9", user="me")),
        (
            "ssh://me@other:2222",
            Host(name="other:2222", address="other", user="me", port=2222),
        ),
        ("192.0.2.1", Host(name="192.0.2.1", address="192.0.2.1")),
        ("2001:db8::1", Host(name="2001:db8::1", address="2001:db8::1")),
        ("ssh://[2001:db8::1]:22", Host(name="2001:db8::1", address="2001:db8::1", port=22)),
        ("me@localhost", Host(name="localhost", address="localhost", user="me")),
    ],
)
def test_a_host_needs_no_entry(inventory, ssh_config, word, host):
    assert inventory.resolve(word) == host


def test_user_and_port_go_before_the_entry(inventory):
    stated = inventory.resolve("admin@web1")
    assert stated == inventory.resolve("web1").model_copy(update={"user": "admin"})
    assert inventory.resolve("ssh://web1:22").port == 22
    assert inventory.resolve("ssh://web1:22").user == "root"


@pytest.fixture
def recorded(tmp_path):
    """A snapshot of a host that was called web9."""
    with open_transport(localhost()) as transport:
        evidence = list(transport.run(Script([Step("x", "true")]), timeout_s=10))
    write_snapshot(tmp_path / "friday.sme", "web9", evidence)
    return tmp_path / "friday.sme"


def test_a_snapshot_is_a_host(inventory, recorded, monkeypatch):
    replayed = inventory.resolve(str(recorded))
    assert replayed == Host(name="web9", transport="replay", snapshot=recorded)
    with open_transport(replayed) as transport:
        (evidence,) = transport.run(Script([Step("x", "true")]), timeout_s=10)
    assert evidence.exit_code == 0
    monkeypatch.chdir(recorded.parent)
    assert inventory.resolve("friday.sme").name == "web9"
    with pytest.raises(UnknownHost, match="there is no snapshot"):
        inventory.resolve("./gone.sme")


def test_a_file_does_not_hide_a_host(inventory, ssh_config, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    for name in ("web1", "nas", "localhost"):
        (tmp_path / name).touch()
        assert inventory.resolve(name).snapshot is None


@pytest.mark.parametrize("word", ["wbe1", "no.such.host.invalid", "", "-x", "a b", "web1;reboot"])
def test_a_word_that_is_no_host_is_said(inventory, ssh_config, word):
    with pytest.raises(UnknownHost):
        inventory.resolve(word)


def test_a_misspelt_name_gets_its_neighbours(inventory):
    with pytest.raises(UnknownHost, match="there is no host 'wbe1'; did you mean web1"):
        inventory.resolve("wbe1")


def test_what_is_known_without_looking_anything_up(inventory, ssh_config):
    assert inventory.known("web1") == inventory.resolve("web1")
    assert inventory.known("nas") is None


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        ("hosts:\n  web1:\n    prot: 22\n", r":3: hosts\.web1\.prot: .*allowed: .*port"),
        ("hosts:\n  web1:\n    port: 99999\n", r":3: hosts\.web1\.port: .*65535"),
        ("hosts:\n  web1: {port: ssh}\n", r":2: hosts\.web1\.port: .*integer"),
        ("hosts:\n  web1: 10.0.0.5\n", r":2: hosts\.web1"),
        ("hosts: [web1]\n", r":1: hosts: .*dictionary"),
        ("host: {}\n", r":1: host: .*allowed: hosts, defaults, groups, tags"),
        ("hosts:\n  a:\n   limits: {b: {c: much}}\n", r":3: hosts\.a\.limits\.b\.c: .*number"),
        ("hosts:\n  web1: {transport: telnet}\n", r":2: .*'local' or 'ssh'"),
        ("hosts:\n  web1: {}\n  db: {}\n  web1: {}\n", r":4: not valid YAML: 'web1' comes twice"),
        ("hosts:\n  web 1: {}\n", r"'web 1' can't be a name"),
        ("hosts:\n  '@web': {}\n", r"'@web' can't be a name"),
        ("hosts: {\n", r":2: not valid YAML"),
        ("- web1\n", r":1: an inventory has hosts"),
        ("hosts:\n  web1: &a {variables: {x: *b}}\n", r":2: not valid YAML"),
        ("hosts: {web1: {variables: {x: [1]}}}\n", r":1: hosts\.web1\.variables\.x"),
    ],
)  # fmt: skip
def test_a_broken_file_is_said_with_line_field_and_what_is_allowed(tmp_path, text, complaint):
    path = tmp_path / "hosts.yaml"
    path.write_text(text)
    with pytest.raises(InventoryInvalid, match=complaint) as failure:
        Inventory.load(path)
    assert str(path) in failure.value.message


@pytest.mark.parametrize("text", ["", "hosts:\n", "# nothing yet\n"])
def test_an_empty_file_is_an_empty_inventory(tmp_path, text):
    path = tmp_path / "hosts.yaml"
    path.write_text(text)
    assert [host.name for host in Inventory.load(path).hosts()] == ["localhost"]


def test_a_file_that_is_no_text_is_said(tmp_path):
    path = tmp_path / "hosts.yaml"
    path.write_bytes(b"\xff\xfe\x00")
    with pytest.raises(InventoryInvalid, match="can't be read"):
        Inventory.load(path)


def test_added_hosts_are_there_next_time(path):
    inventory = Inventory.load(path)
    host = Host(name="new", address="192.0.2.7", port=22, identity_file=Path("/k"), groups=("web",))
    inventory.add(host)
    inventory.save()
    assert Inventory.load(path).resolve("new") == host
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert stat.S_IMODE(path.parent.stat().st_mode) == 0o700
    assert [file.name for file in path.parent.iterdir()] == ["hosts.yaml"]


def test_saving_keeps_everything_else(path, inventory):
    before = {host.name: host for host in inventory.hosts()}
    inventory.add(Host(name="new", transport="local"))
    inventory.save()
    after = Inventory.load(path)
    assert {name: after.resolve(name) for name in before} == before
    assert after.resolve("new").transport == "local"
    assert set(yaml.safe_load(path.read_text())) == {"hosts", "groups", "tags"}


def test_an_existing_host_is_replaced_only_when_told(inventory):
    with pytest.raises(InventoryInvalid, match="has a host 'web1' already"):
        inventory.add(Host(name="web1"))
    inventory.add(Host(name="web1", address="192.0.2.1"), replace=True)
    assert inventory.resolve("web1").address == "192.0.2.1"


def test_a_name_that_could_not_be_typed_is_refused(inventory):
    with pytest.raises(InventoryInvalid, match="can't be a name"):
        inventory.add(Host(name="two words"))


def test_a_snapshot_needs_no_entry(inventory):
    with pytest.raises(InventoryInvalid, match="use it by its path"):
        inventory.add(Host(name="x", transport="replay", snapshot=Path("/x.gz")))


def test_what_somebody_else_has_written_meanwhile_is_not_lost(path, inventory):
    path.write_text(FILE.replace("web2", "web3"))
    inventory.add(Host(name="new"))
    with pytest.raises(StateError, match="was changed meanwhile"):
        inventory.save()
    assert "web3" in path.read_text()


def test_a_link_to_the_file_stays_a_link(path, inventory, tmp_path):
    real = tmp_path / "dotfiles.yaml"
    path.rename(real)
    path.symlink_to(real)
    inventory.add(Host(name="new"))
    inventory.save()
    assert path.is_symlink()
    assert "new" in real.read_text()


def test_a_folder_that_cannot_be_written_is_said(tmp_path):
    (tmp_path / "file").touch()
    inventory = Inventory(tmp_path / "file" / "hosts.yaml")
    inventory.add(Host(name="new"))
    with pytest.raises(StateError, match="can't be written"):
        inventory.save()
