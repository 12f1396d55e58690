"""`sme doctor`."""

from __future__ import annotations

import typer

from sme_cli import exit_codes
from sme_cli.options import Json


def doctor(as_json: Json = False) -> None:
    """Check this installation itself.

    Settings, files, databases, and the programs it needs.
    """
    from sme_cli.health import examine
    from sme_cli.render.out import print_json, print_table

    results = examine()
    if as_json:
        print_json([vars(result) for result in results])
    else:
        rows = [(r.state, r.subject, r.detail, r.remedy) for r in results]
        print_table(("", "WHAT", "STATE", "REMEDY"), rows, empty="")
    broken = any(result.state == "broken" for result in results)
    raise typer.Exit(exit_codes.FAILURE if broken else exit_codes.CLEAN)
