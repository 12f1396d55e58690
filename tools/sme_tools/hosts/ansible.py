"""Reading an Ansible inventory, INI or YAML, into hosts.

What is taken over: hosts with their ranges, groups, groups of groups, and of the variables
ansible_host, ansible_port, ansible_user, ansible_ssh_private_key_file, ansible_become,
ansible_connection and those of the user's own. Nested and templated values, other connections than
ssh and local, and other ansible_* variables are left out and said.

Source: "How to build your inventory" and "Special variables" of the Ansible documentation.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

from sme_tools.errors import InventoryInvalid
from sme_tools.hosts.ansible_files import AnsibleInventory, read_ini, read_yaml_inventory
from sme_tools.hosts.host import Host

IMPLICIT_GROUPS = frozenset({"all", "ungrouped"})

_ADDRESS = ("ansible_host", "ansible_ssh_host")
_PORT = ("ansible_port", "ansible_ssh_port")
_USER = ("ansible_user", "ansible_ssh_user")
_KEY = ("ansible_ssh_private_key_file", "ansible_private_key_file")
_CONNECTION = ("ansible_connection",)
_BECOME = ("ansible_become", "ansible_sudo")
_HARMLESS = frozenset({"ansible_python_interpreter", "ansible_shell_type", "ansible_become_method"})
"""Of no use here, and nothing is lost with them."""
_UNDERSTOOD = frozenset({*_ADDRESS, *_PORT, *_USER, *_KEY, *_CONNECTION, *_BECOME, *_HARMLESS})
_SSH_CONNECTIONS = frozenset({"ssh", "paramiko", "paramiko_ssh", "smart", "libssh"})
_TRUE = frozenset({"true", "yes", "on", "1", "y", "t"})


@dataclass
class Imported:
    """What an Ansible inventory gave."""

    hosts: list[Host] = field(default_factory=list)
    skipped: list[str] = field(default_factory=list)
    """What was left out, and why, each a sentence."""


def read_ansible_inventory(path: Path) -> Imported:
    """The hosts of an Ansible inventory file.

    Raises:
        InventoryInvalid: it can't be read; the message has file and line.
    """
    try:
        text = path.read_text("utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise InventoryInvalid(f"{path} can't be read: {error}") from error
    if text.startswith("#!"):
        raise InventoryInvalid(
            f"{path}:1: a program, not an inventory",
            remedy=f"Import what it prints: ansible-inventory -i {path} --list --yaml > FILE",
        )
    if text.startswith("$ANSIBLE_VAULT"):
        raise InventoryInvalid(
            f"{path}:1: encrypted", remedy=f"Decrypt it: ansible-vault view {path} > FILE"
        )
    is_yaml = path.suffix in (".yml", ".yaml", ".json") or text.lstrip().startswith(
        ("---", "all:", "{")
    )
    source = (read_yaml_inventory if is_yaml else read_ini)(text, str(path))
    imported = Imported(skipped=list(source.skipped))
    for name in source.hosts:
        _import(name, source, imported)
    return imported


def _import(name: str, source: AnsibleInventory, imported: Imported) -> None:
    values = source.variables_of(name)
    connection = _first(values, _CONNECTION) or "ssh"
    if connection not in _SSH_CONNECTIONS and connection != "local":
        imported.skipped.append(f"host {name}: the connection {connection!r} is not ssh or local")
        return
    key = _first(values, _KEY)
    is_local = connection == "local"
    try:
        port = _first(values, _PORT)
        host = Host(
            name=name,
            transport="local" if is_local else "ssh",
            address=None if is_local else _first(values, _ADDRESS),
            port=None if is_local or port is None else int(port),
            user=None if is_local else _first(values, _USER),
            identity_file=Path(key) if key and not is_local else None,
            sudo=(_first(values, _BECOME) or "").lower() in _TRUE,
            groups=tuple(g for g in source.groups_of(name) if g not in IMPLICIT_GROUPS),
            variables=_own(name, values, imported),
        )
    except ValueError:
        imported.skipped.append(f"host {name}: its port is {_first(values, _PORT)!r}")
        return
    imported.hosts.append(host)


def _first(values: dict[str, object], names: tuple[str, ...]) -> str | None:
    """The first of these variables that has a plain value."""
    for name in names:
        value = values.get(name)
        if isinstance(value, str | int | float | bool) and not _is_template(value):
            return str(value)
    return None


def _own(
    name: str, values: dict[str, object], imported: Imported
) -> dict[str, str | int | float | bool]:
    own: dict[str, str | int | float | bool] = {}
    for variable, value in values.items():
        if _is_template(value):
            imported.skipped.append(f"host {name}: {variable} is a template: {value}")
        elif variable in _UNDERSTOOD:
            continue
        elif variable.startswith("ansible_"):
            # Its value may be a password.
            imported.skipped.append(f"host {name}: {variable} has no meaning here")
        elif isinstance(value, str | int | float | bool):
            own[variable] = value
        else:
            imported.skipped.append(f"host {name}: {variable} is not a plain value")
    return own


def _is_template(value: object) -> bool:
    return isinstance(value, str) and ("{{" in value or "{%" in value)
