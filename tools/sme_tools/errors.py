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
│   ├── PromptInvalid         a prompt of the user's own
│   ├── SnapshotInvalid       not a snapshot, cut short or altered
│   └── PatternInvalid        a search pattern is no regular expression, or takes too long
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
├── ModelError                one model; the next of the chain is asked, at last the rules go on
│   ├── ModelKeyInvalid       the key is wrong or missing
│   ├── ModelForbidden        the key is right, but may not use this model
│   ├── ModelUnknown          the provider has no model of that name
│   ├── ModelRateLimited      too many requests or tokens in a short time
│   ├── ModelQuotaExhausted   the balance or a quota of days is used up
│   ├── ModelOverloaded       the provider is at its limit, or failed
│   ├── ModelTimeout          no answer in time
│   ├── ModelUnreachable      no connection, or it broke
│   ├── ContextTooLong        the prompt does not fit into the model's window
│   ├── ParameterUnsupported  the model does not know something that was asked for, such as tools
│   ├── ToolCallUnreadable    the provider could not read the tool call that its model wrote
│   ├── AnswerMalformed       the answer is broken, empty or goes in circles
│   ├── AnswerRefused         a content filter, or the model itself, refused
│   ├── BudgetSpent           our own budget of tokens or money
│   └── NoModelAnswers        every model of the chain failed
└── Interrupted               the user stopped it; what was found is kept (exit code 130)
"""

from __future__ import annotations

from collections.abc import Mapping
from enum import Enum


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


class PromptInvalid(UsageError):
    """A prompt can't be rendered; the message names file and line."""

    remedy = "Correct the file, or take it away: then the shipped prompt is used again."


class SnapshotInvalid(UsageError):
    """A snapshot file is not one of ours, was cut short, or was altered."""

    remedy = "Record it again: sme snapshot {host} -o FILE"


class PatternInvalid(UsageError):
    """A search pattern is not a regular expression, or takes too long on the text."""

    remedy = "Search for plain text instead, or simplify the pattern: no repeats within repeats."


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


class Treatment(Enum):
    """What is done about a model's failure."""

    WAIT = "the same model is asked again after a wait"
    ASK_ANEW = "the same model is asked again, after 1, 2, 3 and 4 seconds"
    SHORTEN = "the same model is asked at once with less text"
    DROP_PARAMETER = "the same model is asked at once, without what it does not know"
    GIVE_BACK = "the model is shown its failed call and asked for another"
    NEXT_MODEL = "the next model of the chain is asked at once"
    STOP = "no model is asked; the rules go on"


class ModelError(SmeError):
    """One model failed, in a way that none of the classes below tells.

    `model` is the chain entry; `{model}` in the remedy is filled in with it. `retry_after_s` is
    how long the provider wants to be left alone, where it says so.
    """

    remedy = "Ask it by itself, and see what it says: sme model test {model}"
    treatment = Treatment.NEXT_MODEL
    retries: int | None = None
    """How often the model is asked again at most; None: as long as the wait budget lasts."""

    def __init__(
        self,
        message: str,
        *,
        model: str | None = None,
        remedy: str | None = None,
        retry_after_s: float | None = None,
    ) -> None:
        super().__init__(message, remedy=remedy)
        self.model = model
        self.retry_after_s = retry_after_s
        self.remedy = self.remedy.replace("{model}", model or "NAME")

    def __str__(self) -> str:
        return f"{self.model}: {self.message}" if self.model else self.message


class ModelKeyInvalid(ModelError):
    """The key is wrong, revoked or missing."""

    remedy = (
        "Put a valid key into the provider's variable (such as ANTHROPIC_API_KEY), or name its "
        'place in config.toml: [model."{model}"] api_key = "env:VARIABLE". '
        "Then: sme model test {model}"
    )


class ModelForbidden(ModelError):
    """The key was accepted, but it may not do this."""

    remedy = (
        "See in the provider's console what the key, its project or your region may use, or take "
        "another model: sme model list"
    )


class ModelUnknown(ModelError):
    """The provider, or the local server, has no model of that name."""

    remedy = (
        "Compare the name with the provider's list of models; what is configured: sme model list. "
        'Another name is set in config.toml: [model."{model}"] model = "PROVIDER/MODEL"'
    )


