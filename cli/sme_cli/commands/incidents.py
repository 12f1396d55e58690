"""`sme incidents`: what happened."""

from __future__ import annotations

from typing import Annotated

import typer

from sme_cli import completion, exit_codes
from sme_cli.options import Json

app = typer.Typer(
    help="The incidents: past diagnoses.", no_args_is_help=True, epilog=exit_codes.HELP
)

MOST_CHARACTERS = 160
"""Of a summary in the list."""


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
    from sme_cli.render.diagnosis import document
    from sme_cli.render.out import print_json, print_table

    found = session.incidents().list(host=host, limit=limit)
    if as_json:
        documents = [document(incident) for incident in found]
        print_json([{k: v for k, v in one.items() if k != "facts"} for one in documents])
        return
    rows = [
        (
            incident.id,
            incident.priority,
            incident.status,
            ", ".join(incident.hosts),
            _shortened(incident.diagnosis.summary if incident.diagnosis else incident.symptom),
        )
        for incident in found
    ]
    nothing = f"no incidents of {host}" if host else "no incidents yet"
    print_table(("INCIDENT", "PRIORITY", "STATUS", "HOSTS", "SUMMARY"), rows, empty=nothing)


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
    """Print an incident as the six-step worksheet, in Markdown.

    With --json, the same document as that of: sme diagnose --json
    """
    from sme_cli import session
    from sme_cli.render.diagnosis import document
    from sme_cli.render.out import note, print_json, print_text
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
        print_json(document(found))
    else:
        items = [store.evidence(found.id, id) for id in store.evidence_ids(found.id)]
        print_text(worksheet(found, items))
        for change in session.waiting_changes(found.id):
            note(f"A change on {change.plan.host} is not over: sme fix {found.id} --resume")


def _shortened(text: str | None) -> str:
    from sme_tools.safety.control import one_line

    line = one_line(text or "")
    return line if len(line) <= MOST_CHARACTERS else f"{line[:MOST_CHARACTERS]}…"
