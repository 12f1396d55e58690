"""What is to be done on one host, in order, and how it is seen that it worked."""

from __future__ import annotations

from typing import Annotated, Self

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, model_validator

DEFAULT_TIMEOUT_S = 120
DEFAULT_HOLD_S = 60
MAX_TIMEOUT_S = 3600
MAX_HOLD_S = 3600

Command = Annotated[str, Field(min_length=1, max_length=8000)]
"""Shell text for the host's /bin/sh."""


def plain_path(value: str) -> str:
    """The full path of a file as it is, or ValueError, as pydantic expects."""
    if not value.startswith("/") or value.endswith("/") or set(value) & set("\n\0"):
        raise ValueError(f"must be the full path of a file, such as /etc/fstab, not {value[:60]!r}")
    if any(part in ("", ".", "..") for part in value[1:].split("/")):
        raise ValueError(f"must be written without //, . and .., not {value[:60]!r}")
    return value


FilePath = Annotated[str, Field(max_length=1000), AfterValidator(plain_path)]
"""The full path of a file on the host."""
TimeoutS = Annotated[int, Field(ge=1, le=MAX_TIMEOUT_S)]
HoldS = Annotated[int, Field(ge=0, le=MAX_HOLD_S)]


class _Part(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class Verify(_Part):
    """What shows that an action worked. Exactly one of `when` and `run` is set."""

    when: str | None = None
    """A CEL condition over facts observed anew."""
    run: Command | None = None
    exit_codes: tuple[Annotated[int, Field(ge=0, le=255)], ...] = Field(default=(0,), min_length=1)
    """The exit codes of `run` that mean success."""

    @model_validator(mode="after")
    def _one_of_them(self) -> Self:
        if (self.when is None) == (self.run is None):
            raise ValueError("must have either `when`, a condition over facts, or `run`, a command")
        return self


class Action(_Part):
    """One step of a plan."""

    title: str
    run: Command
    undo: Command | None = None
    """What takes the step back, once the `keep_files` were restored. It must do no harm when it
    runs twice, or when `run` had not begun: after a crash nobody knows how far either came."""
    verify: Verify
    pre_state: tuple[Command, ...] = ()
    """Read-only commands whose output is kept, and compared with theirs after an undo."""
    keep_files: tuple[FilePath, ...] = ()
    """Files that are kept as they are, or their absence, before `run`."""
    timeout_s: TimeoutS = DEFAULT_TIMEOUT_S
    """For `run`, and again for `undo`."""
    hold_s: HoldS = DEFAULT_HOLD_S
    """How long the verification must stay true."""

    @property
    def can_be_undone(self) -> bool:
        """Whether anything is known that takes it back."""
        return self.undo is not None or bool(self.keep_files)


class MustClear(_Part):
    """A finding that must be gone after the last action."""

    fingerprint: str
    check: str
    """The check that found it: a check that can't be judged is no proof that all is well."""


class Plan(_Part):
    """What is to be done on one host."""

    host: str
    issue: str | None = None
    """The known issue whose resolution this is."""
    must_clear: tuple[MustClear, ...] = ()
    actions: tuple[Action, ...] = Field(min_length=1)
