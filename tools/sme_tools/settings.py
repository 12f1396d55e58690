"""The settings: one model, and the one place that reads the environment.

A value comes from the environment (SME_TIMEOUT_S), else from `config.toml` in the configuration
folder, else from its default here.
"""

from __future__ import annotations

import difflib
import os
import tomllib
from pathlib import Path
from typing import Any, ClassVar

from pydantic import BaseModel, ConfigDict, Field, PrivateAttr, ValidationError, field_validator

from sme_tools.checks.finding import Severity
from sme_tools.errors import SettingsInvalid, StateError
from sme_tools.model_settings import Budget, ModelOptions, Telemetry
from sme_tools.private_files import close_to_others

ENVIRONMENT_PREFIX = "SME_"
FILE_NAME = "config.toml"


def _config_dir() -> Path:
    return _xdg("XDG_CONFIG_HOME", ".config")


def _state_dir() -> Path:
    return _xdg("XDG_STATE_HOME", ".local/state")


def _xdg(variable: str, fallback: str) -> Path:
    """A folder of the XDG Base Directory Specification, on every system."""
    base = os.environ.get(variable, "")
    # The specification has relative paths ignored.
    return (Path(base) if base.startswith("/") else Path.home() / fallback) / "sme"


class Settings(BaseModel):
    """What the user can set; `sme config show --origin` says where each value comes from."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    config_dir: Path = Field(default_factory=_config_dir)
    """Inventory, own checks and known issues, and config.toml; by environment only."""
    state_dir: Path = Field(default_factory=_state_dir)
    """Incidents, checkpoints, approvals, the evolution log and the audit log."""
    connect_timeout_s: float = Field(default=10.0, gt=0, le=600)
    """How long a connection to a host may take, logging in included."""
    timeout_s: float = Field(default=60.0, gt=0, le=3600)
    """How long one look at one host may take."""
    min_severity: Severity = "medium"
    """From which severity on a finding counts: for the exit code, and to be shown."""
    embedding_model: str | None = None
    """A sentence-transformers model, by folder or name, for the search of known issues; none:
    words alone (BM25)."""
    models: tuple[str, ...] = ("rules",)
    """Who reasons, in order: models as litellm names them, such as anthropic/claude-opus-4-5, or
    entries of `[model]`; `rules` are the rule reasoner, which goes on where no model answers."""
    summary_models: tuple[str, ...] = ()
    """Who summarises long conversations, the cheapest first; none: those of `models`."""
    model: dict[str, ModelOptions] = {}
    """How an entry of `models` is reached and used, by its name."""
    model_wait_s: float = Field(default=180.0, ge=0, le=7200)
    """How long the retries for one answer may wait, over all models together."""
    budget: Budget = Budget()
    """What models may cost."""
    anonymise: bool = False
    """Whether addresses, host and user names are replaced before a model sees them."""
    telemetry: Telemetry = Telemetry()
    """Logs and traces of model and tool calls."""

    _origins: dict[str, str] = PrivateAttr(default_factory=dict)

    @field_validator("models", "summary_models", mode="before")
    @classmethod
    def _from_one_variable(cls, value: object) -> object:
        return [name.strip() for name in value.split(",")] if isinstance(value, str) else value

    @field_validator("models")
    @classmethod
    def _rules_last(cls, models: tuple[str, ...]) -> tuple[str, ...]:
        if "rules" in models[:-1]:
            raise ValueError("what comes after rules would never be asked: put rules last")
        return models

    @field_validator("config_dir", "state_dir")
    @classmethod
    def _of_a_home(cls, folder: Path) -> Path:
        return folder.expanduser().absolute()

    BY_ENVIRONMENT_ONLY: ClassVar[frozenset[str]] = frozenset({"config_dir"})

    @classmethod
    def load(cls) -> Settings:
        """The settings in force.

        Raises:
            SettingsInvalid: a file or a variable holds what is not allowed; says where.
        """
        environment = {
            name: os.environ[variable]
            for name in cls.model_fields
            if os.environ.get(variable := ENVIRONMENT_PREFIX + name.upper())
        }
        folder = Path(environment.get("config_dir") or _config_dir()).expanduser()
        path = folder / FILE_NAME
        written = _read(path)
        origins = {name: f"{path}{_line(path, name)}" for name in written}
        origins |= {
            name: f"environment, {ENVIRONMENT_PREFIX}{name.upper()}" for name in environment
        }
        if misplaced := sorted(cls.BY_ENVIRONMENT_ONLY & set(written)):
            raise SettingsInvalid(
                f"{origins[misplaced[0]]}: {misplaced[0]} can't be set here",
                remedy=f"Set {ENVIRONMENT_PREFIX}{misplaced[0].upper()} instead.",
            )
        try:
            settings = cls.model_validate({**written, **environment})
        except ValidationError as error:
            raise _invalid(error, path, origins) from error
        settings._origins = origins
        return settings

    def origins(self) -> dict[str, str]:
        """Where each setting's value comes from."""
        return {name: self._origins.get(name, "default") for name in type(self).model_fields}

    @property
    def knowledge_dir(self) -> Path:
        """The user's own known issues."""
        return self.config_dir / "issues"


def state_folder(settings: Settings) -> Path:
    """The state folder, made (for the user alone) if it is not there yet, and closed to others.

    Raises:
        StateError: it can't be made, written to or closed.
    """
    folder = settings.state_dir
    try:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    except OSError as error:
        raise StateError(
            f"{folder}: can't be made: {error.strerror}",
            remedy="Free space or make its parent writable, or set SME_STATE_DIR to another.",
        ) from error
    if not os.access(folder, os.W_OK | os.X_OK):
        mine = folder.stat().st_uid == os.getuid()
        way = f"chmod u+wx {folder}, or set" if mine else "It is another user's. Set"
        raise StateError(
            f"{folder}: can't be written to", remedy=f"{way} SME_STATE_DIR to a folder of yours."
        )
    close_to_others(folder, whole=folder == _state_dir())
    return folder


def _read(path: Path) -> dict[str, Any]:
    try:
        return tomllib.loads(path.read_text("utf-8"))
    except FileNotFoundError:
        return {}
    except OSError as error:
        raise SettingsInvalid(f"{path}: can't be read: {error.strerror}") from error
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise SettingsInvalid(f"{path}: not valid TOML: {error}") from error


def _line(path: Path, name: str) -> str:
    for number, line in enumerate(path.read_text("utf-8").splitlines(), 1):
        if line.split("=")[0].strip().strip("\"'") == name:
            return f":{number}"
    return ""


def _invalid(error: ValidationError, path: Path, origins: dict[str, str]) -> SettingsInvalid:
    first = error.errors()[0]
    name = ".".join(map(str, first["loc"]))
    where = origins.get(str(first["loc"][0]), str(path))
    message = first["msg"].removeprefix("Value error, ")
    if first["type"] == "extra_forbidden":
        message = "there is no such setting"
        if len(first["loc"]) == 1:
            near = difflib.get_close_matches(name, Settings.model_fields, n=1)
            there_are = ", ".join(Settings.model_fields)
            message += f"; did you mean {near[0]}?" if near else f"; there are {there_are}"
    return SettingsInvalid(f"{where}: {name}: {message}", remedy="Change it there, or take it out.")
