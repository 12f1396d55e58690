"""`sme snapshot`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from sme_cli import completion
from sme_cli.options import Json


def snapshot(
    host: Annotated[
        str, typer.Argument(help="A host of the inventory.", autocompletion=completion.hosts)
    ] = "localhost",
    output: Annotated[
        Path | None,
        typer.Option("--output", "-o", help="The file to write.", show_default="HOST-TIME.smesnap"),
    ] = None,
    as_json: Json = False,
) -> None:
    """Record a host to a file that can be diagnosed anywhere.

    Every probe's output goes into it; secrets are left out.
    """
    import shlex
    from datetime import datetime

    from sme_cli import session
    from sme_cli.render.out import note, print_json, print_text
    from sme_tools.hosts.purpose import Purpose, this_user
    from sme_tools.hosts.snapshot import write_snapshot
    from sme_tools.observe import observe
    from sme_tools.probes.registry import probes

    target = session.inventory().resolve(host)
    moment = datetime.now().strftime("%Y%m%d-%H%M%S")
    path = output or Path(f"{target.name.replace('/', '_')}-{moment}.smesnap")
    _must_take_files(path.parent)
    limit = session.settings().timeout_s
    purpose = Purpose.of_probes(this_user(), "snapshot")
    with session.open_transport(target, session.guard()) as transport:
        found = observe(
            target, transport, list(probes().values()), timeout_s=limit, purpose=purpose
        )
    write_snapshot(path, target.name, found.evidence)
    unread = len(found.facts.unknown())
    if as_json:
        count = len(found.evidence)
        print_json({"file": str(path), "host": target.name, "outputs": count, "unreadable": unread})
    else:
        print_text(f"{path}: {len(found.evidence)} outputs of {target.name}, {unread} unreadable")
    note(f"Diagnose it anywhere: sme diagnose {shlex.quote(str(path))}")
    if found.lost is not None:
        raise found.lost


def _must_take_files(folder: Path) -> None:
    """Better now than when the host has answered."""
    import os

    from sme_tools.errors import UsageError

    if not folder.is_dir() or not os.access(folder, os.W_OK):
        problem = "can't be written to" if folder.is_dir() else "there is no such folder"
        raise UsageError(
            f"{folder}: {problem}", remedy="Choose another place: sme snapshot HOST -o FILE"
        )
