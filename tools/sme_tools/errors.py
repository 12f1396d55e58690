"""Every error this project raises on purpose.

SmeError
├── UsageError                the caller can mend it (exit code 2)
│   ├── SettingsInvalid       a settings file or an environment variable
│   ├── SecretUnavailable     a secret of ours is not where it should be, or others can read it
│   ├── InventoryInvalid      the inventory, or an Ansible inventory being imported
│   ├── UnknownHost           no inventory entry, no ssh_config entry, no such file
│   ├── UnknownProbe
│   ├── CheckInvalid          a check file
│   ├── FactsInvalid          a facts file
│   ├── KnownIssueInvalid     a known-issue file
│   └── SnapshotInvalid       not a snapshot, cut short or altered
├── HostError                 one host; the others go on (exit code 3)
│   ├── HostUnreachable       no connection could be made; nothing ran
│   ├── AuthenticationFailed  connected, but no credential was accepted, or sudo's was not
│   ├── HostKeyUnknown        first contact: nobody has vouched for this key yet
│   ├── HostKeyChanged        the key differs from the one on record
│   ├── HostKeyRevoked        known_hosts marks this key @revoked
│   ├── NoPosixShell          logged in, but /bin/sh did not run our script
│   ├── HostBusy              another change holds the host's lock
│   ├── CannotKeep            its former state can't be recorded, so it is not changed
│   └── HostLost              the connection broke; what came before is valid
├── ProbeError                one probe's output could not be read
├── StateError                our own disk or database (exit code 4)
│   └── LogBroken             a hash-chained log does not verify
├── ModelError                the model; the rule reasoner goes on
└── Interrupted               the user stopped it; what was found is kept (exit code 130)
"""

from __future__ import annotations


class SmeError(Exception):
    """What failed, where, and what to do next.

    `remedy` may be given by the raiser; otherwise the class's own text is used, with
    `{host}` filled in.
    """

    remedy: str = ""

    def __init__(self, message: str, *, host: str | None = None, remedy: str | None = None) -> None:
        super().__init__(message)
        self.message = message
        self.host = host
        self.remedy = (remedy if remedy is not None else type(self).remedy).replace(
            "{host}", host or "HOST"
        )

    def __str__(self) -> str:
        return f"{self.host}: {self.message}" if self.host else self.message


class UsageError(SmeError):
    """The caller can mend it."""


class SettingsInvalid(UsageError):
    """A setting has a value that is not allowed."""


class SecretUnavailable(UsageError):
    """A secret of ours can't be fetched; the message names the place and never the value."""

    remedy = "See that it is there, or name another place."


class InventoryInvalid(UsageError):
    """The inventory file can't be used; the message names file, line and field."""


class UnknownHost(UsageError):
    """A host name that no source knows."""

    remedy = "See the hosts that are known: sme hosts list. Add one: sme hosts add {host} ADDRESS"


class UnknownProbe(UsageError):
    """A probe id that does not exist."""

    remedy = "See the probes: sme probes list"


class CheckInvalid(UsageError):
    """A check can't be used; the message names file, check and field."""


class FactsInvalid(UsageError):
    """A facts file is not one JSON document of facts."""

    remedy = "Write one with: sme facts HOST --json > FACTS.json"


class KnownIssueInvalid(UsageError):
    """A known-issue file can't be used; the message names file, line and field."""


class SnapshotInvalid(UsageError):
    """A snapshot file is not one of ours, was cut short, or was altered."""

    remedy = "Record it again: sme snapshot {host} -o FILE"


class HostError(SmeError):
    """One host is concerned; others go on."""


class HostUnreachable(HostError):
    """No connection could be made; nothing ran."""

    remedy = "Check that the host is up and its SSH port is open: ssh {host}"


class AuthenticationFailed(HostError):
    """The host was reached, but accepted none of the credentials offered; for sudo, not its own."""

    remedy = (
        "Load a key that the host accepts into your agent: ssh-add KEYFILE. Or name it: "
        "IdentityFile in ~/.ssh/config, identity_file in hosts.yaml"
    )


class HostKeyUnknown(HostError):
    """The host's key is in no known_hosts file."""

    remedy = (
        "Compare the fingerprint with the host's own (ssh-keygen -lf /etc/ssh/ssh_host_*_key.pub), "
        "then: sme hosts test {host} --accept-new-key"
    )


class HostKeyChanged(HostError):
    """The host presents another key than the one on record; nothing was sent."""

    remedy = (
        "Find out why before you connect: it may be another machine. "
        "If the host was reinstalled: ssh-keygen -R {host}"
    )


class HostKeyRevoked(HostError):
    """The host presents a key that known_hosts marks as revoked."""

    remedy = "Do not connect: the key was revoked. The host needs a new host key."


class NoPosixShell(HostError):
    """The login worked, but /bin/sh did not run the script."""

    remedy = "See what the account runs: ssh {host} /bin/sh -c 'echo works'"


class HostBusy(HostError):
    """Another change holds the host's lock, or no lock can be made; nothing was done."""


class CannotKeep(HostError):
    """The former state of the host can't be recorded; nothing was done after it."""

    remedy = "Take that file out of keep_files, and give the step an `undo` that takes it back."


class HostLost(HostError):
    """The connection broke in mid-script; evidence yielded before is valid."""

    remedy = "Try again; if it repeats, look at the host's console for a crash or a network fault."


class ProbeError(SmeError):
    """A probe's output is not of the form its parser knows.

    `line` is the offending line, shortened; it becomes part of the message.
    """

    remedy = "Record the output and report it: sme snapshot {host} -o FILE"

    def __init__(self, probe: str, problem: str = "unreadable output", *, line: str = "") -> None:
        shown = line.strip()[:120]
        super().__init__(f"probe {probe}: {problem}" + (f": {shown!r}" if shown else ""))
        self.probe = probe


class StateError(SmeError):
    """Our own disk, database or lock failed."""


class LogBroken(StateError):
    """A hash-chained log was altered or damaged."""


class ModelError(SmeError):
    """The model failed; the rule reasoner goes on."""


class Interrupted(SmeError):
    """The user stopped it; what was found until then is kept."""
