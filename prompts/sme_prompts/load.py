"""Reading and rendering the prompts: Jinja2 files, each of which a user may replace.

    prompts = Prompts(override=config_dir / "prompts")
    prompts.render("system", fence=fence.rule, may_fix=True)

A file of the same name in the override folder stands in the place of the shipped one; partials,
whose names begin with `_`, can be replaced too. A word that a template uses and nobody gives is an
error, never an empty place.
"""

from __future__ import annotations

import hashlib
from functools import cached_property
from importlib.resources import files
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pydantic import BaseModel, ConfigDict, ValidationError

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

        try:
            return self._environment.get_template(name + SUFFIX).render(**values).strip()
        except TemplateNotFound as error:
            raise PromptInvalid(f"there is no prompt {error.name}") from error
        except TemplateSyntaxError as error:
            where = f"{error.filename or name}:{error.lineno}"
            raise PromptInvalid(f"{where}: {error.message}") from error
        except TemplateError as error:
            raise PromptInvalid(f"{self.source(name + SUFFIX)}: {error.message}") from error

    @cached_property
    def tools(self) -> dict[str, ToolText]:
        """What a model is told of each tool, by name.

        Raises:
            PromptInvalid: a file of the user's that is not of this form.
        """
        import yaml

        text = self._read(TOOLS)
        try:
            return {
                name: ToolText.model_validate(one) for name, one in yaml.safe_load(text).items()
            }
        except (yaml.YAMLError, ValidationError, AttributeError) as error:
            raise PromptInvalid(f"{self.source(TOOLS)}: {error}") from error

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
        own = self.override / name if self.override else None
        return str(own if own and own.is_file() else _shipped() / name)

    @cached_property
    def _environment(self) -> Environment:
        from jinja2 import ChoiceLoader, FileSystemLoader, FunctionLoader, StrictUndefined
        from jinja2.sandbox import ImmutableSandboxedEnvironment

        shipped = FunctionLoader(_shipped_text)
        own = [FileSystemLoader(self.override)] if self.override else []
        return ImmutableSandboxedEnvironment(
            loader=ChoiceLoader([*own, shipped]),
            undefined=StrictUndefined,
            trim_blocks=True,
            lstrip_blocks=True,
            keep_trailing_newline=False,
            autoescape=False,  # the reader is a model, not a browser
        )

    def _read(self, name: str) -> str:
        own = self.override / name if self.override else None
        if own and own.is_file():
            try:
                return own.read_text("utf-8")
            except (OSError, UnicodeDecodeError) as error:
                raise PromptInvalid(f"{own}: can't be read: {error}") from error
        return _shipped_text(name) or ""


def _shipped() -> Any:  # noqa: ANN401 - importlib's Traversable has no public name everywhere
    return files("sme_prompts") / "templates"


def _shipped_text(name: str) -> str | None:
    file = _shipped() / name
    return file.read_text("utf-8") if file.is_file() else None
