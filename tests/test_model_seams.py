"""What keeps models at arm's length: litellm has one door, and no prompt stands in Python."""

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
SOURCES = sorted(ROOT.glob("*/sme_*/**/*.py"))
START = "agent/sme_agent/llm/litellm_start.py"
"""Imported anywhere else, litellm fetches its price map, reads a .env file and writes to stderr."""
MESSAGES = ("UserMessage", "ToolMessage", "Prompt")
_SENTENCE = re.compile(r"[^\W\d_]{2,}[ ,;:]+[^\W\d_]{2,}")


def imports_of(tree: ast.AST) -> Iterator[str]:
    """Every module that is imported; with importlib too, where it is named in words."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            yield node.module or ""
        elif isinstance(node, ast.Call) and ast.unparse(node.func).endswith(
            ("import_module", "__import__")
        ):
            yield from (text.value for text in node.args if isinstance(text, ast.Constant))


def told_in_words(tree: ast.Module) -> Iterator[str]:
    """Sentences that are written where a message for a model is made, or in a constant for it."""
    constants = {
        target.id: node.value
        for node in tree.body
        if isinstance(node, ast.Assign)
        for target in node.targets
        if isinstance(target, ast.Name)
    }
    for node in ast.walk(tree):
        if not isinstance(node, ast.Call) or ast.unparse(node.func) not in MESSAGES:
            continue
        given = [keyword.value for keyword in node.keywords if keyword.arg in ("text", "system")]
        for value in [*node.args[:1], *given]:
            meant = constants.get(value.id, value) if isinstance(value, ast.Name) else value
            if isinstance(meant, ast.Constant | ast.JoinedStr | ast.BinOp):
                texts = [p.value for p in ast.walk(meant) if isinstance(p, ast.Constant)]
                yield from (t for t in texts if isinstance(t, str) and _SENTENCE.search(t))


def test_litellm_is_imported_where_it_is_started_alone():
    found = {
        path.relative_to(ROOT).as_posix()
        for path in SOURCES
        for name in imports_of(ast.parse(path.read_text("utf-8")))
        if str(name).split(".")[0] == "litellm"
    }
    assert found == {START}


def test_no_sentence_for_a_model_stands_in_python():
    found = [
        f"{path.relative_to(ROOT)}: {text!r}"
        for path in SOURCES
        for text in told_in_words(ast.parse(path.read_text("utf-8")))
    ]
    assert not found


@pytest.mark.parametrize(
    "line",
    [
        'UserMessage(text="Look at the disk.")',
        'UserMessage(text=f"Look at {host} again")',
        'WORDS = "Do it now"\nToolMessage(call="1", name="run", text=WORDS)',
        'Prompt("You are a helper", [])',
    ],
)
def test_such_a_sentence_is_noticed(line):
    assert list(told_in_words(ast.parse(line)))


@pytest.mark.parametrize(
    "line",
    ["from litellm import completion", "import litellm.main", 'import_module("litellm")'],
)
def test_such_an_import_is_noticed(line):
    assert any(name.startswith("litellm") for name in imports_of(ast.parse(line)))
