"""A known issue: symptoms, signature, root cause, resolution and prevention in one file.

The file is Markdown with YAML front matter:

    ---
    id: docker-root-full
    title: Docker's data root has filled its disk
    severity: critical
    symptoms: [no space left on device while pulling an image]
    …
    ---
    The story, for people.

`KnownIssue.read` takes a file, `KnownIssue.parse` its text. What is wrong with a file is said with
file, line, field and what is allowed.
"""

from __future__ import annotations

import datetime
import re
from collections.abc import Callable
from pathlib import Path
from typing import Annotated, Any, Literal, Self

from pydantic import (
    AfterValidator,
    BaseModel,
    ConfigDict,
    Field,
    PrivateAttr,
    StringConstraints,
    ValidationError,
    model_validator,
)

from sme_knowledge import front_matter
from sme_tools.actions.plan import (
    DEFAULT_HOLD_S,
    DEFAULT_TIMEOUT_S,
    HoldS,
    TimeoutS,
    plain_path,
)
from sme_tools.checks.finding import Severity
from sme_tools.errors import KnownIssueInvalid
from sme_tools.yaml_source import describe

MAX_FILE_BYTES = 256 * 1024

Status = Literal["candidate", "validated", "superseded", "retired"]
"""candidate: learned once, not yet confirmed; validated: its fix has held."""


def _form(pattern: str, allowed: str) -> AfterValidator:
    """The text must match; if it does not, `allowed` says in words what would."""

    def check(value: str) -> str:
        if not re.fullmatch(pattern, value):
            raise ValueError(f"must be {allowed}, not {value[:60]!r}")
        return value

    return AfterValidator(check)


def _bounded(most: int) -> StringConstraints:
    return StringConstraints(strip_whitespace=True, min_length=1, max_length=most)


def _condition(value: str) -> str:
    """Raise ValueError, as pydantic expects, unless the text is CEL within our limits."""
    from sme_tools.checks.conditions import Condition as Compiled

    Compiled.compile(value)
    return value


_A_WORD = r"[a-z0-9]+(?:-[a-z0-9]+)*"
IssueId = Annotated[
    str,
    _bounded(80),
    _form(_A_WORD, "lower-case words joined by hyphens, such as docker-root-full"),
]
ProbeId = Annotated[
    str,
    _bounded(120),
    _form(r"[a-z]+(\.[a-z][a-z0-9_]*)+", "the id of a probe, such as storage.filesystems"),
]
CheckId = Annotated[
    str,
    _bounded(120),
    _form(r"[a-z]+\." + _A_WORD, "the id of a check, such as storage.filesystem-full"),
]
Word = Annotated[
    str, _bounded(40), _form(r"[a-z0-9][a-z0-9.+-]*", "a lower-case word, such as docker")
]
ParameterName = Annotated[
    str, _bounded(40), _form(r"[A-Z][A-Z0-9_]+", "a word in capitals, such as POOL")
]
Line = Annotated[str, _bounded(300), _form(r"[^\n]+", "one line of text")]
Title = Annotated[str, _bounded(140), _form(r"[^\n]+", "one line of text")]
Text = Annotated[str, _bounded(8000)]
Condition = Annotated[str, _bounded(2000), AfterValidator(_condition)]
"""A CEL condition over the facts of one host; the same length limit as a check's."""
Each = Annotated[
    str,
    _bounded(200),
    _form(r"[a-z][a-z0-9_.]* as [a-z][a-z0-9_]*", "PATH as NAME: storage.filesystems as f"),
]


def _path_or_parameter(value: str) -> str:
    return value if re.fullmatch(r"[A-Z][A-Z0-9_]*", value) else plain_path(value)


KeptPath = Annotated[str, _bounded(1000), AfterValidator(_path_or_parameter)]
"""The full path of a file on the host; parameters may stand for parts of it, or for all."""


class Part(BaseModel):
    """Base of everything in the front matter."""

    model_config = ConfigDict(extra="forbid", frozen=True)


def _short(field: str) -> Callable[[Any], Any]:
    """A part that may be written as the text of its one main field alone."""

    def expand(value: Any) -> Any:  # noqa: ANN401 - raw YAML
        return {field: value} if isinstance(value, str) else value

    return expand


class Signature(Part):
    """The condition that recognises the issue on a host; without `each`, written as text alone."""

    when: Condition
    each: Each | None = None
    """`storage.filesystems as f`: the condition is asked of each item of that list."""
    rules_out: bool = True
    """Whether the issue is ruled out where the condition is false. A log that lacks a line, and a
    cause that is one of several, prove nothing."""

    _text_alone = model_validator(mode="before")(_short("when"))


class Diagnosis(Part):
    """One look that tells the issue from its neighbours."""

    probe: ProbeId
    why: Text
    supports: Condition | None = None
    """Holds where the facts speak for this issue."""
    refutes: Condition | None = None
    """Holds where the facts rule this issue out."""


