"""One process at a time works on an incident, and one that was killed holds nobody up."""

import os
import signal
import subprocess
import sys

import pytest

from sme_memory.incident_lock import alone_with
from sme_tools.errors import StateError, UsageError

HOLD = """
import sys
from pathlib import Path
from sme_memory.incident_lock import alone_with
with alone_with("i1", Path(sys.argv[1])):
    print("held", flush=True)
    sys.stdin.read()
"""


@pytest.fixture
def holder(tmp_path):
    """Another process that works on incident i1."""
    process = subprocess.Popen(
        [sys.executable, "-c", HOLD, str(tmp_path)],
        env=os.environ | {"PYTHONPATH": os.pathsep.join(sys.path)},
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    assert process.stdout.readline() == "held\n"
    yield process
    process.kill()
    process.communicate()


def test_another_process_is_kept_away_and_named(tmp_path, holder):
    by_name = rf"works on incident i1 \(pid {holder.pid}\)"
    with pytest.raises(UsageError, match=by_name), alone_with("i1", tmp_path):
        pass
    with alone_with("i2", tmp_path):
        pass


def test_so_is_another_in_the_same_process(tmp_path):
    with (
        alone_with("i1", tmp_path),
        pytest.raises(UsageError, match=f"pid {os.getpid()}"),
        alone_with("i1", tmp_path),
    ):
        pass


def test_what_a_killed_process_leaves_holds_nobody_up(tmp_path, holder):
    holder.send_signal(signal.SIGKILL)
    holder.wait()
    assert (tmp_path / "i1.lock").exists()
    with alone_with("i1", tmp_path):
        pass
    assert not (tmp_path / "i1.lock").exists()


def test_a_link_in_its_place_is_not_followed(tmp_path):
    (tmp_path / "precious").write_text("kept")
    (tmp_path / "i1.lock").symlink_to(tmp_path / "precious")
    with pytest.raises(StateError, match=r"i1\.lock"), alone_with("i1", tmp_path):
        pass
    assert (tmp_path / "precious").read_text() == "kept"


def test_a_folder_that_is_not_there_is_said(tmp_path):
    with pytest.raises(StateError, match="No such file"), alone_with("i1", tmp_path / "gone"):
        pass
