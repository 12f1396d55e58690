"""`sme incidents`: what happened."""

from __future__ import annotations

from typing import Annotated

import typer

from sme_cli import completion, exit_codes
from sme_cli.options import Json

app = typer.Typer(
    help="The incidents: past diagnoses.", no_args_is_help=True, epilog=exit_codes.HELP
)


@app.command("list", epilog=exit_codes.HELP)
def list_(
    host: Annotated[
        str | None,
        typer.Option("--host", help="Only of this host.", autocompletion=completion.hosts),
    ] = None,
    limit: Annotated[int, typer.Option("--limit", "-n", min=1, help="The latest so many.")] = 20,
    as_json: Json = False,
) -> None:
    """List incidents, the latest first."""
    from sme_cli import session
    from sme_cli.render.out import print_json, print_table

    found = session.incidents().list(host=host, limit=limit)
    if as_json:
        print_json([incident.model_dump(mode="json", exclude={"facts"}) for incident in found])
        return
    rows = [
        (
            incident.id,
            incident.priority,
            incident.status,
            ", ".join(incident.hosts),
            incident.diagnosis.summary if incident.diagnosis else incident.symptom,
        )
        for incident in found
    ]
    print_table(
        ("INCIDENT", "PRIORITY", "STATUS", "HOSTS", "SUMMARY"), rows, empty="no incidents yet"
    )


@app.command("show", epilog=exit_codes.HELP)
def show(
    incident: Annotated[
        str, typer.Argument(help="Its id, or “last”.", autocompletion=completion.incidents)
    ] = "last",
    evidence: Annotated[
        str | None, typer.Option("--evidence", metavar="ID", help="Print one piece of evidence.")
    ] = None,
    as_json: Json = False,
) -> None:
    """Print an incident as the six-step worksheet, in Markdown."""
    from sme_cli import session
    from sme_cli.render.out import print_json, print_text
    from sme_memory.worksheet import worksheet

    store = session.incidents()
    found = store.load(incident)
    if evidence is not None:
        item = store.evidence(found.id, evidence)
        if as_json:
            print_json(item.model_dump(mode="json"))
        else:
            print_text(f"$ {item.command}\n{item.stdout}{item.stderr}")
    elif as_json:
        print_json(found.model_dump(mode="json"))
    else:
        items = [store.evidence(found.id, id) for id in store.evidence_ids(found.id)]
        print_text(worksheet(found, items))
