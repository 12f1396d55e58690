"""Reading and rendering the prompts: Jinja2 files, each of which a user may replace.

    prompts = Prompts(override=config_dir / "prompts")
    prompts.render("system", fence=fence.rule, may_fix=True)

A file of the same name in the override folder stands in the place of the shipped one; partials,
whose names begin with `_`, can be replaced too. A word that a template uses and nobody gives is an
error, never an empty place. A template reaches its values and other templates, and nothing else.
"""

from __future__ import annotations

import hashlib
from functools import cached_property
from importlib.resources import files
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Any

from pydantic import BaseModel, ConfigDict, TypeAdapter, ValidationError

from sme_tools.errors import PromptInvalid

if TYPE_CHECKING:
    from jinja2 import Environment

SUFFIX = ".md.j2"
TOOLS = "tools.yaml"


class ToolText(BaseModel):
    """What a model is told of one tool."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    description: str
    parameters: dict[str, dict[str, Any]] = {}
    """A JSON Schema for each parameter, by name."""
    required: list[str] = []

    def json_schema(self) -> dict[str, Any]:
        """The JSON Schema of all parameters together."""
        return {
            "type": "object",
            "properties": self.parameters,
            "required": self.required,
            "additionalProperties": False,
        }


class Prompts:
    """The shipped prompts, and a user's own in their place."""

    def __init__(self, override: Path | None = None) -> None:
        self.override = override

    def render(self, name: str, /, **values: object) -> str:
        """The text of one prompt, without white space around it.

        Raises:
            PromptInvalid: there is no such prompt, or it can't be rendered with these values; says
                which file and line.
        """
        from jinja2 import TemplateError, TemplateNotFound, TemplateSyntaxError

        file = self.source(name + SUFFIX)
        try:
            return self._environment.get_template(name + SUFFIX).render(**values).strip()
        except TemplateSyntaxError as error:
            raise PromptInvalid(f"{error.filename or file}:{error.lineno}: {error}") from error
        except TemplateNotFound as error:
            where = self._place(error.__traceback__)
            at = f"{where}: " if where else ""
            raise PromptInvalid(f"{at}there is no prompt {error.name}") from error
        except (TemplateError, *_FAULTS) as error:
            where = self._place(error.__traceback__) or file
            raise PromptInvalid(f"{where}: {error}") from error

    @cached_property
    def tools(self) -> dict[str, ToolText]:
        """What a model is told of each tool, by name.

        Raises:
            PromptInvalid: a file of the user's that is not of this form.
        """
        told = _tools(self._read(TOOLS), self.source(TOOLS))
        if self._own(TOOLS) is not None:
            shipped = _tools(_shipped_text(TOOLS) or "", TOOLS)
            if problem := _difference(told, shipped):
                raise PromptInvalid(f"{self.source(TOOLS)}: {problem}")
        return told

    @property
    def version(self) -> str:
        """Changes when any file does; tells which words a conversation was held with."""
        digest = hashlib.sha256()
        for name in self.names():
            digest.update(self._read(name).encode())
        return digest.hexdigest()[:12]

    def names(self) -> list[str]:
        """The files there are, the user's own among them."""
        shipped = {file.name for file in _shipped().iterdir()}
        own = self.override.iterdir() if self.override and self.override.is_dir() else ()
        return sorted(shipped | {path.name for path in own if path.name.endswith((SUFFIX, TOOLS))})

    def source(self, name: str) -> str:
        """Where a file is read from."""
        return str(self._own(name) or _shipped() / name)

    @cached_property
    def _environment(self) -> Environment:
        from jinja2 import FunctionLoader, StrictUndefined
        from jinja2.sandbox import ImmutableSandboxedEnvironment

        return ImmutableSandboxedEnvironment(
            loader=FunctionLoader(self._template),
            undefined=StrictUndefined,
            trim_blocks=True,
            lstrip_blocks=True,
            keep_trailing_newline=False,
            autoescape=False,  # the reader is a model, not a browser
        )

    def _template(self, name: str) -> tuple[str, str, None] | None:
        """A template's text and where it is from, for Jinja2; None if there is none."""
        if name not in self.names():
            return None  # a path would lead out of the folders
        return self._read(name), self.source(name), None

    def _own(self, name: str) -> Path | None:
        own = self.override / name if self.override else None
        return own if own and own.is_file() else None

    def _read(self, name: str) -> str:
        own = self._own(name)
        if own is None:
            return _shipped_text(name) or ""
        try:
            return own.read_text("utf-8")
        except (OSError, UnicodeDecodeError) as error:
            raise PromptInvalid(f"{own}: can't be read: {error}") from error

    def _place(self, traceback: TracebackType | None) -> str:
        """The innermost line of a template in a traceback; empty if there is none."""
        files, place = {self.source(name) for name in self.names()}, ""
        while traceback is not None:
            file = traceback.tb_frame.f_code.co_filename
            place = f"{file}:{traceback.tb_lineno}" if file in files else place
            traceback = traceback.tb_next
        return place


_FAULTS = (ArithmeticError, AttributeError, LookupError, RecursionError, TypeError, ValueError)
"""What else a template can come to that is no error of Jinja2's own: 1 / 0, a call of a text."""


def _tools(text: str, source: str) -> dict[str, ToolText]:
    """The texts of tools as a file has them. Raises PromptInvalid."""
    import yaml

    try:
        return TypeAdapter(dict[str, ToolText]).validate_python(yaml.safe_load(text))
    except (yaml.YAMLError, ValidationError) as error:
        raise PromptInvalid(f"{source}: {error}") from error


def _difference(told: dict[str, ToolText], shipped: dict[str, ToolText]) -> str:
    """What a user's texts say of tools otherwise than by their words; empty if nothing."""
    if missing := sorted(shipped.keys() - told.keys()):
        return f"lacks the tool {missing[0]}"
    if unknown := sorted(told.keys() - shipped.keys()):
        return f"there is no tool {unknown[0]}"
    for name, tool in told.items():
        if unknown := sorted(tool.parameters.keys() - shipped[name].parameters.keys()):
            return f"{name} has no parameter {unknown[0]}"
        if missing := sorted({*shipped[name].required} - {*tool.required}):
            return f"{name} requires {missing[0]}"
    return ""


def _shipped() -> Any:  # noqa: ANN401 - importlib's Traversable has no public name everywhere
    return files("sme_prompts") / "templates"


def _shipped_text(name: str) -> str | None:
    file = _shipped() / name
    return file.read_text("utf-8") if file.is_file() else None