class Verification(Part):
    """What shows that a step worked: a condition over facts observed anew, or a command.

    Exactly one of `when` and `run` is set. A condition may be written as text alone.
    """

    when: Condition | None = None
    run: Text | None = None
    exit_codes: list[Annotated[int, Field(ge=0, le=255)]] = Field(default=[0], min_length=1)
    """The exit codes of `run` that mean success."""

    _text_alone = model_validator(mode="before")(_short("when"))

    @model_validator(mode="after")
    def _one_of_them(self) -> Self:
        if (self.when is None) == (self.run is None):
            raise ValueError("must be a condition over facts, or {run: …, exit_codes: [0]}")
        return self


class Parameter(Part):
    """A word in capitals in the steps of a resolution, and what stands in its place on a host."""

    about: Line
    value: Condition | None = None
    """A CEL expression that gives the text, over the host's facts and the item of the signature's
    `each` under its name. None: a person says it."""

    _text_alone = model_validator(mode="before")(_short("about"))


class Step(Part):
    """One step of a resolution."""

    title: Title
    run: Text
    """Shell text for the host, in which parameters of the issue stand for what differs."""
    undo: Text | None = None
    """What takes the step back, after `keep_files` were put back; None where nothing else needs it
    or nothing can. It must do no harm when it runs twice, or when `run` had not begun."""
    verify: Verification
    pre_state: list[Text] = Field(default=[], max_length=20)
    """Read-only commands whose output is kept before the step, and compared after an undo."""
    keep_files: list[KeptPath] = Field(default=[], max_length=20)
    """Files that are kept as they are, or their absence, and put back exactly by an undo."""
    timeout_s: TimeoutS = DEFAULT_TIMEOUT_S
    """For `run`, and again for `undo`."""
    hold_s: HoldS = DEFAULT_HOLD_S
    """How long the verification must stay true before the step counts as done."""
    by_hand: bool = False
    """Something in it is for a person to decide or to do elsewhere: shown, never run."""
    alternative: bool = False
    """Another way to do what the step before does: only where a person chooses it."""
    notes: Text | None = None


class Prevention(Part):
    """What keeps the issue from coming back; may be written as text alone."""

    text: Text
    check: CheckId | None = None
    """The check that warns in time."""
    limit: float | None = None
    """The threshold to set for that check."""

    _text_alone = model_validator(mode="before")(_short("text"))


class Provenance(Part):
    """Where the knowledge comes from."""

    source: Line
    recorded: datetime.date
    recorded_by: Line | None = None
    incidents: list[Line] = []
    references: list[Line] = []


class KnownIssue(Part):
    """The front matter of one file, and the story under it."""

    id: IssueId
    title: Title
    severity: Severity
    status: Status
    applies_to: list[Word] = Field(min_length=1)
    """What must be there for the issue to be possible: docker, proxmox, nvidia, linux."""
    symptoms: list[Line] = Field(min_length=1)
    """What users see and type: phrases and error texts."""
    signature: Signature | None = None
    """None for an issue that facts can't prove."""
    explains: list[CheckId] = []
    """Checks whose findings this issue causes."""
    root_cause: Text
    diagnosis: list[Diagnosis] = []
    resolution: list[Step] = Field(min_length=1)
    parameters: dict[ParameterName, Parameter] = {}
    """The words in capitals, such as POOL, that stand in the steps for what differs by host."""
    prevention: list[Prevention] = []
    supersedes: list[IssueId] = []
    provenance: Provenance
    story: str = ""
    """The Markdown under the front matter."""

    _path: Path | None = PrivateAttr(default=None)

    @property
    def path(self) -> Path | None:
        """The file it was read from, or None if it was made in memory."""
        return self._path

    @classmethod
    def read(cls, path: Path) -> KnownIssue:
        """Read one file.

        Raises:
            KnownIssueInvalid: unreadable or not of this form; names file, line and field.
        """
        try:
            if path.stat().st_size > MAX_FILE_BYTES:
                raise KnownIssueInvalid(
                    f"{path}: larger than {MAX_FILE_BYTES // 1024} KiB",
                    remedy="Keep logs and listings out of the file; the story needs few lines.",
                )
            text = path.read_text(encoding="utf-8-sig")
        except OSError as error:
            raise KnownIssueInvalid(f"{path}: can't be read: {error.strerror}") from error
        except UnicodeDecodeError as error:
            raise KnownIssueInvalid(f"{path}: not UTF-8 (byte {error.start})") from error
        issue = cls.parse(text, str(path))
        issue._path = path
        return issue

    @classmethod
    def parse(cls, text: str, source: str) -> KnownIssue:
        """Read a file's text; `source` names it in errors. Raises KnownIssueInvalid."""
        head, story = front_matter.split(text, source)
        values = front_matter.read(head, source)
        if "story" in values:
            raise KnownIssueInvalid(
                f"{source}: story: there is no such field; the Markdown under the YAML is the story"
            )
        try:
            return cls.model_validate({**values, "story": story})
        except ValidationError as error:
            raise KnownIssueInvalid(
                describe(error, head, source, cls),
                remedy="The form of a known issue: sme issues show docker-root-full --source",
            ) from error
