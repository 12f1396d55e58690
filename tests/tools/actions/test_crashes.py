"""Killed at any write of its journal, a change is carried on, or back, by another process."""

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

import changing
from changing import Site, action, fill, tree_state, two_steps, wait_for
from sme_tools.actions.plan import Verify

WRITES = 20
"""As many as the change of two steps makes, which a test below holds."""
NEW = {"config": b"new", "data": b"two", "data.old": b"one", "extra": b"x\n"}


@pytest.fixture
def base(tmp_path) -> Path:
    site = Site(tmp_path)
    fill(site.tree)
    (tmp_path / "plan.json").write_text(site.plan(*two_steps(site.tree)).model_dump_json())
    return tmp_path


def process(base: Path, moment: str, crash_at: int = 0) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, changing.__file__, str(base), moment, str(crash_at)],
        env={**os.environ, "PYTHONPATH": str(Path(changing.__file__).parent)},
        capture_output=True,
        text=True,
        timeout=60,
    )


def contents(tree: Path) -> dict[str, object]:
    return {name: contents for name, (_, contents) in tree_state(tree).items()}


@pytest.mark.parametrize("moment", ["before", "after"])
@pytest.mark.parametrize("crash_at", range(1, WRITES + 1))
def test_a_change_killed_at_a_write_is_carried_on_or_back(base, moment, crash_at):
    before = tree_state(base / "tree")
    killed = process(base, moment, crash_at)
    assert killed.returncode == -signal.SIGKILL, killed.stderr
    way = "back" if crash_at % 2 else "never"
    resumed = process(base, way)
    assert resumed.returncode == 0, resumed.stderr
    site = Site(base)
    change = site.store.load("last")
    assert change.phase == "ended"
    assert list(site.locks.iterdir()) == []
    assert site.store.unfinished() == []
    assert site.store.kept(change.id, 0) == []
    after = tree_state(site.tree)
    match change.outcome.host_state:
        case "new":
            assert contents(site.tree) == NEW
            assert change.not_taken_back == [0, 1]
        case "former":
            assert after == before
            assert change.not_taken_back == []
        case state:
            assert state == "unchanged"
            assert after == before
    if way == "never":
        assert change.outcome.host_state == "new"


def test_the_crash_points_are_all_there_are(base):
    done = process(base, "before", WRITES + 1)
    assert (done.returncode, done.stdout) == (0, "fixed\n"), done.stderr


FIRST_UNDO_WRITE, LAST_UNDO_WRITE = 17, 27


@pytest.fixture
def failing(base) -> Path:
    """The second step does not come out as it should."""
    plan = (base / "plan.json").read_text()
    (base / "plan.json").write_text(plan.replace("grep -q two", "grep -q three"))
    return base


@pytest.mark.parametrize("crash_at", range(FIRST_UNDO_WRITE, LAST_UNDO_WRITE + 1))
def test_an_undo_killed_at_a_write_is_carried_on(failing, crash_at):
    """And it is killed again at the first write of the process that should carry it on."""
    before = tree_state(failing / "tree")
    assert process(failing, "before", crash_at).returncode == -signal.SIGKILL
    assert process(failing, "after", 1).returncode == -signal.SIGKILL
    assert process(failing, "never").stdout == "verification_failed_rolled_back\n"
    assert tree_state(failing / "tree") == before
    assert list((failing / "locks").iterdir()) == []


def test_the_crash_points_of_the_undo_are_all_there_are(failing):
    done = process(failing, "before", LAST_UNDO_WRITE + 1)
    assert done.stdout == "verification_failed_rolled_back\n", done.stderr


@pytest.mark.parametrize(
    ("way", "outcome"), [("never", "fixed\n"), ("back", "verification_failed_rolled_back\n")]
)
def test_killed_while_the_command_runs(base, way, outcome):
    """The command goes on without us: it is waited for, or ended, and never begun twice."""
    site = Site(base)
    before = site.state()
    step = action(
        f"echo once >>{site.tree}/begun; while [ ! -e {base}/go ]; do sleep 0.05; done;"
        f" echo end >>{site.tree}/begun",
        undo=f"rm -f {site.tree}/begun",
        verify=Verify(run=f"grep -q end {site.tree}/begun"),
    )
    (base / "plan.json").write_text(site.plan(step).model_dump_json())
    with subprocess.Popen(
        [sys.executable, changing.__file__, str(base), "never", "0"],
        env={**os.environ, "PYTHONPATH": str(Path(changing.__file__).parent)},
    ) as running:
        try:
            wait_for(lambda: (site.tree / "begun").exists() or running.poll() is not None)
        finally:
            running.kill()
    if way == "never":
        (base / "go").touch()
    assert process(base, way).stdout == outcome
    change = site.store.load("last")
    if way == "back":
        assert change.actions[0].run.how == "stopped"
        assert site.state() == before
    else:
        assert (site.tree / "begun").read_text() == "once\nend\n"