class ModelRateLimited(ModelError):
    """Too many requests or tokens in a short time; it passes by itself."""

    remedy = (
        'Ask less often: [model."{model}"] requests_per_minute or tokens_per_minute in '
        "config.toml make requests wait for their turn. Or add a second model to `models`."
    )
    treatment = Treatment.WAIT


class ModelQuotaExhausted(ModelError):
    """The balance, or a quota that lasts for hours or days, is used up; waiting does not help."""

    remedy = (
        "Add credit or raise the limit in the provider's console, then: sme model test {model}. "
        "Or add a model that costs nothing, such as one of Ollama's, to `models` in config.toml."
    )


class ModelOverloaded(ModelError):
    """The provider, or the local server, is at its limit, is starting, or failed by itself."""

    remedy = (
        "Try again in some minutes; the provider's status page says more. A second model in "
        "`models` of config.toml steps in meanwhile."
    )
    treatment = Treatment.WAIT


class ModelTimeout(ModelError):
    """No answer, or nothing more of it, came in time."""

    remedy = (
        'If the model is only slow, give it longer: [model."{model}"] read_timeout_s in '
        "config.toml. How fast it is: sme model test {model}"
    )
    treatment = Treatment.WAIT
    retries = 1


class ModelUnreachable(ModelError):
    """No connection could be made, or it broke before the answer was complete."""

    remedy = (
        "Check the network from this machine, and the address of the model's server: "
        '[model."{model}"] api_base in config.toml. Then: sme model test {model}'
    )
    treatment = Treatment.WAIT
    retries = 2


class ContextTooLong(ModelError):
    """Prompt and answer together do not fit into the model's window."""

    remedy = (
        'Tell how much the model holds: [model."{model}"] context_tokens in config.toml; a local '
        "server must be started with as much. In a chat, /compact makes room."
    )
    treatment = Treatment.SHORTEN
    retries = 2
    window: int | None = None
    """How many tokens fit, where the provider tells."""


class ParameterUnsupported(ModelError):
    """The model or its server does not know something in the request."""

    remedy = (
        'Take it out of [model."{model}"] in config.toml (temperature, reasoning_effort, extra), '
        'or set tools = "text" there for a model without tools.'
    )
    treatment = Treatment.DROP_PARAMETER
    parameter: str | None = None
    """Its name as the provider has it, such as `temperature` or `tools`, where it can be told."""


class ToolCallUnreadable(ModelError):
    """The provider could not read, or did not accept, the tool call that its model wrote."""

    remedy = (
        "If it repeats, the model is too weak for tool calls of this form: set "
        '[model."{model}"] tools = "text" in config.toml, or take a larger model.'
    )
    treatment = Treatment.GIVE_BACK
    retries = 2
    generation: str = ""
    """What the model wrote; empty where the provider does not tell."""


class AnswerMalformed(ModelError):
    """The answer is broken, empty, or goes in circles."""

    remedy = (
        "If it repeats, take a larger model or one that is less quantised, or set "
        '[model."{model}"] tools = "text" in config.toml.'
    )
    treatment = Treatment.ASK_ANEW
    retries = 4


class AnswerRefused(ModelError):
    """A content filter of the provider, or the model itself, refused to answer."""

    remedy = (
        "Put the question in other words, or take another model: logs about attacks and malware "
        "set off some filters. sme model list shows what is configured."
    )


class BudgetSpent(ModelError):
    """Our own budget of tokens or money, for a session or a day, is used up."""

    remedy = "Raise it in config.toml, [budget.session] or [budget.day], or go on without a model."
    treatment = Treatment.STOP


class NoModelAnswers(ModelError):
    """Every model of the chain failed; `reasons` has why, by chain entry and in its order."""

    remedy = "See what each of them says: sme model test"
    treatment = Treatment.STOP

    def __init__(self, reasons: Mapping[str, str], *, remedy: str | None = None) -> None:
        said = "; ".join(f"{model}: {reason}" for model, reason in reasons.items())
        super().__init__(
            f"no model answers: {said}" if said else "no model is configured", remedy=remedy
        )
        self.reasons = dict(reasons)


class Interrupted(SmeError):
    """The user stopped it; what was found until then is kept."""
