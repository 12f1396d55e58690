"""Our own secrets: settings and inventory say where one is, never what it is.

    env:NAME                  an environment variable
    keyring:SERVICE/USER      the system's keyring, with the extra [keyring]
    command:pass show nas     a program's first line of output; no shell reads the line
    file:~/.config/sme/key    a file's first line; refused if others can read or replace it

The value is fetched where it is needed, comes as a SecretStr, and is kept no longer than the
connection that needs it.
"""

from __future__ import annotations

import os
import shlex
import stat
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pydantic import GetCoreSchemaHandler, SecretStr
from pydantic_core import core_schema

from sme_tools.errors import SecretUnavailable

COMMAND_TIMEOUT_S = 60.0
"""A password manager may wait for a finger on a key."""
MAX_BYTES = 64 * 1024
_FORMS = "env:NAME, keyring:SERVICE/USER, command:PROGRAM ARGUMENTS or file:PATH"


@dataclass(frozen=True)
class SecretSource:
    """Where a secret is, as settings and inventory write it."""

    scheme: str
    place: str

    @classmethod
    def parse(cls, text: str) -> SecretSource:
        """Read `scheme:place`.

        Raises:
            ValueError: it has no scheme that is known. The text is not in the message: it may be
                the secret itself.
        """
        scheme, colon, place = text.strip().partition(":")
        if not colon or scheme not in _FETCH:
            raise ValueError(
                "a secret is not written here: say where it is, as " + _FORMS + ". "
                "Move it there, and change it if others could read this file"
            )
        if not place.strip() or (scheme == "keyring" and "/" not in place):
            raise ValueError(f"{scheme}: names no place; a secret is given as {_FORMS}")
        return cls(scheme, place.strip())

    def get(self) -> SecretStr:
        """Fetch the secret.

        Raises:
            SecretUnavailable: it is not there, is empty, or others could read it.
        """
        value = _FETCH[self.scheme](self.place)
        if not value:
            raise SecretUnavailable(f"{self}: there is nothing in it")
        return SecretStr(value)

    def __str__(self) -> str:
        return f"{self.scheme}:{self.place}"

    @classmethod
    def __get_pydantic_core_schema__(
        cls, source: type[Any], handler: GetCoreSchemaHandler
    ) -> core_schema.CoreSchema:
        """As a field: written and read as text."""
        return core_schema.no_info_plain_validator_function(
            cls._read, serialization=core_schema.to_string_ser_schema()
        )

    @classmethod
    def _read(cls, value: object) -> SecretSource:
        # Anything else, a number say, is a literal too.
        return value if isinstance(value, SecretSource) else cls.parse(str(value))


def _from_environment(name: str) -> str:
    try:
        return os.environ[name]
    except KeyError:
        raise SecretUnavailable(
            f"env:{name}: there is no such variable", remedy=f"Set it: export {name}=…"
        ) from None


def _from_keyring(place: str) -> str:
    service, _, user = place.rpartition("/")
    try:
        import keyring
        from keyring.errors import KeyringError
    except ModuleNotFoundError:
        raise SecretUnavailable(
            f"keyring:{place}: the package keyring is not installed",
            remedy="Install it: pip install 'debug-sme[keyring]'",
        ) from None
    way = f"Put it there: keyring set {shlex.quote(service)} {shlex.quote(user)}"
    try:
        value: str | None = keyring.get_password(service, user)
    except KeyringError as error:
        raise SecretUnavailable(
            f"keyring:{place}: the keyring gives no answer ({type(error).__name__})",
            remedy="Unlock it, or see which one is used: keyring diagnose",
        ) from None
    if value is None:
        raise SecretUnavailable(f"keyring:{place}: there is no such entry", remedy=way)
    return value


def _from_command(line: str) -> str:
    """The first line that a program prints. Nothing of its output goes into a message."""
    import subprocess

    try:
        argv = shlex.split(line)
        ran = subprocess.run(
            argv,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            timeout=COMMAND_TIMEOUT_S,
            check=False,
        )
    except ValueError as error:
        raise SecretUnavailable(f"command:{line}: can't be read as a command: {error}") from None
    except OSError as error:
        raise SecretUnavailable(f"command:{line}: can't be run: {error.strerror}") from None
    except subprocess.TimeoutExpired:
        raise SecretUnavailable(
            f"command:{line}: no answer within {COMMAND_TIMEOUT_S:g} s",
            remedy="Run it by hand: it may wait for an answer that nobody can give here.",
        ) from None
    if ran.returncode != 0:
        raise SecretUnavailable(
            f"command:{line}: ended with exit code {ran.returncode}",
            remedy=f"See why: {line}",
        )
    return _first_line(ran.stdout)


def _from_file(place: str) -> str:
    path = Path(place).expanduser().absolute()
    try:
        real = path.resolve(strict=True)
        for folder in dict.fromkeys((*path.parents, *real.parents)):
            _refuse_replaceable(path, folder)
        descriptor = os.open(real, os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC | os.O_NONBLOCK)
        with os.fdopen(descriptor, "rb") as file:
            _refuse_readable(path, os.fstat(descriptor))
            return _first_line(file.read(MAX_BYTES))
    except OSError as error:
        raise SecretUnavailable(f"file:{place}: can't be read: {error.strerror}") from None


def _refuse_readable(path: Path, status: os.stat_result) -> None:
    if not stat.S_ISREG(status.st_mode):
        raise SecretUnavailable(f"file:{path}: is no file")
    if status.st_uid not in (os.getuid(), 0):
        raise SecretUnavailable(
            f"file:{path}: belongs to another user", remedy="Copy it to a file of your own."
        )
    if status.st_mode & 0o077:
        raise SecretUnavailable(
            f"file:{path}: others can read it (mode {stat.S_IMODE(status.st_mode):04o})",
            remedy=f"Close it: chmod 600 {shlex.quote(str(path))} – and change the secret if "
            "somebody may have seen it.",
        )


def _refuse_replaceable(path: Path, folder: Path) -> None:
    """Whoever can write to a folder can put another file in place of one in it.

    The sticky bit, as on /tmp, forbids just that.
    """
    status = folder.stat()
    if status.st_mode & stat.S_IWOTH and not status.st_mode & stat.S_ISVTX:
        raise SecretUnavailable(
            f"file:{path}: others can replace it: they can write to {folder}",
            remedy=f"Close the folder: chmod o-w {shlex.quote(str(folder))}",
        )


def _first_line(data: bytes) -> str:
    return data.decode("utf-8", "surrogateescape").split("\n", 1)[0].rstrip("\r")


_FETCH: dict[str, Callable[[str], str]] = {
    "env": _from_environment,
    "keyring": _from_keyring,
    "command": _from_command,
    "file": _from_file,
}
