"""`sme fix`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from sme_cli import completion
from sme_cli.options import Approve, Json

if TYPE_CHECKING:
    from sme_agent.resolution import Wish

MAX_HOLD_S = 3600


def fix(
    incident: Annotated[
        str, typer.Argument(help="Its id, or “last”.", autocompletion=completion.incidents)
    ] = "last",
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Show the plan and how to approve it; do nothing.")
    ] = False,
    issue: Annotated[
        str | None,
        typer.Option(
            help="Carry out the resolution of this known issue, not of the proven one.",
            metavar="ID",
            autocompletion=completion.issues,
        ),
    ] = None,
    steps: Annotated[
        list[int] | None,
        typer.Option(
            "--step", min=1, metavar="N", help="Only this step of the resolution; repeatable."
        ),
    ] = None,
    values: Annotated[
        list[str] | None,
        typer.Option(
            "--set", metavar="NAME=VALUE", help="The value of a word in capitals; repeatable."
        ),
    ] = None,
    hold: Annotated[
        int | None,
        typer.Option(
            min=0, max=MAX_HOLD_S, metavar="SECONDS", help="So long each step must stay verified."
        ),
    ] = None,
    approve: Approve = None,
    resume: Annotated[
        bool, typer.Option("--resume", help="Go on with what stood still or waits.")
    ] = False,
    undo: Annotated[
        bool, typer.Option("--undo", help="With --resume: take back what was done.")
    ] = False,
    as_json: Json = False,
) -> None:
    """Fix what a diagnosis found; take back what does not hold.

    The plan is shown, and each step is asked for, done and verified. Without a terminal only what
    --approve names is done; a step that waits can be approved later: sme policy approvals.
    """
    from sme_agent.resolution import Wish
    from sme_cli.fixing import Fix

    parameters = dict(_named(value) for value in values or [])
    wish = Wish(issue, tuple(steps or ()), parameters, hold)
    _must_go_together(
        resume=resume, undo=undo, dry_run=dry_run, shapes=wish != Wish(), approves=bool(approve)
    )
    one = Fix.of(incident, approve or (), as_json=as_json)
    if resume:
        code = one.resume(undo=undo)
    elif dry_run:
        code = one.preview(wish, _words(wish))
    else:
        code = one.carry_out(wish)
    raise typer.Exit(code)


def _named(value: str) -> tuple[str, str]:
    from sme_tools.errors import UsageError

    name, given, text = value.partition("=")
    if not (name and given):
        raise UsageError(
            f"--set {value}: there is no value", remedy="One looks like this: --set UNIT=nginx"
        )
    return name, text


def _must_go_together(
    *, resume: bool, undo: bool, dry_run: bool, shapes: bool, approves: bool
) -> None:
    """Raise UsageError if an option would do nothing."""
    from sme_tools.errors import UsageError

    if undo and not resume:
        raise UsageError("--undo goes with --resume", remedy="Type: sme fix --resume --undo")
    if resume and (dry_run or shapes):
        raise UsageError(
            "--resume goes on with the plan there is",
            remedy="Leave out --dry-run, --issue, --step, --set and --hold.",
        )
    if approves and (dry_run or undo):
        raise UsageError(
            "there is nothing to approve here", remedy="Leave out --approve: nothing is asked."
        )


def _words(wish: Wish) -> list[str]:
    """The options that lead to this wish."""
    words = ["--issue", wish.issue] if wish.issue else []
    for step in wish.steps:
        words += ["--step", str(step)]
    for name, value in wish.parameters.items():
        words += ["--set", f"{name}={value}"]
    return words + ([] if wish.hold_s is None else ["--hold", str(wish.hold_s)])
