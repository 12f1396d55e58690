"""`sme issues`: what is known."""

from __future__ import annotations

from typing import Annotated

import typer

from sme_cli import completion, exit_codes
from sme_cli.options import Json

app = typer.Typer(help="The known issues.", no_args_is_help=True, epilog=exit_codes.HELP)


@app.command("list", epilog=exit_codes.HELP)
def list_(as_json: Json = False) -> None:
    """List the known issues."""
    from sme_cli import session
    from sme_cli.render.out import print_json, print_table

    issues = session.known_issues()
    if as_json:
        print_json([issue.model_dump(mode="json") for issue in issues])
        return
    rows = [
        (i.id, i.severity, i.status, "yes" if i.signature else "", i.title)
        for i in sorted(issues, key=lambda issue: issue.id)
    ]
    print_table(
        ("ISSUE", "SEVERITY", "STATUS", "SIGNATURE", "TITLE"), rows, empty="no known issues"
    )


@app.command("show", epilog=exit_codes.HELP)
def show(
    issue: Annotated[str, typer.Argument(autocompletion=completion.issues)],
    source: Annotated[
        bool, typer.Option("--source", help="Print the file as it is written.")
    ] = False,
    as_json: Json = False,
) -> None:
    """Show a known issue: cause, signs, resolution, prevention.

    And in which incidents it was seen.
    """
    from sme_cli import session
    from sme_cli.render.issues import find_issue, page
    from sme_cli.render.out import print_json, print_text

    found = find_issue(session.known_issues(), issue)
    seen = session.incidents().issues_seen().get(found.id, [])
    if as_json:
        print_json({**found.model_dump(mode="json"), "seen_in_incidents": seen})
    elif source and found.path is not None:
        print_text(found.path.read_text("utf-8"))
    else:
        print_text(page(found, seen))


@app.command("search", epilog=exit_codes.HELP)
def search(
    query: Annotated[list[str], typer.Argument(help="A symptom, an error text, any words.")],
    limit: Annotated[int, typer.Option("--limit", "-n", min=1, help="At most so many.")] = 5,
    as_json: Json = False,
) -> None:
    """Find known issues by text.

    Says why each was found, or why none was.
    """
    from sme_cli import session
    from sme_cli.render.out import print_json, print_table

    found = session.retriever(session.known_issues()).search(" ".join(query), limit)
    if as_json:
        matches = [
            {"id": m.issue.id, "title": m.issue.title, "score": m.score, "why": m.why}
            for m in found
        ]
        print_json({"matches": matches, "why_nothing": found.why_nothing or None})
        return
    rows = [(m.issue.id, f"{m.score:.2f}", m.issue.title, m.why) for m in found]
    print_table(("ISSUE", "SCORE", "TITLE", "WHY"), rows, empty=f"nothing: {found.why_nothing}")
