"""Files come back exactly: every byte, mode, owner, or absence."""

import os
import stat
import subprocess

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from changing import APPROVAL, tree_state
from sme_tools.actions import kept_files
from sme_tools.actions.kept_files import MAX_FILE_BYTES, PIECE_BYTES, checksum, mode_of
from sme_tools.actions.ports import Errand
from sme_tools.errors import CannotKeep
from sme_tools.safety.redaction import Redactor
from sshd import needs_root


def keep(site, path):
    return kept_files.keep(
        str(path), name="keep", approval=APPROVAL, hands=site.hands, clock=site.clock
    )


def restore(site, *files):
    place = site.tree.parent / "place"
    place.mkdir(exist_ok=True)
    return kept_files.restore(
        files, str(place), name="restore", approval=APPROVAL, hands=site.hands, clock=site.clock
    )


def test_every_byte_comes_back_in_every_shell(each_shell):
    site = each_shell
    path = site.tree / "all"
    contents = bytes(range(256)) * (2 * PIECE_BYTES // 256) + b"\\%s'\n0\0"
    path.write_bytes(contents)
    path.chmod(0o4751)
    before = site.state()
    kept = keep(site, path)
    assert kept.contents == contents
    path.unlink()
    assert restore(site, kept) == []
    assert site.state() == before


@given(contents=st.binary(max_size=600), mode=st.integers(0, 0o7777))
@settings(
    max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
def test_whatever_it_held_it_comes_back(site, contents, mode):
    path = site.tree / "any"
    path.unlink(missing_ok=True)
    path.write_bytes(contents)
    path.chmod(mode if os.getuid() == 0 else mode | 0o400)
    before = site.state()
    kept = keep(site, path)
    path.unlink()
    path.write_text("other")
    assert restore(site, kept) == []
    assert site.state() == before
    assert restore(site, kept) == []  # a second time does no harm
    assert site.state() == before


def test_the_largest_comes_back_and_a_larger_one_is_not_kept(site):
    path = site.tree / "large"
    contents = os.urandom(MAX_FILE_BYTES)
    path.write_bytes(contents)
    kept = keep(site, path)
    path.write_bytes(b"")
    assert restore(site, kept) == []
    assert path.read_bytes() == contents
    path.write_bytes(contents + b"x")
    with pytest.raises(CannotKeep, match="131073 bytes, the most is 131072"):
        keep(site, path)


def test_what_was_not_there_is_removed_and_what_replaced_it_is_replaced(site):
    kept = [keep(site, site.tree / name) for name in ("config", "absent")]
    before = site.state()
    (site.tree / "config").unlink()
    (site.tree / "config").symlink_to("data")
    (site.tree / "absent").write_text("now here")
    assert restore(site, *kept) == []
    assert site.state() == before


def test_a_folder_in_its_place_is_said_and_the_others_are_restored(site):
    kept = [keep(site, site.tree / name) for name in ("config", "data")]
    (site.tree / "config").unlink()
    (site.tree / "config").mkdir()
    (site.tree / "data").unlink()
    (failed,) = restore(site, *kept)
    assert "config was not restored" in failed
    assert "it is a folder now" in failed
    assert (site.tree / "data").read_text() == "one"


@needs_root
def test_the_owner_comes_back(site):
    path = site.tree / "config"
    os.chown(path, 1234, 2345)
    before = site.state()
    kept = keep(site, path)
    os.chown(path, 0, 0)
    assert restore(site, kept) == []
    assert site.state() == before


def test_what_could_not_be_put_back_exactly_is_not_kept(site):
    (site.tree / "link").symlink_to("config")
    (site.tree / "twin").hardlink_to(site.tree / "data")
    os.mkfifo(site.tree / "pipe")
    for name, why in {
        "link": "a symbolic link",
        "twin": "2 names",
        "pipe": "no plain file",
        ".": "a folder",
    }.items():
        with pytest.raises(CannotKeep, match=why):
            keep(site, site.tree / name)


class RedactingHands:
    """Redacts what the host says, as a guarded transport does, and worse."""

    def __init__(self, site, worse=False):
        self._hands = site.hands
        self._worse = worse
        self.errands: list[Errand] = []
        self.seen: list[str] = []

    def run(self, errand):
        self.errands.append(errand)
        evidence = Redactor().evidence(self._hands.run(errand))
        self.seen.append(evidence.model_dump_json())
        if self._worse:
            return evidence.model_copy(update={"stdout": evidence.stdout.replace(" 61", " 62")})
        return evidence


SECRETS = b"""password = hunter2-aaaa-bbbb
AWS_SECRET_ACCESS_KEY=wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY
-----BEGIN OPENSSH PRIVATE KEY-----
b3BlbnNzaC1rZXktdjEAAAAABG5vbmUAAAAEbm9uZQAAAAAAAAABAAAAMwAAAAtzc2gtZW
-----END OPENSSH PRIVATE KEY-----
"""


def test_secrets_survive_the_redaction_and_are_not_recorded(site):
    path = site.tree / "config"
    path.write_bytes(SECRETS)
    hands = site.hands = RedactingHands(site)
    kept = keep(site, path)
    assert kept.contents == SECRETS
    path.write_bytes(b"")
    hands.seen.clear()
    assert restore(site, kept) == []
    assert path.read_bytes() == SECRETS
    assert "hunter2" in "".join(errand.command for errand in hands.errands).replace("\\0055", "-")
    assert "hunter2" not in "".join(hands.seen)
    assert "hunter2" not in repr(kept)


def test_a_copy_that_was_altered_on_its_way_is_refused(site):
    (site.tree / "config").write_bytes(SECRETS)
    site.hands = RedactingHands(site, worse=True)
    with pytest.raises(CannotKeep, match="not whole"):
        keep(site, site.tree / "config")


@given(st.binary(max_size=300))
def test_the_checksum_is_that_of_cksum(data):
    ran = subprocess.run(["cksum"], input=data, capture_output=True, check=True)
    assert ran.stdout.decode().split() == checksum(data).split()


@given(st.integers(0, 0o7777))
def test_the_mode_is_what_ls_writes(mode):
    assert mode_of(stat.filemode(stat.S_IFREG | mode)) == mode


def test_nothing_is_left_beside_the_file(site):
    kept = keep(site, site.tree / "config")
    (site.tree / "config").write_text("new")
    restore(site, kept)
    assert sorted(tree_state(site.tree)) == ["config", "data"]
