"""`sme checks`: for those who write checks, and to judge given facts."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from sme_cli import completion, exit_codes
from sme_cli.options import Json, MinSeverity

if TYPE_CHECKING:
    from sme_tools.facts import Facts

app = typer.Typer(
    help="The checks: conditions over facts that give findings.",
    no_args_is_help=True,
    epilog=exit_codes.HELP,
)


@app.command("list", epilog=exit_codes.HELP)
def list_(as_json: Json = False) -> None:
    """List the checks: id, severity, and what each finds."""
    from sme_cli import session
    from sme_cli.render.out import print_json, print_table

    known = session.checks()
    if as_json:
        print_json([check.model_dump(mode="json") for check in known])
        return
    rows = [(check.id, check.severity, check.title) for check in known]
    print_table(("CHECK", "SEVERITY", "FINDS"), rows, empty="no checks")


@app.command("show", epilog=exit_codes.HELP)
def show(
    check: Annotated[str, typer.Argument(autocompletion=completion.checks)], as_json: Json = False
) -> None:
    """Show a check as YAML.

    Its condition and limits, what it explains, and its own two examples.
    """
    import yaml

    from sme_cli import session
    from sme_cli.render.out import complain, print_json, print_text
    from sme_tools.checks.check import find_check, shipped_checks
    from sme_tools.errors import CheckInvalid

    try:
        known = session.checks()
    except CheckInvalid as error:  # whoever mends an own check looks at a shipped one
        complain(str(error))
        known = shipped_checks()
    found = find_check(known, check).model_dump(mode="json", exclude_defaults=True)
    if as_json:
        print_json(found)
        return
    print_text(yaml.safe_dump([found], sort_keys=False, allow_unicode=True, width=100))


@app.command("test", epilog=exit_codes.HELP)
def test(
    files: Annotated[
        list[Path] | None,
        typer.Argument(help="Facts documents to judge; each check's own examples if none."),
    ] = None,
    as_json: Json = False,
) -> None:
    """Test the checks, by their own examples or on given facts.

    Says which name what no probe states, which conditions err, and which examples fail.
    """
    from sme_cli import session
    from sme_cli.render.checks import print_report
    from sme_tools.checks.testing import examine_checks

    report = examine_checks(session.checks(), [_facts(file) for file in files or []])
    print_report(report, as_json=as_json)
    raise typer.Exit(exit_codes.USAGE if report.problems else exit_codes.CLEAN)


@app.command("run", epilog=exit_codes.HELP)
def run(
    file: Annotated[Path, typer.Argument(help="A facts document; - for standard input.")],
    as_json: Json = False,
    min_severity: MinSeverity = None,
) -> None:
    """Print the findings of given facts."""
    from sme_cli import session
    from sme_cli.render.checks import print_findings
    from sme_tools.checks.finding import at_least
    from sme_tools.checks.run import run_checks

    minimum = min_severity or session.settings().min_severity
    facts = _facts(file)
    host = session.inventory().known(facts.host)
    result = run_checks(
        session.checks(),
        facts,
        limits=host.limits if host else None,
        disabled=host.disabled_checks if host else (),
    )
    print_findings(result, as_json=as_json)
    graver = any(at_least(finding.severity, minimum) for finding in result.findings)
    raise typer.Exit(exit_codes.FINDINGS if graver else exit_codes.CLEAN)


def _facts(file: Path) -> Facts:
    import sys

    from sme_tools.errors import FactsInvalid
    from sme_tools.facts import Facts

    try:
        data = sys.stdin.buffer.read() if str(file) == "-" else file.read_bytes()
    except OSError as error:
        raise FactsInvalid(f"{file}: {error.strerror}") from error
    return Facts.from_json(data.decode("utf-8", "replace"), str(file))
