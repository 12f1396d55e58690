"""What keeps the rooms apart and the start quick, checked over every file of the packages."""

import ast
import json
import os
import subprocess
import sys
import tomllib
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent

BELOW = {
    "sme_cli": {
        "sme_fleet",
        "sme_agent",
        "sme_knowledge",
        "sme_memory",
        "sme_prompts",
        "sme_tools",
    },
    "sme_fleet": {"sme_agent", "sme_knowledge", "sme_memory", "sme_prompts", "sme_tools"},
    "sme_agent": {"sme_knowledge", "sme_memory", "sme_prompts", "sme_tools"},
    "sme_knowledge": {"sme_tools"},
    "sme_memory": {"sme_tools"},
    "sme_prompts": {"sme_tools"},
    "sme_tools": set(),
}
"""What each package may import. knowledge, memory and prompts don't know each other."""

HEAVY = {
    "aiosqlite",
    "apprise",
    "apscheduler",
    "cel",
    "chromadb",
    "cryptography",
    "drain3",
    "httpx",
    "jinja2",
    "keyring",
    "langchain_core",
    "langgraph",
    "litellm",
    "mcp",
    "numpy",
    "onnxruntime",
    "paramiko",
    "requests",
    "sentence_transformers",
    "torch",
}
"""Loaded where they are used: `sme --help` and tab completion stay quick without them."""

MAY_CATCH_ALL = {
    "cli/sme_cli/app.py:main",
    "agent/sme_agent/llm/attempt.py:_answer",
    "agent/sme_agent/llm/reading.py:_answer",
    "agent/sme_agent/llm/reading.py:_read",
}
"""The outermost edge, where any error becomes a message and an exit code; and the edge to litellm,
which raises whatever it stumbles over: there it becomes a ModelError."""

SOURCES = sorted(
    path
    for package in BELOW
    for path in ROOT.glob(f"*/{package}/**/*.py")
    if "build" not in path.parts
)


def package_of(path: Path) -> str:
    return path.relative_to(ROOT).parts[1]


def imported(path: Path) -> Iterator[tuple[int, str]]:
    """Line and top-level package of every import, those inside functions included."""
    for node in ast.walk(ast.parse(path.read_text("utf-8"))):
        if isinstance(node, ast.Import):
            yield from ((node.lineno, alias.name.split(".")[0]) for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            name = package_of(path) if node.level else (node.module or "")
            yield node.lineno, name.split(".")[0]


def test_every_package_of_ours_is_installed_and_checked():
    here = {path.parent.name for path in ROOT.glob("*/sme_*/__init__.py")}
    assert here == {package_of(path) for path in SOURCES}
    tool = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["tool"]
    wheel = {Path(folder).name for folder in tool["hatch"]["build"]["targets"]["wheel"]["packages"]}
    assert here == wheel == set(tool["mypy"]["packages"])
    assert here == {path.parent.name for path in ROOT.glob("*/sme_*/py.typed")}


def test_imports_go_one_way():
    wrong = [
        f"{path.relative_to(ROOT)}:{line} imports {name}"
        for path in SOURCES
        for line, name in imported(path)
        if name in BELOW and name not in BELOW[package_of(path)] | {package_of(path)}
    ]
    assert not wrong


def test_only_the_outermost_edge_catches_everything():
    found = {
        f"{path.relative_to(ROOT).as_posix()}:{function.name}"
        for path in SOURCES
        for function in ast.walk(ast.parse(path.read_text("utf-8")))
        if isinstance(function, ast.FunctionDef | ast.AsyncFunctionDef)
        for handler in ast.walk(function)
        if isinstance(handler, ast.ExceptHandler)
        and catches_all(handler)
        and not passes_on(handler)
    }
    assert found == MAY_CATCH_ALL


def catches_all(handler: ast.ExceptHandler) -> bool:
    """`except:`, `except Exception:`, and either name within a tuple."""
    if handler.type is None:
        return True
    names = handler.type.elts if isinstance(handler.type, ast.Tuple) else [handler.type]
    return any(
        isinstance(name, ast.Name) and name.id in {"Exception", "BaseException"} for name in names
    )


def passes_on(handler: ast.ExceptHandler) -> bool:
    """Whether it cleans up and raises again, which swallows nothing."""
    last = handler.body[-1]
    return isinstance(last, ast.Raise) and last.exc is None


def python(*arguments: str) -> str:
    """What a fresh interpreter prints that finds packages where this one does."""
    ran = subprocess.run(
        [sys.executable, *arguments],
        env=os.environ | {"PYTHONPATH": os.pathsep.join(sys.path)},
        capture_output=True,
        text=True,
    )
    assert ran.returncode == 0, ran.stderr
    return ran.stdout


def test_heavy_packages_are_loaded_where_they_are_used():
    loaded = python(
        "-c", "import sys, sme_cli.app; print(*{name.split('.')[0] for name in sys.modules})"
    )
    assert HEAVY & set(loaded.split()) == set()


def imports(folder: Path, *modules: str) -> list[str]:
    """What these modules of the folder do when they are imported, beyond defining things."""
    return json.loads(
        python(str(Path(__file__).parent / "watched_imports.py"), f"{folder}/", *modules)
    )


def test_nothing_happens_on_import():
    modules = [
        ".".join(path.relative_to(ROOT).with_suffix("").parts[1:]).removesuffix(".__init__")
        for path in SOURCES
        if path.name != "__main__.py"
    ]
    assert imports(ROOT, *modules) == []


@pytest.mark.parametrize(
    "line",
    [
        "import os; os.environ.get('HOME')",
        "import os; 'HOME' in os.environ",
        "import os; os.getenv('HOME')",
        "from pathlib import Path; Path.home()",
        "from pathlib import Path; Path(__file__).with_name('other').touch()",
        "import os; os.makedirs('/tmp/x/y', exist_ok=True)",
        "import subprocess; subprocess.run(['true'])",
        "import sqlite3; sqlite3.connect(':memory:')",
        "import threading, time; threading.Thread(target=time.sleep, args=[0.2]).start()",
    ],
)
def test_what_happens_on_import_is_noticed(line, tmp_path, monkeypatch):
    (tmp_path / "naughty.py").write_text(line)
    monkeypatch.syspath_prepend(tmp_path)
    assert imports(tmp_path, "naughty")
