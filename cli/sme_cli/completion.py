"""What the shell completes: names that are known without asking any host."""

from __future__ import annotations


def hosts(incomplete: str) -> list[str]:
    """Hosts of the inventory and of ssh_config, and @groups."""
    from sme_cli import session

    known = session.inventory()
    names = [host.name for host in known.hosts()] + [f"@{name}" for name in known.groupings()]
    return sorted(name for name in names if name.startswith(incomplete))


def probes(incomplete: str) -> list[str]:
    """Ids of probes."""
    from sme_tools.probes.registry import probes as known

    return [id for id in known() if id.startswith(incomplete)]


def checks(incomplete: str) -> list[str]:
    """Ids of checks."""
    from sme_cli import session

    return [check.id for check in session.checks() if check.id.startswith(incomplete)]


def issues(incomplete: str) -> list[str]:
    """Ids of known issues."""
    from sme_cli import session

    return [issue.id for issue in session.known_issues() if issue.id.startswith(incomplete)]


def incidents(incomplete: str) -> list[str]:
    """Ids of the latest incidents."""
    from sme_cli import session

    found = session.incidents().list(limit=50)
    return [incident.id for incident in found if incident.id.startswith(incomplete)]
