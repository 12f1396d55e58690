"""What is kept on this machine is for its owner alone, and a crash shows no secret."""

import os
import stat
import subprocess
import sys
from pathlib import Path

import pytest

from sme_tools.settings import Settings, state_folder


@pytest.fixture
def wide_open():
    """A process whose new files everybody may read and write, unless it sees to it."""
    before = os.umask(0)
    yield
    os.umask(before)


@pytest.fixture
def state(own_folders):
    return own_folders / ".local/state/sme"


def modes(folder: Path) -> dict[str, int]:
    found = {path.name: stat.S_IMODE(path.lstat().st_mode) for path in folder.rglob("*")}
    return found | {".": stat.S_IMODE(folder.stat().st_mode)}


def wrong(folder: Path) -> dict[str, str]:
    return {
        name: f"{mode:o}"
        for name, mode in modes(folder).items()
        if mode != (0o700 if name == "." or (folder / name).is_dir() else 0o600)
    }


def test_diagnosis_leaves_nothing_that_others_can_read(wide_open, start_sme, full_host, state):
    assert start_sme("diagnose", full_host).wait().code == 1
    assert {"incidents.db", "checkpoints.db", "evolution.jsonl"} <= set(modes(state))
    assert wrong(state) == {}


def test_state_that_was_open_to_others_is_closed(wide_open, start_sme, full_host, state):
    start_sme("diagnose", full_host).wait()
    for path in (state, *state.iterdir()):
        path.chmod(0o777 if path.is_dir() else 0o666)
    assert start_sme("diagnose", full_host).wait().code == 1
    assert wrong(state) == {}


def test_chosen_folder_keeps_its_rights_and_what_is_not_ours(monkeypatch, tmp_path):
    chosen = tmp_path / "chosen"
    chosen.mkdir()
    for name in ("incidents.db", "page.html"):
        (chosen / name).touch()
        (chosen / name).chmod(0o644)
    chosen.chmod(0o755)
    monkeypatch.setenv("SME_STATE_DIR", str(chosen))
    state_folder(Settings.load())
    assert modes(chosen) == {".": 0o755, "incidents.db": 0o600, "page.html": 0o644}


def test_chosen_folder_that_everybody_can_write_to_is_refused_with_the_fix(sme, monkeypatch):
    chosen = Path.home() / "chosen"
    chosen.mkdir()
    chosen.chmod(0o777)
    monkeypatch.setenv("SME_STATE_DIR", str(chosen))
    answer = sme("incidents", "list")
    assert answer.code == 4
    assert f"chmod o-w {chosen}" in answer.err


def test_link_among_the_state_is_not_followed(state, tmp_path):
    elsewhere = tmp_path / "elsewhere"
    elsewhere.touch()
    elsewhere.chmod(0o644)
    state.mkdir(parents=True)
    (state / "other.db").symlink_to(elsewhere)
    state_folder(Settings.load())
    assert stat.S_IMODE(elsewhere.stat().st_mode) == 0o644


def run(code: str) -> subprocess.CompletedProcess[str]:
    environment = os.environ | {"PYTHONPATH": os.pathsep.join(sys.path)}
    return subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, env=environment
    )


def test_process_leaves_no_core_dump():
    ran = run(
        "import resource, sys\n"
        "from sme_cli.root import app\n"
        "@app.command()\n"
        "def look(): print(resource.getrlimit(resource.RLIMIT_CORE)[0])\n"
        "sys.argv = ['sme', 'look']\n"
        "from sme_cli.app import main\n"
        "main()"
    )
    assert (ran.stdout, ran.stderr) == ("0\n", "")


def test_fault_of_our_own_shows_no_values_of_variables():
    ran = run(
        "import sys\n"
        "from sme_cli.root import app\n"
        "@app.command()\n"
        "def break_down():\n"
        "    passphrase = 'open' + 'sesame'\n"
        "    raise RuntimeError('it broke')\n"
        "sys.argv = ['sme', 'break-down']\n"
        "from sme_cli.app import main\n"
        "main()"
    )
    assert ran.returncode == 4
    assert "a fault of its own: RuntimeError: it broke" in ran.stderr
    assert "opensesame" not in ran.stdout + ran.stderr


def test_settings_that_hold_a_value_nobody_asked_for_do_not_repeat_it(sme, own_folders):
    folder = own_folders / ".config/sme"
    folder.mkdir(parents=True)
    (folder / "config.toml").write_text('api_key = "hunter22"\n')
    answer = sme("config", "show", "--origin")
    assert answer.code == 2
    assert "hunter22" not in answer.out + answer.err


def test_inventory_shows_where_a_passphrase_is_and_never_what_it_is(sme, own_folders, monkeypatch):
    folder = own_folders / ".config/sme"
    folder.mkdir(parents=True)
    (folder / "hosts.yaml").write_text("hosts: {web1: {passphrase: 'env:WEB1_KEY'}}\n")
    monkeypatch.setenv("WEB1_KEY", "hunter22")
    for command in (("hosts", "list"), ("hosts", "list", "--json"), ("config", "show", "--json")):
        answer = sme(*command)
        assert answer.code == 0
        assert "hunter22" not in answer.out + answer.err
