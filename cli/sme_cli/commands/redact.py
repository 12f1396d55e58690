"""`sme redact`: text without its secrets."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from sme_tools.safety.anonymise import Anonymiser
    from sme_tools.safety.redaction import Redactor

READ_BYTES = 1024 * 1024


def redact(
    files: Annotated[
        list[Path] | None,
        typer.Argument(help="Files to read; standard input if there are none.", show_default=False),
    ] = None,
    anonymise: Annotated[
        bool,
        typer.Option(
            "--anonymise",
            help="Replace addresses, host names and mail addresses too, the same by the same.",
        ),
    ] = False,
    host: Annotated[
        list[str] | None,
        typer.Option(
            "--host", help="With --anonymise: a host name to replace, besides the inventory's."
        ),
    ] = None,
    user: Annotated[
        list[str] | None,
        typer.Option(
            "--user", help="With --anonymise: a user name to replace, besides the inventory's."
        ),
    ] = None,
) -> None:
    """Print files or standard input without their secrets.

    One secret has one placeholder throughout: <secret:password:1>.

    Lines come out as they come in, so it can stand behind tail -f; logs of any length will do.
    """
    from sme_tools.errors import UsageError
    from sme_tools.safety.redaction import Redactor

    if (host or user) and not anonymise:
        raise UsageError("--host and --user go with --anonymise")
    redactor = Redactor()
    hide = _anonymiser(host or [], user or []).hide if anonymise else None
    if not files:
        _copy(0, redactor, hide)
    for file in files or []:
        try:
            source = file.open("rb", buffering=0)
        except OSError as error:
            raise UsageError(f"{file}: can't be read: {error.strerror}") from error
        with source:
            _copy(source.fileno(), redactor, hide)


def _anonymiser(hosts: list[str], users: list[str]) -> Anonymiser:
    from sme_cli import session
    from sme_tools.safety.anonymise import Anonymiser

    known = session.inventory().hosts()
    names = [name for host in known for name in (host.name, host.address) if name]
    logins = [host.user for host in known if host.user]
    return Anonymiser(hosts=[*names, *hosts], users=[*logins, *users])


def _copy(source: int, redactor: Redactor, hide: Callable[[str], str] | None) -> None:
    import sys

    from sme_tools.safety.secret_stream import StreamRedactor

    stream = StreamRedactor(redactor)
    out = sys.stdout.buffer
    for piece in _pieces(source):
        _write(out.write, stream.feed(piece), hide)
        out.flush()
    _write(out.write, stream.flush(), hide)
    out.flush()


def _write(write: Callable[[bytes], object], text: str, hide: Callable[[str], str] | None) -> None:
    write((hide(text) if hide else text).encode("utf-8", "surrogateescape"))


def _pieces(source: int) -> Iterator[str]:
    """What can be read without waiting, up to READ_BYTES; bytes that are no UTF-8 stay."""
    import codecs
    import os
    import select

    decoder = codecs.getincrementaldecoder("utf-8")("surrogateescape")
    ended = False
    while not ended:
        chunks: list[bytes] = []
        size = 0
        while size < READ_BYTES and not ended:
            if chunks and not select.select([source], [], [], 0)[0]:
                break
            chunk = os.read(source, READ_BYTES - size)
            ended = not chunk
            chunks.append(chunk)
            size += len(chunk)
        yield decoder.decode(b"".join(chunks), final=ended)
