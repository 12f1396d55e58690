"""`sme hosts`: the inventory."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from sme_cli import completion, exit_codes
from sme_cli.options import Json

app = typer.Typer(
    help="The hosts that can be diagnosed.", no_args_is_help=True, epilog=exit_codes.HELP
)

Name = Annotated[str, typer.Argument(autocompletion=completion.hosts)]


@app.command("list", epilog=exit_codes.HELP)
def list_(as_json: Json = False) -> None:
    """List the hosts of the inventory and of ssh_config."""
    from sme_cli import session
    from sme_cli.render.out import print_json, print_table

    hosts = session.inventory().hosts()
    if as_json:
        print_json([host.model_dump(mode="json", exclude_none=True) for host in hosts])
        return
    rows = [(h.name, h.transport, h.address, ", ".join(h.groups), ", ".join(h.tags)) for h in hosts]
    print_table(("HOST", "TRANSPORT", "ADDRESS", "GROUPS", "TAGS"), rows, empty="no hosts")


@app.command("show", epilog=exit_codes.HELP)
def show(host: Name, as_json: Json = False) -> None:
    """Show everything that holds for a host, groups and tags included."""
    from sme_cli import session
    from sme_cli.render.out import print_json, print_table

    found = session.inventory().resolve(host).model_dump(mode="json", exclude_none=True)
    if as_json:
        print_json(found)
        return
    rows = [(name, value) for name, value in found.items() if value not in ([], {}, ())]
    print_table(("FIELD", "VALUE"), rows, empty="")


@app.command("add", epilog=exit_codes.HELP)
def add(
    name: Annotated[str, typer.Argument(help="What to call it.")],
    address: Annotated[
        str | None, typer.Argument(help="Name or IP address; left to ssh_config if not given.")
    ] = None,
    user: Annotated[str | None, typer.Option("--user", "-u")] = None,
    port: Annotated[int | None, typer.Option("--port", "-p", min=1, max=65535)] = None,
    key: Annotated[
        Path | None,
        typer.Option("--key", exists=True, dir_okay=False, help="The private key's file."),
    ] = None,
    group: Annotated[list[str] | None, typer.Option("--group", help="May be repeated.")] = None,
    tag: Annotated[list[str] | None, typer.Option("--tag", help="May be repeated.")] = None,
    sudo: Annotated[
        bool, typer.Option("--sudo", help="Allow sudo -n where a fact needs root.")
    ] = False,
    replace: Annotated[
        bool, typer.Option("--replace", help="Replace an entry that exists.")
    ] = False,
) -> None:
    """Add a host to the inventory."""
    from sme_cli import session
    from sme_cli.render.out import note
    from sme_tools.errors import UsageError
    from sme_tools.hosts.host import LOCALHOST, Host

    if name == LOCALHOST:
        raise UsageError(
            f"{LOCALHOST} is this machine, and always there",
            remedy="Choose another name. Limits for this machine go into hosts.yaml.",
        )
    host = Host(
        name=name,
        address=address,
        user=user,
        port=port,
        identity_file=key.absolute() if key else None,
        groups=tuple(group or ()),
        tags=tuple(tag or ()),
        sudo=sudo,
    )
    inventory = session.inventory()
    inventory.add(host, replace=replace)
    inventory.save()
    note(f"{name} added. Try it: sme hosts test {name}")


@app.command("test", epilog=exit_codes.HELP)
def test(
    host: Name,
    accept_new_key: Annotated[
        bool, typer.Option("--accept-new-key", help="Trust the key that a new host presents.")
    ] = False,
    as_json: Json = False,
) -> None:
    """Connect to a host and say what its account can read."""
    from sme_cli import session
    from sme_cli.render.out import note, print_json, print_table
    from sme_tools.hosts.contact import contact
    from sme_tools.hosts.purpose import Purpose, this_user

    target = session.inventory().resolve(host)
    if accept_new_key:
        from sme_tools.hosts.ssh.trust import accept_new_key as accept

        fingerprint = accept(target, connect_timeout_s=session.settings().connect_timeout_s)
        note(f"accepted {fingerprint}")
    purpose = Purpose.of_probes(this_user(), "hosts test")
    with session.open_transport(target, session.guard()) as transport:
        found = contact(target, transport, purpose)
    if as_json:
        print_json({name.replace(" ", "_"): value for name, value in found.items()})
        return
    rows = [(name.replace("_", " "), value) for name, value in found.items()]
    print_table(("HOST", target.name), rows, empty="")


@app.command("import", epilog=exit_codes.HELP)
def import_(
    file: Annotated[Path, typer.Argument(help="An Ansible inventory, INI or YAML.")],
    replace: Annotated[bool, typer.Option("--replace", help="Replace entries that exist.")] = False,
) -> None:
    """Take over the hosts of an Ansible inventory."""
    from sme_cli import session
    from sme_cli.render.out import complain, note
    from sme_tools.hosts.ansible import read_ansible_inventory

    imported = read_ansible_inventory(file)
    inventory = session.inventory()
    for host in imported.hosts:
        inventory.add(host, replace=replace)
    inventory.save()
    for skipped in imported.skipped:
        complain(f"left out: {skipped}")
    note(f"{len(imported.hosts)} hosts imported from {file}")
