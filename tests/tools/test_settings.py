"""Settings come from the environment, else from config.toml, else from their defaults."""

import os
import stat
from pathlib import Path

import pytest

from sme_tools.errors import SettingsInvalid, StateError
from sme_tools.settings import Settings, state_folder


@pytest.fixture
def config(own_folders: Path):
    """Write the user's config.toml."""
    path = own_folders / ".config/sme/config.toml"

    def write(text: str) -> Path:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
        return path

    return write


def invalid() -> str:
    with pytest.raises(SettingsInvalid) as error:
        Settings.load()
    return error.value.message


def test_user_who_never_set_anything_gets_the_defaults(own_folders):
    settings = Settings.load()
    assert settings.config_dir == own_folders / ".config/sme"
    assert settings.state_dir == own_folders / ".local/state/sme"
    assert settings.min_severity == "medium"
    assert set(settings.origins().values()) == {"default"}
    assert list(own_folders.iterdir()) == []


def test_folders_fall_back_to_the_home_without_xdg(own_folders, monkeypatch):
    monkeypatch.delenv("XDG_CONFIG_HOME")
    monkeypatch.setenv("XDG_STATE_HOME", "relative/is/ignored")
    settings = Settings.load()
    assert settings.config_dir == own_folders / ".config/sme"
    assert settings.state_dir == own_folders / ".local/state/sme"


def test_file_is_overruled_by_the_environment_and_both_are_named(config, monkeypatch):
    path = config('# mine\ntimeout_s = 90\nmin_severity = "low"\n')
    monkeypatch.setenv("SME_TIMEOUT_S", "120")
    settings = Settings.load()
    assert (settings.timeout_s, settings.min_severity) == (120, "low")
    origins = settings.origins()
    assert origins["timeout_s"] == "environment, SME_TIMEOUT_S"
    assert origins["min_severity"] == f"{path}:3"
    assert origins["connect_timeout_s"] == "default"


def test_config_folder_can_be_elsewhere(tmp_path, monkeypatch):
    monkeypatch.setenv("SME_CONFIG_DIR", str(tmp_path))
    (tmp_path / "config.toml").write_text("connect_timeout_s = 3\n")
    settings = Settings.load()
    assert settings.connect_timeout_s == 3
    assert settings.knowledge_dir == tmp_path / "issues"


def test_empty_variable_counts_as_not_set(monkeypatch):
    monkeypatch.setenv("SME_TIMEOUT_S", "")
    assert Settings.load().timeout_s == 60


def test_home_is_meant_by_a_tilde(config, own_folders):
    config('state_dir = "~/elsewhere"\n')
    assert Settings.load().state_dir == own_folders / "elsewhere"


def test_wrong_value_names_file_line_field_and_what_is_allowed(config):
    path = config('\nmin_severity = "urgent"\n')
    message = invalid()
    assert message.startswith(f"{path}:2: min_severity: ")
    assert "'critical', 'high', 'medium', 'low' or 'info'" in message


def test_wrong_variable_is_named(monkeypatch):
    monkeypatch.setenv("SME_CONNECT_TIMEOUT_S", "soon")
    assert invalid().startswith("environment, SME_CONNECT_TIMEOUT_S: connect_timeout_s: ")


def test_limit_is_named(config):
    config("timeout_s = 0\n")
    assert "greater than 0" in invalid()


def test_unknown_setting_names_those_that_exist(config):
    path = config("timeout = 5\n")
    message = invalid()
    assert message.startswith(f"{path}:1: timeout: there is no such setting")
    assert "timeout_s" in message


def test_config_folder_can_not_be_set_in_the_file_it_holds(config):
    path = config('config_dir = "/etc/sme"\n')
    with pytest.raises(SettingsInvalid, match=f"{path}:1") as error:
        Settings.load()
    assert error.value.remedy == "Set SME_CONFIG_DIR instead."


def test_broken_file_names_the_line(config):
    path = config("timeout_s = 5\nmin_severity = low\n")
    message = invalid()
    assert message.startswith(f"{path}: not valid TOML") and "line 2" in message


def test_file_that_is_no_text_is_refused(config):
    config("").write_bytes(b"\xff\xfe\x00")
    assert "not valid TOML" in invalid()


def test_state_folder_is_made_on_first_use_for_the_user_alone(own_folders):
    settings = Settings.load()
    assert not settings.state_dir.exists()
    assert state_folder(settings) == settings.state_dir
    assert stat.S_IMODE(settings.state_dir.stat().st_mode) == 0o700
    assert state_folder(settings) == settings.state_dir


def test_state_folder_that_can_not_be_made_says_what_to_do(tmp_path, monkeypatch):
    (tmp_path / "file").write_text("")
    monkeypatch.setenv("SME_STATE_DIR", str(tmp_path / "file/state"))
    with pytest.raises(StateError, match="can't be made: Not a directory") as error:
        state_folder(Settings.load())
    assert "SME_STATE_DIR" in error.value.remedy


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write everywhere")
def test_read_only_home_says_what_to_do(own_folders):
    own_folders.chmod(0o500)
    with pytest.raises(StateError, match="Permission denied") as error:
        state_folder(Settings.load())
    assert "SME_STATE_DIR" in error.value.remedy


@pytest.mark.parametrize("name", Settings.model_fields)
def test_every_setting_says_what_it_is(name):
    source = Path(Settings.load.__code__.co_filename).read_text()
    declaration = source.index(f"\n    {name}: ")
    following = source[source.index("\n", declaration + 1) :].lstrip()
    assert following.startswith('"""')
