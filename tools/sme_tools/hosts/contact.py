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
    if privilege == "user":
        root = "no: " + ("sudo asks for a password" if host.sudo else "sudo is not allowed here")
    else:
        root = "yes" if privilege == "root" else "through sudo"
    return {
        "system": answers["system"].stdout.strip(),
        "user": answers["user"].stdout.strip(),
        "reads as root": root,
    }
