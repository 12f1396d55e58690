"""Little languages that hide in arguments: what a script in one of them can do."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from sme_tools.safety.policy.languages.awk import awk
from sme_tools.safety.policy.languages.mongo import mongo
from sme_tools.safety.policy.languages.sed import sed
from sme_tools.safety.policy.languages.sql import sql
from sme_tools.safety.policy.verdict import Ruling

if TYPE_CHECKING:
    from sme_tools.safety.policy.tree import Tree
    from sme_tools.safety.policy.words import Word

Language = Callable[["Tree", str, "Word"], Ruling]


def shell(tree: Tree, name: str, script: Word) -> Ruling:
    """A script that the program hands to a shell."""
    return tree.script(script)


LANGUAGES: dict[str, Language] = {
    "awk": awk,
    "mongo": mongo,
    "sed": sed,
    "shell": shell,
    "sql": sql,
}
"""What `language` in a description may name."""
