"""`sme model`: the chain of language models."""

from __future__ import annotations

from typing import Annotated

import typer

from sme_cli import completion, exit_codes
from sme_cli.options import Json

app = typer.Typer(
    help="The language models that reason, and whether each works.",
    no_args_is_help=True,
    epilog=exit_codes.HELP,
)


@app.command("list", epilog=exit_codes.HELP)
def list_(as_json: Json = False) -> None:
    """List the chain of models: what each can do and costs, its key, and how it did so far.

    No request is made. Speed and cost are those of the answers that sme has had.
    """
    from sme_cli import models
    from sme_cli.render.models import entry_document, no_model, print_entries
    from sme_cli.render.out import print_json, print_text

    entries = models.overview()
    if as_json:
        print_json([entry_document(entry) for entry in entries])
    elif entries:
        print_entries(entries)
    else:
        print_text(no_model(models.config_file()))


@app.command("test", epilog=exit_codes.MODEL_TEST_HELP)
def test(
    names: Annotated[
        list[str] | None,
        typer.Argument(
            metavar="[NAME]…",
            help="Entries of the chain, or other models by the names that litellm has for them; "
            "the whole chain if none is given.",
            autocompletion=completion.models,
        ),
    ] = None,
    as_json: Json = False,
) -> None:
    """Ask each model for a few words and a tool call: costs a little.

    What works is asked again from now on where it was left out for its failures.
    """
    from sme_cli import models
    from sme_cli.render.models import print_trial, trial_document
    from sme_cli.render.out import print_json, reader_may_leave

    chosen = models.chosen(names or ())
    with reader_may_leave():
        trials = models.try_out(chosen, tell=None if as_json else print_trial)
        if as_json:
            print_json([trial_document(trial) for trial in trials])
    if not all(trial.works for trial in trials):
        raise typer.Exit(exit_codes.FINDINGS)
