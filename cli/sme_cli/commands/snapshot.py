"""`sme snapshot`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from sme_cli import completion


def snapshot(
    host: Annotated[
        str, typer.Argument(help="A host of the inventory.", autocompletion=completion.hosts)
    ] = "localhost",
    output: Annotated[
        Path | None,
        typer.Option("--output", "-o", help="The file to write.", show_default="HOST-TIME.smesnap"),
    ] = None,
) -> None:
    """Record a host to a file that can be diagnosed anywhere; secrets are left out."""
    from datetime import datetime

    from sme_cli import session
    from sme_tools.hosts.snapshot import write_snapshot
    from sme_tools.observe import observe
    from sme_tools.probes.registry import probes

    target = session.inventory().resolve(host)
    moment = datetime.now().strftime("%Y%m%d-%H%M%S")
    path = output or Path(f"{target.name.replace('/', '_')}-{moment}.smesnap")
    with session.open_transport(target) as transport:
        found = observe(
            target, transport, list(probes().values()), timeout_s=session.settings().timeout_s
        )
    write_snapshot(path, target.name, found.evidence)
    unread = len(found.facts.unknown())
    typer.echo(f"{path}: {len(found.evidence)} outputs of {target.name}, {unread} unreadable")
    typer.echo(f"Diagnose it anywhere: sme diagnose {path}", err=True)
    if found.lost is not None:
        raise found.lost
