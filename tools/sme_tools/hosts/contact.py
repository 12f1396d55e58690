"""A first contact with a host: does a script run there, and as whom."""

from __future__ import annotations

from sme_tools.hosts.host import Host
from sme_tools.hosts.purpose import Purpose
from sme_tools.hosts.script import Script, Step
from sme_tools.hosts.transport import Transport

_STEPS = (
    Step("system", "uname -srm"),
    Step("user", "id -un"),
    Step("root", "id -u", needs_root=True),
)


def contact(
    host: Host, transport: Transport, purpose: Purpose, *, timeout_s: float = 30.0
) -> dict[str, str]:
    """What answered: system, user, and how root would be had. Raises HostError."""
    script = Script(_STEPS, sudo=host.sudo, purpose=purpose)
    answers = {item.step: item for item in transport.run(script, timeout_s=timeout_s)}
    privilege = answers["root"].privilege
    user = answers["user"].stdout.strip()
    if privilege == "user":
        asks = "sudo asks for a password; sudo_password in hosts.yaml says where it is"
        root = f"no: {asks if host.sudo else 'sudo is not allowed here'}"
    else:
        root = "yes" if privilege == "root" else "through sudo"
    if host.sudo_password is not None and transport.account not in (None, user):
        # The script as a whole was root's, so `id` does not tell whose account it is.
        user, root = str(transport.account), "through sudo, with a password"
    return {
        "system": answers["system"].stdout.strip(),
        "user": user,
        "reads as root": root,
    }
