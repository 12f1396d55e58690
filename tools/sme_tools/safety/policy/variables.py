"""Which variables of a command line have a value that is known before it runs.

A variable is taken as known only if the whole text assigns it exactly once, plainly, and by nothing
that could give it a value while it runs: `read`, `eval`, `printf -v`, arithmetic, `${x:=…}`.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator
from typing import Any

from sme_tools.safety.policy.syntax import Node
from sme_tools.safety.policy.words import MARKS

_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
_INTEGER = re.compile(r"-?\d+")
_ASSIGNING = {
    "read", "mapfile", "readarray", "getopts", "unset", "printf", "wait", "local", "typeset",
    "declare", "export", "readonly", "let", "select", "set", "shift", "coproc",
}  # fmt: skip
_ANYTHING = {"eval", "source", ".", "trap", "alias", "enable", "builtin", "command"}
ACTING_BUILTINS = frozenset(_ASSIGNING | _ANYTHING)
"""What has to stand under its own name, to be seen before the line is followed."""
ARITHMETIC_ASSIGNMENTS = {
    "=", "+=", "-=", "*=", "/=", "%=", "&=", "|=", "^=", "<<=", ">>=", "**=",
}  # fmt: skip
_SHELLS_OWN = re.compile(
    r"PATH|IFS|ENV|BASH.*|SHELL.*|PS[0-4]|PROMPT_.*|CDPATH|GLOBIGNORE|HIST.*|FIGNORE|FPATH|ZDOTDIR"
    r"|LD_.*|DYLD_.*|HOME|PWD|OLDPWD|TMPDIR|.*PAGER|.*EDITOR|VISUAL|BROWSER|LESS.*|MANOPT|GREP_.*"
    r"|TAR_.*|GZIP|XZ_.*|ZSTD_.*|GIT_.*|SSH_.*|RSYNC_.*|PERL.*|PYTHON.*|RUBY.*|NODE_.*|NPM_.*|JAVA.*"
    r"|_JAVA.*|CLASSPATH|.*_(?:proxy|PROXY)|OPENSSL_.*|SSL_.*|CURL_.*|WGETRC|KUBE.*|DOCKER_.*"
    r"|CONTAINER.*|ANSIBLE.*|AWS_.*|GCONV_PATH|LOCPATH|NLSPATH|HOSTALIASES|MALLOC_.*|GLIBC_.*"
    r"|TERMINFO.*|TERMCAP|SYSTEMD_(?!COLORS|PAGER$|LESS).*|SUDO_.*|EXECIGNORE|INPUTRC|MAIL.*|TMOUT"
    r"|EPOCH.*|FUNCNEST|POSIXLY_CORRECT|READLINE_.*|histchars|PSQL.*|PG(?!USER|PORT|DATABASE|"
    r"CONNECT_TIMEOUT|PASSWORD|TZ|OPTIONS$).*|PGOPTIONS|MYSQL_.*|REDISCLI_.*|LIBVIRT.*|OLLAMA_.*"
)
_HARMLESS_IN_ENVIRONMENT = re.compile(
    r"LC_[A-Z]+|LANG|LANGUAGE|TZ|COLUMNS|LINES|TERM|NO_COLOR|CLICOLOR|COLORTERM|SYSTEMD_COLORS"
    r"|DEBIAN_FRONTEND|PG(?:USER|HOST|PORT|DATABASE|CONNECT_TIMEOUT|PASSWORD|TZ)|TIME_STYLE"
    r"|BLOCKSIZE|BLOCK_SIZE|DF_BLOCK_SIZE|LS_COLORS|QUOTING_STYLE|WATCH_INTERVAL|ETCDCTL_API"
    r"|CUDA_VISIBLE_DEVICES|NVIDIA_VISIBLE_DEVICES"
)
_SET_BY_SHELL = re.compile(
    r"_|REPLY|MAPFILE|COPROC.*|OPT(?:ARG|IND|ERR)|FUNCNAME|S?RANDOM|SECONDS|LINENO|GROUPS|DIRSTACK"
    r"|PIPESTATUS|E?UID|PPID|COLUMNS|LINES|HOSTNAME|HOSTTYPE|MACHTYPE|OSTYPE|\.sh\..*"
)
"""What the shell gives a value by itself, whatever a line assigns."""
NAMES_SERVER = frozenset(("PGHOST",))
"""Variables that say which server a client asks: what they are set to has to be seen."""
_ONLY_IDS = r"(?!-\w*[^fxnoviutgPsGUt0-9-])(?!--).*"
"""A word of `pgrep` with which it prints numbers, each on its own line."""
_PAGERS = re.compile(r"(?:GIT_|SYSTEMD_|MAN)?PAGER")


class Variables:
    """What the whole text says of its variables."""

    def __init__(self, syntax: Node, *, trusting: bool = False) -> None:
        self._trusting = trusting
        self._assigned: Counter[str] = Counter()
        self._not_numeric: set[str] = set()
        self._plain: set[str] = set()
        self.anything = False
        """Whether something may assign any variable."""
        self._moves = False
        for node in objects(syntax):
            self._note(node)

    def is_constant(self, name: str) -> bool:
        """Whether one plain assignment is all that ever gives it a value; trusting: whether any
        plain assignment does, which proves nothing but shows what a line is up to."""
        if self._trusting:
            return name in self._plain
        known = not self.anything and self._assigned[name] == 1 and name in self._plain
        return known and not _SET_BY_SHELL.fullmatch(name)

    @property
    def fixed_parameters(self) -> bool:
        """Whether nothing changes what `$1` and so on stand for."""
        return self._trusting or not (self._moves or self.anything)

    def is_numeric(self, name: str) -> bool:
        """Whether it only ever holds integers, so that arithmetic over it runs nothing."""
        known = not self.anything and self._assigned[name] > 0 and name not in self._not_numeric
        return known and not _SET_BY_SHELL.fullmatch(name)

    def _note(self, node: Node) -> None:
        match node.get("Type"):
            case "CallExpr":
                self._note_call(node)
            case "DeclClause":
                self._note_declaration(node)
            case "WordIter":
                items = node.get("Items") or []
                numeric = bool(items) and all(is_integer(i) or prints_integers(i) for i in items)
                self._set(node["Name"]["Value"], plain=True, numeric=numeric)
            case "ParamExp" if (node.get("Exp") or {}).get("Op") in ("=", ":="):
                self._set(node["Param"]["Value"], plain=False, numeric=False)
            case "BinaryArithm" if node.get("Op") in ARITHMETIC_ASSIGNMENTS:
                self._set_arithmetic(node["X"])
            case "UnaryArithm" if node.get("Op") in ("++", "--"):
                self._set_arithmetic(node["X"])
            case "CoprocClause":
                self._set((literal_of(node.get("Name") or {}) or "COPROC"), False, False)

    def _note_declaration(self, node: Node) -> None:
        for argument in node.get("Args", []):
            if "Name" in argument:
                self._set(argument["Name"]["Value"], plain=False, numeric=False)
            elif literal_of(argument.get("Value", {})) is None:
                self.anything = True

    def _note_call(self, node: Node) -> None:
        for assign in node.get("Assigns", []):
            plain = (
                "Value" in assign
                and not assign.get("Append")
                and "Index" not in assign
                and "Array" not in assign
            ) or set(assign) <= {"Name", "Pos", "End"}
            value = assign.get("Value", {})
            self._set(assign["Name"]["Value"], plain, is_integer(value))
        words = [literal_of(word) for word in node.get("Args", [])]
        if not words:
            return
        name = words[0]
        options = name == "set" and all(word and re.match(r"[-+]\w", word) for word in words[1:])
        self._moves |= name == "shift" or (name == "set" and not options)
        if name in _ANYTHING and not (name == "command" and words[1:2] == ["-v"]):
            self.anything = True
        if name in _ASSIGNING:
            for word in words[1:]:
                if word is None or "{" in word:
                    self.anything = True
                else:
                    for found in _NAME.findall(word):
                        self._set(found, plain=False, numeric=False)

    def _set(self, name: str, plain: bool, numeric: bool) -> None:
        self._assigned[name] += 1
        if plain:
            self._plain.add(name)
        if not numeric:
            self._not_numeric.add(name)

    def _set_arithmetic(self, target: Node) -> None:
        if name := literal_of(target):
            self._set(name, plain=False, numeric=True)


def is_integer(word: Node) -> bool:
    """Whether a word is an integer whatever happens: a literal, `$((…))`, or `$(nproc)`."""
    if (literal := literal_of(word)) is not None:
        return _INTEGER.fullmatch(literal) is not None
    parts = word.get("Parts", [])
    if len(parts) == 1 and parts[0].get("Type") == "DblQuoted":
        parts = parts[0].get("Parts", [])
    if len(parts) != 1:
        return False
    if parts[0].get("Type") == "CmdSubst":
        return prints_integer(parts[0])
    kind: str = parts[0].get("Type", "")
    return kind == "ArithmExp"


def prints_integer(substitution: Node) -> bool:
    """Whether a substitution prints one integer and nothing else."""
    statements = substitution.get("Stmts", [])
    command = statements[0].get("Cmd", {}) if len(statements) == 1 else {}
    while command.get("Type") == "BinaryCmd" and command.get("Op") in ("|", "|&"):
        command = command["Y"].get("Cmd", {})
    if command.get("Type") != "CallExpr" or command.get("Assigns"):
        return False
    words = [literal_of(word) or "" for word in command["Args"]]
    match words:
        case ["date", form]:
            return re.fullmatch(r"\+(?:%[sNYmdHMSj])+", form) is not None
        case ["nproc"] | ["id", "-u"] | ["id", "-g"] | ["nproc", "--all"]:
            return True
        case ["wc", option]:
            return option in ("-l", "-c", "-w", "-m")
        case ["stat", "-c", form, _]:
            return re.fullmatch(r"%[YXZWsbgu]", form) is not None
    return False


def prints_integers(word: Node) -> bool:
    """Whether an unquoted substitution, or a range in braces, gives integers and nothing else."""
    if re.fullmatch(r"\{-?\d+\.\.-?\d+(?:\.\.\d+)?\}", literal_of(word) or ""):
        return True
    parts = word.get("Parts", [])
    if len(parts) != 1 or parts[0].get("Type") != "CmdSubst":
        return False
    statements = parts[0].get("Stmts", [])
    command = statements[0].get("Cmd", {}) if len(statements) == 1 else {}
    if command.get("Type") != "CallExpr" or command.get("Assigns"):
        return False
    words = [literal_of(word) for word in command["Args"]]
    if any(word is None or not re.fullmatch(_ONLY_IDS, word) for word in words):
        return False
    return words[0] in ("pgrep", "pidof") or (
        words[0] == "seq" and all(_INTEGER.fullmatch(word or "") for word in words[1:])
    )


def harmful_to_assign(name: str) -> bool:
    """Whether the shell, or what it starts, acts on this variable."""
    return _SHELLS_OWN.fullmatch(name) is not None


def harmless_in_environment(name: str, value: str) -> bool:
    """Whether no program acts on it but by how it prints."""
    if _PAGERS.fullmatch(name):
        return value in ("", "cat")
    if name.startswith("PG") and re.search(f"[{MARKS}]", value):
        return False  # it is sent to a server, whose name it may be
    return _HARMLESS_IN_ENVIRONMENT.fullmatch(name) is not None


def literal_of(word: Node) -> str | None:
    """The text of a word that is nothing but literal text; of `$'…'` it is not told."""
    parts = word.get("Parts")
    if parts is None:
        value = word.get("Value")
        return value if isinstance(value, str) else None
    texts = []
    for part in parts:
        inner = part.get("Parts", []) if part.get("Type") == "DblQuoted" else [part]
        for piece in inner:
            if piece.get("Type") not in ("Lit", "SglQuoted") or piece.get("Dollar"):
                return None
            texts.append(piece.get("Value", ""))
    return "".join(texts).replace("\\", "")


def objects(value: Any) -> Iterator[Node]:  # noqa: ANN401 - JSON
    """Every node within, itself included."""
    stack = [value]
    while stack:
        found = stack.pop()
        if isinstance(found, dict):
            yield found
            stack += found.values()
        elif isinstance(found, list):
            stack += found
