"""The known_hosts file format: sshd(8), SSH_KNOWN_HOSTS FILE FORMAT."""

import base64
import subprocess
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sme_tools.errors import StateError
from sme_tools.hosts.ssh.known_hosts import (
    KnownHosts,
    PublicKey,
    append,
    hash_name,
    known_name,
    parse_key,
)
from sme_tools.hosts.ssh.patterns import glob, matches
from sshd import make_key, public, tool, words

FILE = Path("known_hosts")
KEY = "AAAAC3NzaC1lZDI1NTE5AAAAIOMqqnkVzrm0SdG6UOoqKLsabgH5C9okWi0dh2l9GKJl"
LINE = f"ssh-ed25519 {KEY}"


def known(*lines):
    hosts = KnownHosts()
    hosts.add_text("\n".join(lines), FILE)
    return hosts


@pytest.mark.parametrize(
    ("names", "name", "covered"),
    [
        ("web1", "web1", True),
        ("web1", "WEB1", True),
        ("web1", "web10", False),
        ("web1,10.0.0.5", "10.0.0.5", True),
        ("*.example.com", "a.b.example.com", True),
        ("*.example.com,!db.example.com", "db.example.com", False),
        ("!db.example.com,*.example.com", "db.example.com", False),
        ("web?", "web1", True),
        ("web?", "web", False),
        ("[web1]:2222", "[web1]:2222", True),
        ("[web1]:2222", "web1", False),
        ("[web*]:*", "[web7]:2200", True),
    ],
)
def test_a_line_covers_names_by_pattern(names, name, covered):
    assert bool(known(f"{names} {LINE}").about(name)) is covered


def test_hashed_names_are_those_that_ssh_keygen_writes(tmp_path):
    key = make_key(tmp_path / "key")
    file = tmp_path / "known_hosts"
    file.write_text(f"[10.0.0.5]:2222 {words(key)}\nweb1 {words(key)}\n")
    subprocess.run([tool("ssh-keygen"), "-q", "-H", "-f", file], check=True, capture_output=True)
    assert "web1" not in file.read_text()
    hosts = KnownHosts.load([file])
    assert [entry.line for entry in hosts.about("web1")] == [2]
    assert [entry.line for entry in hosts.about("[10.0.0.5]:2222")] == [1]
    assert not hosts.about("web2")


def test_ssh_keygen_finds_the_names_we_hash(tmp_path):
    file = tmp_path / "known_hosts"
    append(file, "[web1]:2222", parse_key("ssh-ed25519", KEY), hashed=True)
    found = subprocess.run(
        [tool("ssh-keygen"), "-F", "[web1]:2222", "-f", file], capture_output=True, text=True
    )
    assert KEY in found.stdout


def test_fingerprints_are_those_of_ssh_keygen(tmp_path):
    key = make_key(tmp_path / "key")
    printed = subprocess.run(
        [tool("ssh-keygen"), "-lf", public(key)], capture_output=True, text=True, check=True
    ).stdout
    found = parse_key(*words(key).split())
    assert found.fingerprint in printed.split()
    assert f"({found.short_type})" in printed


def test_marked_lines_are_kept_apart():
    hosts = known(
        f"@revoked * {LINE}", f"@cert-authority *.example.com {LINE} the CA", "# note", ""
    )
    assert not hosts.about("db.example.com")
    assert len(hosts.about("db.example.com", "@revoked")) == 1
    assert len(hosts.about("db.example.com", "@cert-authority")) == 1
    assert not hosts.skipped


@pytest.mark.parametrize(
    ("line", "why"),
    [
        ("web1 ssh-ed25519", "key-type"),
        ("web1 ssh-ed25519 not+base64!", "base64"),
        (f"web1 ssh-rsa {KEY}", "not of the type"),
        (f"@strange web1 {LINE}", "marker"),
        (f",, {LINE}", "no host name"),
        ("web1 1024 35 123456789", "base64"),
    ],
)
def test_a_line_that_cannot_be_read_is_passed_over_and_said(line, why):
    hosts = known(line, f"web2 {LINE}")
    assert hosts.about("web2")
    (skipped,) = hosts.skipped
    assert skipped.startswith("known_hosts:1: ")
    assert why in skipped


def test_missing_files_are_empty_and_unreadable_ones_are_said(tmp_path):
    hosts = KnownHosts.load([tmp_path / "none", tmp_path])
    assert not hosts.entries
    assert [str(tmp_path) in skipped for skipped in hosts.skipped] == [True]


def test_names_have_the_port_where_it_is_not_22():
    assert known_name("Web1", 22) == "web1"
    assert known_name("::1", 2222) == "[::1]:2222"


def test_appending_makes_the_file_private_and_repairs_a_last_line_cut_off(tmp_path):
    file = tmp_path / ".ssh" / "known_hosts"
    append(file, "web1", parse_key("ssh-ed25519", KEY), hashed=False)
    assert file.stat().st_mode & 0o777 == 0o600
    assert file.parent.stat().st_mode & 0o777 == 0o700
    file.write_text(file.read_text().rstrip("\n"))
    append(file, "web2", parse_key("ssh-ed25519", KEY), hashed=False)
    assert file.read_text() == f"web1 {LINE}\nweb2 {LINE}\n"


def test_a_folder_that_cannot_be_written_is_said(tmp_path):
    (tmp_path / "file").touch()
    with pytest.raises(StateError, match="can't be written"):
        append(
            tmp_path / "file" / "known_hosts", "web1", parse_key("ssh-ed25519", KEY), hashed=True
        )


hostile = st.text(st.sampled_from("@|*?!,[]:#= \t\n\r\0a1é=+/") | st.characters(), max_size=60)


@settings(max_examples=300, deadline=None)
@given(hostile, hostile)
def test_hostile_text_neither_raises_nor_hides_a_good_line(before, after):
    hosts = known(before, f"web1 {LINE}", after, f"@revoked {before} {LINE}", f"|1|{after} {LINE}")
    assert any(entry.names == ("web1",) for entry in hosts.about("web1"))


@settings(max_examples=200, deadline=None)
@given(st.binary(max_size=80))
def test_any_blob_has_a_fingerprint_or_is_refused(blob):
    try:
        key = parse_key("ssh-ed25519", base64.b64encode(blob).decode())
    except ValueError:
        assert blob[4:15] != b"ssh-ed25519" or blob[:4] != b"\0\0\0\x0b"
    else:
        assert key.fingerprint.startswith("SHA256:")


@settings(max_examples=300, deadline=None)
@given(st.text("ab", max_size=8), st.text("ab*?", max_size=8))
def test_globs_mean_what_fnmatch_means(text, pattern):
    import fnmatch

    assert glob(text, pattern) == fnmatch.fnmatchcase(text, pattern)


def test_a_pattern_made_to_be_slow_is_not():
    assert not glob("a" * 2000, "*a" * 200 + "b")


def test_a_negated_pattern_alone_matches_nothing():
    assert not matches("web1", ["!web2"])


def test_hashing_is_salted():
    assert hash_name("web1") != hash_name("web1")
    assert PublicKey("ssh-ed25519", b"x") == PublicKey("ssh-ed25519", b"x")
