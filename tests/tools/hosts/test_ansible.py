"""Ansible inventories: what is taken over, and what is left out and said."""

from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sme_tools.errors import InventoryInvalid
from sme_tools.hosts.ansible import read_ansible_inventory
from sme_tools.hosts.ansible_files import expand_range
from sme_tools.hosts.host import Host

INI = """\
# the front
gate ansible_host=192.0.2.1 ansible_port=2222

[web]
web[01:03].example.com ansible_user=deploy http_port=8080  # a range
www.example.com:2201

[db]
db-[a:b] ansible_become=yes
"odd name" ansible_connection=docker

[dc:children]
web
db

[dc:vars]
ansible_user=root
ansible_ssh_private_key_file=~/.ssh/dc # not a comment
ntp="time.example.com"
ansible_password=hunter2

[db:vars]
ansible_user=postgres
secret={{ vault_secret }}

[local]
localhost ansible_connection=local
"""

YAML = """\
all:
  vars: {ansible_user: root, ntp: time.example.com}
  hosts:
    gate: {ansible_host: 192.0.2.1, ansible_port: 2222, ansible_user: admin}
  children:
    web:
      hosts:
        web[01:03].example.com:
          http_port: 8080
    db:
      hosts:
        db-a:
        db-b: {ansible_become: true, replicas: [1, 2]}
      vars: {ansible_user: postgres}
    dc:
      children:
        web:
        db:
"""


@pytest.fixture
def read(tmp_path):
    def read(text, name="hosts"):
        path = tmp_path / name
        path.write_text(text)
        return read_ansible_inventory(path)

    return read


def test_an_ini_inventory(read):
    imported = read(INI)
    hosts = {host.name: host for host in imported.hosts}
    assert list(hosts) == [
        *("gate", "web01.example.com", "web02.example.com", "web03.example.com"),
        *("www.example.com", "db-a", "db-b", "localhost"),
    ]
    assert hosts["gate"] == Host(name="gate", address="192.0.2.1", port=2222)
    web = hosts["web02.example.com"]
    assert (web.user, web.groups) == ("deploy", ("dc", "web"))
    assert web.identity_file == Path("~/.ssh/dc # not a comment")
    assert web.variables == {"http_port": 8080, "ntp": "time.example.com"}
    assert hosts["www.example.com"].port == 2201
    assert (hosts["db-a"].user, hosts["db-a"].sudo, web.sudo) == ("postgres", True, False)
    assert hosts["localhost"] == Host(name="localhost", transport="local", groups=("local",))


def test_what_is_left_out_is_said_without_secrets(read):
    skipped = read(INI).skipped
    assert "host odd name: the connection 'docker' is not ssh or local" in skipped
    assert "host db-a: secret is a template: {{ vault_secret }}" in skipped
    assert "host web01.example.com: ansible_password has no meaning here" in skipped
    assert "hunter2" not in str(skipped)


def test_a_yaml_inventory(read):
    imported = read(YAML, "hosts.yml")
    hosts = {host.name: host for host in imported.hosts}
    assert hosts["gate"].user == "admin"
    assert hosts["gate"].variables == {"ntp": "time.example.com"}
    assert hosts["web03.example.com"].groups == ("dc", "web")
    assert (hosts["web01.example.com"].user, hosts["db-a"].user) == ("root", "postgres")
    assert hosts["db-b"].sudo
    assert imported.skipped == ["host db-b: replicas is not a plain value"]


def test_yaml_is_told_by_its_beginning_too(read):
    assert [host.name for host in read("---\nweb:\n  hosts:\n    web1:\n").hosts] == ["web1"]


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        ("[web]\nweb[1:2] x=1\nweb3 y\n", ":3: 'y' is no NAME=VALUE"),
        ("[web:childs]\n", r":1: \[web:childs\]: allowed are :children and :vars"),
        ("[web:vars]\nuser root\n", ":2: .* is no NAME=VALUE"),
        ("[a:children]\nb c\n", ":2: .* is no name of a group"),
        ("web1 motd='open\n", ":1: No closing quotation"),
        ("web[5:1]\n", r":1: \[5:1\] is empty"),
        ("web[0:1000000]\n", ":1: .* is more than"),
        ("w[0:999]x[0:999]\n", ":1: .* is more than"),
        ("web1:99999\n", ":1: '99999' is no port"),
        ("[a:children]\nb\n[b:children]\na\n[b]\nweb1\n", "is a child of its own"),
        ("#!/usr/bin/python3\n", ":1: a program"),
        ("$ANSIBLE_VAULT;1.1;AES256\n3132\n", ":1: encrypted"),
        ("all:\n  hosts:\n    web1:\n  groups: {}\n", r":4: all\.groups: a group has hosts"),
        ("all:\n  hosts: [web1]\n", r":2: all\.hosts: a mapping belongs here"),
        ("all:\n  hosts:\n    web[9:1]:\n", ":3: .* is empty"),
        ("all: {\n", "not valid YAML"),
    ],
)
def test_what_is_wrong_is_said_with_its_line(read, text, complaint):
    with pytest.raises(InventoryInvalid, match=complaint):
        read(text)


def test_a_port_that_is_none_leaves_the_host_out(read):
    imported = read("web1 ansible_port=ssh\nweb2\n")
    assert [host.name for host in imported.hosts] == ["web2"]
    assert imported.skipped == ["host web1: its port is 'ssh'"]


def test_a_missing_file_is_said(tmp_path):
    with pytest.raises(InventoryInvalid, match="can't be read"):
        read_ansible_inventory(tmp_path / "none")


@pytest.mark.parametrize(
    ("name", "names"),
    [
        ("web1", ["web1"]),
        ("web[1:3]", ["web1", "web2", "web3"]),
        ("web[08:10]", ["web08", "web09", "web10"]),
        ("web[1:9:4]", ["web1", "web5", "web9"]),
        ("[a:c]1", ["a1", "b1", "c1"]),
        ("r[1:2]n[1:2]", ["r1n1", "r1n2", "r2n1", "r2n2"]),
    ],
)
def test_ranges(name, names):
    assert expand_range(name) == names


@settings(max_examples=200, deadline=None)
@given(text=st.text(st.sampled_from("[]:=#;ab1 \n\t'\"{}-,$") | st.characters(), max_size=80))
@pytest.mark.parametrize("name", ["fuzz.ini", "fuzz.yml"])
def test_no_text_makes_it_crash(tmp_path_factory, name, text):
    path = tmp_path_factory.getbasetemp() / name
    path.write_text(text, "utf-8", "surrogatepass")
    try:
        read_ansible_inventory(path)
    except InventoryInvalid as error:
        assert name in error.message
