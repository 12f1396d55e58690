"""`sme config`: the settings in force."""

from __future__ import annotations

from typing import Annotated

import typer

from sme_cli import exit_codes
from sme_cli.options import Json

app = typer.Typer(help="The settings in force.", no_args_is_help=True, epilog=exit_codes.HELP)


@app.command("show", epilog=exit_codes.HELP)
def show(
    origin: Annotated[
        bool, typer.Option("--origin", help="Show where each value comes from.")
    ] = False,
    as_json: Json = False,
) -> None:
    """Print every setting."""
    from sme_cli import session
    from sme_cli.render.out import print_json, print_table

    settings = session.settings()
    values = settings.model_dump(mode="json")
    origins = settings.origins()
    if as_json:
        print_json(
            {n: {"value": v, "origin": origins[n]} if origin else v for n, v in values.items()}
        )
        return
    headers = ("SETTING", "VALUE", "FROM") if origin else ("SETTING", "VALUE")
    rows = [(name, value, origins[name])[: len(headers)] for name, value in values.items()]
    print_table(headers, rows, empty="no settings")
