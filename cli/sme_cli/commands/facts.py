"""`sme facts`."""

from __future__ import annotations

from typing import Annotated

import typer

from sme_cli import completion
from sme_cli.options import Json


def facts(
    host: Annotated[
        str, typer.Argument(help="A host, or a snapshot.", autocompletion=completion.hosts)
    ] = "localhost",
    level: Annotated[
        int,
        typer.Option("--level", min=1, max=4, help="How deep to look: probes up to this level."),
    ] = 2,
    as_json: Json = False,
) -> None:
    """Print what can be known about a host right now."""
    from sme_cli import session
    from sme_cli.render.facts import print_facts
    from sme_tools.hosts.purpose import Purpose, this_user
    from sme_tools.observe import observe
    from sme_tools.probes.registry import probes

    target = session.inventory().resolve(host)
    asked = [probe for probe in probes().values() if probe.level <= level]
    limit = session.settings().timeout_s
    purpose = Purpose.of_probes(this_user(), "facts")
    with session.open_transport(target, session.guard()) as transport:
        found = observe(target, transport, asked, timeout_s=limit, purpose=purpose)
    print_facts(found.facts, as_json=as_json)
    if found.lost is not None:
        raise found.lost
