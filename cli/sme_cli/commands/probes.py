"""`sme probes`: for those who write probes, and to read recorded output."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from sme_cli import completion, exit_codes
from sme_cli.options import Json

if TYPE_CHECKING:
    from sme_tools.probes.registry import Probe

app = typer.Typer(
    help="The probes: what is asked of a host.", no_args_is_help=True, epilog=exit_codes.HELP
)


@app.command("list", epilog=exit_codes.HELP)
def list_(as_json: Json = False) -> None:
    """List the probes: id, level, and what each tells."""
    from sme_cli.render.out import print_json, print_table
    from sme_tools.probes.registry import probes

    known = probes().values()
    if as_json:
        print_json([_document(probe) for probe in known])
        return
    rows = [(p.id, p.level, "root" if p.needs_root else "", p.summary) for p in known]
    print_table(("PROBE", "LEVEL", "NEEDS", "TELLS"), rows, empty="no probes")


@app.command("show", epilog=exit_codes.HELP)
def show(
    probe: Annotated[str, typer.Argument(autocompletion=completion.probes)], as_json: Json = False
) -> None:
    """Show a probe.

    Its command, the recorded outputs that it reads, and the facts that it states.
    """
    from sme_cli.render.out import print_json, print_text
    from sme_tools.fact_types import describe_facts
    from sme_tools.probes.registry import find_probe

    found = find_probe(probe)
    if as_json:
        print_json(_document(found))
        return
    lines = [
        f"{found.id}: {found.summary}",
        f"level {found.level} · time limit {found.timeout_s} s"
        + (" · needs root" if found.needs_root else "")
        + (f" · absent without {found.tool}" if found.tool else ""),
        "",
        "Command:",
        *(f"    {line}" for line in found.command.strip().splitlines()),
        "",
    ]
    if found.reads:
        lines += ["Reads the recorded output of:", *(f"    {form}" for form in found.reads), ""]
    lines += ["Facts:", *(f"    {line}" for line in describe_facts(found.returns))]
    print_text("\n".join(lines))


@app.command("parse", epilog=exit_codes.HELP)
def parse(
    probe: Annotated[
        str,
        typer.Argument(
            metavar="PROBE|COMMAND",
            help="A probe's id, or the command that was recorded, in quotes: “df -h”.",
            autocompletion=completion.probes,
        ),
    ],
    file: Annotated[Path, typer.Argument(help="The recorded output; - for standard input.")],
    as_json: Json = False,
) -> None:
    """Print the facts in one recorded output.

    They are a facts document, for: sme checks run
    """
    from sme_cli.render.out import print_json
    from sme_tools.errors import ProbeError, UsageError
    from sme_tools.recorded import facts_of_output

    try:
        facts = facts_of_output(probe, _read(file))
    except ProbeError as error:
        raise UsageError(
            f"{file}: {error.message}",
            remedy=f"See the command and the outputs that it reads: sme probes show {error.probe}",
        ) from error
    print_json(facts.document())


def _read(file: Path) -> str:
    if str(file) == "-":
        return sys.stdin.buffer.read().decode("utf-8", "replace")
    from sme_tools.errors import UsageError

    try:
        return file.read_bytes().decode("utf-8", "replace")
    except OSError as error:
        raise UsageError(
            f"{file}: {error.strerror}", remedy="Name a file, or - to pipe."
        ) from error


def _document(probe: Probe) -> dict[str, object]:
    from sme_tools.fact_types import facts_schema

    return {
        "id": probe.id,
        "summary": probe.summary,
        "level": probe.level,
        "command": probe.command,
        "tool": probe.tool,
        "needs_root": probe.needs_root,
        "timeout_s": probe.timeout_s,
        "reads": list(probe.reads),
        "facts": facts_schema(probe.returns),
    }
