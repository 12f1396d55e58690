"""What a user has allowed, and what waits for an answer."""

from __future__ import annotations

import secrets
from collections.abc import Sequence
from datetime import UTC
from typing import Annotated, Literal

from pydantic import AfterValidator, AwareDatetime, BaseModel, ConfigDict, Field

Moment = Annotated[AwareDatetime, AfterValidator(lambda at: at.astimezone(UTC))]
Answer = Literal["granted", "denied"]


class Bound(BaseModel):
    """The one command, on one host, that an approval is for. Each field counts to the byte."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    host: str
    user: str
    """The account that the commands run as, before any sudo: `Transport.account`."""
    cwd: str
    command: str
    """The exact text, with any secret that is in it."""


class Approval(Bound):
    """Leave to run one command once."""

    id: str
    by: str
    """Who approved: "user ann"."""
    at: Moment
    expires_at: Moment
    used_at: Moment | None = None
    revoked_at: Moment | None = None
    incident: str | None = None


class Standing(BaseModel):
    """Leave to run a program with these leading arguments on one host: "always"."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    id: str
    host: str
    words: tuple[str, ...] = Field(min_length=1)
    """The program and the arguments that follow it: ("systemctl", "restart", "nginx")."""
    by: str
    at: Moment
    expires_at: Moment | None = None
    """None: until it is revoked."""
    revoked_at: Moment | None = None

    def covers(self, argv: Sequence[str]) -> bool:
        """Whether these words begin with those that were approved; each word has to be equal.

        `argv` is one simple command as the shell will run it, every word of it plain text. What
        its further arguments do is not looked at: that is what "always" means.
        """
        return tuple(argv[: len(self.words)]) == self.words


class Request(Bound):
    """A change that waits for an answer, which another process may give."""

    id: str
    asked_by: str
    """Who or what wants it: "rules", "model qwen3:32b"."""
    reason: str
    """Why it is a change and not read-only, and what it is for."""
    at: Moment
    expires_at: Moment
    """From then on nobody can answer it."""
    incident: str | None = None
    answer: Answer | None = None
    answered_by: str | None = None
    answered_at: Moment | None = None
    approval: str | None = None
    """The id of the approval, if it was granted."""


def new_id(prefix: Literal["ap", "st", "rq"]) -> str:
    """An id to type: ap-3f9c0a71d2."""
    return f"{prefix}-{secrets.token_hex(5)}"
