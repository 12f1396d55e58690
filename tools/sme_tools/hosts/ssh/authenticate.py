"""Logging in: which credential is offered when, and what to say if none is taken."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path

import paramiko

from sme_tools.errors import AuthenticationFailed, HostUnreachable
from sme_tools.hosts.ssh.hop import Hop
from sme_tools.hosts.ssh.identities import Agent, Identity, KeyUnusable, identities

PASSWORD_METHODS = {"password", "keyboard-interactive"}


@dataclass
class _Attempts:
    """What has been tried so far."""

    tried: list[str] = field(default_factory=list)
    unusable: list[KeyUnusable] = field(default_factory=list)
    methods: list[str] = field(default_factory=list)
    """What the server would accept next; empty while it has not said."""

    def account(self) -> str:
        parts = []
        if self.tried:
            parts.append("refused: " + ", ".join(self.tried))
        if self.unusable:
            parts.append("not usable: " + "; ".join(str(key) for key in self.unusable))
        if not parts:
            parts.append("there was no key to offer")
        if self.methods:
            parts.append("the server accepts: " + ", ".join(self.methods))
        return "; ".join(parts)

    @property
    def remedy(self) -> str | None:
        unlocks = [key.unlock for key in self.unusable if key.unlock]
        return f"Unlock the key for your agent: {unlocks[0]}" if unlocks else None


def authenticate(transport: paramiko.Transport, hop: Hop, first: Path | None) -> None:
    """Log in with the first credential that the server takes.

    Keys are offered as `identities` orders them; then a login without any (as Tailscale's server
    grants); then a password, if somebody can be asked for it.

    Raises:
        AuthenticationFailed: none was taken; the message lists what was tried.
        HostUnreachable: the server stopped answering.
    """
    attempts = _Attempts()
    with ExitStack() as stack:
        agent = _agent(hop, stack, attempts)
        config = hop.config
        offered = identities(
            agent,
            config.identity_files,
            config.certificate_files,
            only_files=config.identities_only,
            first=first.expanduser() if first else None,
            ask=hop.options.ask_passphrase,
        )
        if _with_keys(transport, hop, offered, attempts):
            return
    if _without_credential(transport, hop, attempts) or _with_password(transport, hop, attempts):
        return
    raise _failed(hop, attempts)


def _agent(hop: Hop, stack: ExitStack, attempts: _Attempts) -> Agent | None:
    path = hop.config.agent_socket
    if path is None:
        return None
    try:
        return stack.enter_context(Agent(path))
    except (OSError, paramiko.SSHException) as error:
        attempts.unusable.append(KeyUnusable(f"the agent at {path} gave no keys ({error})"))
        return None


def _with_keys(
    transport: paramiko.Transport, hop: Hop, offered: Iterator[Identity], attempts: _Attempts
) -> bool:
    seen: set[bytes] = set()
    for identity in offered:
        try:
            keys = identity.load()
        except KeyUnusable as unusable:
            attempts.unusable.append(unusable)
            continue
        for key in keys:
            blob = key.public_blob.key_blob if key.public_blob else key.asbytes()
            if blob in seen:
                continue
            seen.add(blob)
            label = identity.label + (" with its certificate" if key.public_blob else "")
            if _offer(transport, hop, key, label, attempts):
                return True
            if attempts.methods and "publickey" not in attempts.methods:
                return False
    return False


def _offer(
    transport: paramiko.Transport, hop: Hop, key: paramiko.PKey, label: str, attempts: _Attempts
) -> bool:
    try:
        attempts.methods = transport.auth_publickey(hop.config.user, key)
    except paramiko.BadAuthenticationType as error:
        attempts.methods = error.allowed_types
        return False
    except (paramiko.SSHException, OSError, EOFError) as error:
        _unless_only_refused(transport, hop, error, attempts, label)
        attempts.tried.append(label)
        return False
    return not attempts.methods  # some: the key was right, and more is asked for


def _without_credential(transport: paramiko.Transport, hop: Hop, attempts: _Attempts) -> bool:
    if attempts.methods:
        return False
    try:
        attempts.methods = transport.auth_none(hop.config.user)
    except paramiko.BadAuthenticationType as error:
        attempts.methods = error.allowed_types
        return False
    except (paramiko.SSHException, OSError, EOFError) as error:
        _unless_only_refused(transport, hop, error, attempts, "no credential")
        return False
    return not attempts.methods


def _with_password(transport: paramiko.Transport, hop: Hop, attempts: _Attempts) -> bool:
    ask = hop.options.ask_passphrase
    if ask is None or not PASSWORD_METHODS & set(attempts.methods):
        return False
    password = ask(f"Password of {hop.config.user}@{hop.config.hostname}")
    if not password:
        return False
    try:
        left = transport.auth_password(hop.config.user, password)
    except (paramiko.SSHException, OSError, EOFError) as error:
        _unless_only_refused(transport, hop, error, attempts, "the password")
        attempts.tried.append("the password")
        return False
    if left:
        attempts.tried.append("the password, which was right, but more is asked for")
    return not left


def _unless_only_refused(
    transport: paramiko.Transport, hop: Hop, error: Exception, attempts: _Attempts, label: str
) -> None:
    """Go on after a refusal; end if the connection is no more, or hangs."""
    if isinstance(error, paramiko.AuthenticationException) and "timeout" in str(error).lower():
        raise hop.error(
            HostUnreachable,
            f"the login as {hop.config.user} gave no answer within {hop.timeout_s:g} s",
            remedy="The server hangs while it looks the account up: see its console.",
        ) from error
    if transport.is_active():
        return
    attempts.tried.append(label)
    why = "" if isinstance(error, paramiko.AuthenticationException | EOFError) else f" ({error})"
    raise _failed(hop, attempts, f"the server ended the connection{why}") from error


def _failed(hop: Hop, attempts: _Attempts, ending: str = "") -> AuthenticationFailed:
    account = attempts.account() + (f"; {ending}" if ending else "")
    return hop.error(
        AuthenticationFailed,
        f"no credential was accepted for {hop.config.user}@{hop.config.address}: {account}",
        remedy=attempts.remedy,
    )
