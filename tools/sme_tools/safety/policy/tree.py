"""The walk over a command line's syntax tree: each kind of statement, and what it can do.

A kind of node that is not named here makes the line a change.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, nullcontext

from sme_tools.safety.policy import compound
from sme_tools.safety.policy.expand import Expander
from sme_tools.safety.policy.portable import braced, differences
from sme_tools.safety.policy.reach import asked_by_variable
from sme_tools.safety.policy.redirections import judge_redirections
from sme_tools.safety.policy.simple import judge_command
from sme_tools.safety.policy.syntax import MAX_NESTING, Node, NotJudgeable, parse
from sme_tools.safety.policy.variables import (
    ACTING_BUILTINS,
    NAMES_SERVER,
    Variables,
    harmful_to_assign,
    harmless_in_environment,
    literal_of,
)
from sme_tools.safety.policy.verdict import (
    READS,
    Ruling,
    SimpleCommand,
    Verdict,
    change,
    refuse,
    worst,
)
from sme_tools.safety.policy.words import UNKNOWN, Word

HOME_OF_SCRIPTS = "/"
"""The folder in which every command begins; the script that carries it goes there."""
MAX_SCRIPTS = 6
"""Scripts within scripts: `sh -c "sh -c '…'"`."""

MOST_JUDGED = 4_000
"""Commands that are judged for one line, each round of a loop and each call of a function anew."""

FROM_ELSEWHERE_TO_SHELL = "it runs what it fetches from another machine"


class Tree:
    """One script: the whole command line, or one within it (`sh -c '…'`)."""

    def __init__(
        self,
        source: str,
        syntax: Node,
        folder: str | None,
        within: Tree | None = None,
        *,
        trusting: bool = False,
    ) -> None:
        self._source = source.encode()
        self._syntax = syntax
        self._depth = 0
        self._scripts: int = within._scripts + 1 if within else 0
        self.loops = 0
        self.trusting: bool = within.trusting if within else trusting
        """Whether values are followed where they may be others: to see what a line is up to, never
        to prove that it only reads."""
        self.variables = Variables(syntax, trusting=self.trusting)
        self.values: dict[str, Word] = {}
        self.untrusted: set[str] = set()
        """Variables that hold what came from another machine."""
        self.functions: dict[str, Node] = {}
        """The bodies of the functions that were declared, by name."""
        self._calling: list[str] = []
        self.positional: list[Word] | None = None
        """What `$1` and so on stand for, if that is known."""
        self.folder = folder
        """Where it runs, if that is known."""
        self.piped: Word | None = None
        """What the command being judged reads from standard input, if that is known."""
        self.commands: list[SimpleCommand] = within.commands if within else []
        self.reaches: dict[str, None] = within.reaches if within else {}
        """Whom the commands in it ask outside, in the order of judging."""
        self._judged: list[int] = within._judged if within else [0]
        self._words: dict[int, list[Word]] = {}
        """The words of each command as they were expanded last, by its node's identity."""
        if self._scripts > MAX_SCRIPTS:
            raise NotJudgeable("too many scripts within scripts")

    def count(self) -> None:
        """Count one more command. Raises NotJudgeable when there are too many."""
        self._judged[0] += 1
        if self._judged[0] > MOST_JUDGED:
            raise NotJudgeable("there is too much in it to judge")

    def reach(self, hosts: Iterable[str]) -> None:
        """Note that these are asked, whatever comes of the command that asks them."""
        self.reaches |= dict.fromkeys(hosts)

    def judge(self) -> Ruling:
        """What the whole script can do."""
        own = READS if self.trusting else differences(self._syntax)
        return self.statements(self._syntax.get("Stmts", [])).worse(own)

    def script(self, word: Word, *, positional: list[Word] | None = None) -> Ruling:
        """Judge a text that a shell is told to run, with these words for `$1` and so on."""
        if word.untrusted:
            return refuse(FROM_ELSEWHERE_TO_SHELL)
        if not word.known:
            return change("the script it runs can't be known before").worse(self._beginning(word))
        inner = Tree(word.text, parse(word.text), self.folder, within=self)
        inner.positional = positional
        return inner.judge()

    def value(self, name: str) -> Word | None:
        """What a variable or a parameter holds, if that is known."""
        if name.isdigit():
            words = (self.positional or []) if self.variables.fixed_parameters else []
            at = int(name) - 1
            return words[at] if 0 <= at < len(words) else None
        return self.values.get(name)

    def function(self, name: str, words: list[Word]) -> Ruling:
        """Judge a function anew for the words it is called with."""
        if name in self._calling or len(self._calling) > MAX_SCRIPTS:
            return READS  # its body is being judged already
        self._calling.append(name)
        positional, self.positional = self.positional, words
        with self.own_values():
            self.values = {}
            ruling = self.statement(self.functions[name])
        self.positional = positional
        self._calling.pop()
        return ruling

    def _beginning(self, word: Word) -> Ruling:
        """Whether even the known part of a script is refused; nothing milder is told by it."""
        try:
            ruling = Tree(word.shown, parse(word.text.replace(UNKNOWN, "x")), None, self).judge()
        except NotJudgeable:
            return READS
        return ruling if ruling.verdict is Verdict.REFUSED else READS

    def substitution(self, node: Node) -> tuple[Ruling, str | None]:
        """What a substitution can do, and what it prints where that is known."""
        statements = node.get("Stmts", [])
        with self.own_values():
            ruling = self.statements(statements)
            printed = self._printed(statements[0]) if len(statements) == 1 else None
        if node.get("Op") == ">(" and ruling.runs_input:
            ruling = ruling.worse(change("it feeds a shell"))
        return ruling, printed

    def statements(self, statements: list[Node]) -> Ruling:
        """What statements in a row can do."""
        self._depth += 1
        if self._depth > MAX_NESTING:
            raise NotJudgeable("nested too deeply")
        rulings = []
        for statement in statements:
            before = self.folder
            rulings.append(self.statement(statement))
            if self.folder != before != HOME_OF_SCRIPTS:
                self.folder = None  # `cd X; …` stays where it was if there is no X
        self._depth -= 1
        return worst(rulings)

    def statement(self, statement: Node) -> Ruling:
        """What one statement can do, its redirections included."""
        redirected, input = judge_redirections(self, statement.get("Redirs") or [])
        before, self.piped = self.piped, input or self.piped
        # To dash, `&>` means to go on in the background, too.
        apart = statement.get("Background") or any(
            node["Op"] in ("&>", "&>>") for node in statement.get("Redirs") or []
        )
        with self.own_values() if apart else nullcontext():
            ruling = self._command(statement["Cmd"]) if "Cmd" in statement else READS
        self.piped = before
        if ruling.runs_input and input is not None:
            ruling = ruling.worse(self.script(input))
        if ruling.runs_input and redirected.network:
            ruling = refuse(FROM_ELSEWHERE_TO_SHELL)
        return ruling.worse(redirected)

    def _command(self, node: Node) -> Ruling:
        kind = node["Type"]
        if kind == "CallExpr":
            return self._call(node)
        if kind == "BinaryCmd":
            return self._pipe(node) if node["Op"] in ("|", "|&") else self._list(node)
        judge = compound.KINDS.get(kind)
        if judge is None:
            return change(f"the shell construct {kind} is not judged")
        return judge(self, node)

    def _list(self, node: Node) -> Ruling:
        """`X && Y`, `X || Y`: what Y assigns is not known after."""
        left = self.statement(node["X"])
        with self.own_values():
            return left.worse(self.statement(node["Y"]))

    def _call(self, node: Node) -> Ruling:
        expander = Expander(self)
        argv = expander.words(node.get("Args", []))
        self._words[id(node)] = argv
        assigns = node.get("Assigns", [])
        ruling = READS
        for assign in assigns:
            ruling = ruling.worse(self.assign(assign, expander, in_environment=bool(argv)))
        if argv:
            own = "read" if argv[0].matches("read") and argv[0].known else ""
            if own and all(assign["Name"]["Value"] == "IFS" for assign in assigns):
                ruling = READS  # IFS for `read` alone
            ruling = ruling.worse(judge_command(self, argv)).worse(braced(node["Args"], argv))
            hidden = argv[0].text in ACTING_BUILTINS and literal_of(node["Args"][0])
            if hidden not in (False, argv[0].text):
                ruling = ruling.worse(change(f"{argv[0].text} is written so that it is not seen"))
        return ruling.worse(expander.ruling)

    def assign(self, assign: Node, expander: Expander, *, in_environment: bool) -> Ruling:
        """What an assignment can do: for the shell itself, or for one program's environment."""
        name = assign["Name"]["Value"]
        value = expander.one(assign.get("Value", {}))
        if assign.get("Index"):
            expander.arithmetic(assign["Index"])
        for element in (assign.get("Array") or {}).get("Elems", []):
            expander.words([element["Value"]] if "Value" in element else [])
        if value.untrusted:
            self.untrusted.add(name)
        if name in NAMES_SERVER:
            self.reach(asked_by_variable(value))
        if in_environment:
            if harmless_in_environment(name, value.text):
                return READS
            return change(f"it sets {name}, on which the program may act")
        plain = not {"Index", "Array", "Append"} & {key for key in assign if assign[key]}
        if plain and self.variables.is_constant(name):
            self.values[name] = value
        if harmful_to_assign(name) and name not in NAMES_SERVER:
            return change(f"it sets {name}, on which the shell and its programs act")
        return READS

    def _pipe(self, node: Node) -> Ruling:
        with self.own_values():
            left = self.statement(node["X"])
            printed = self._printed(node["X"])
        before, self.piped = self.piped, None if printed is None else Word(printed)
        with self.own_values():
            right = self.statement(node["Y"])
        self.piped = before
        if left.network and right.runs_input:
            return refuse(FROM_ELSEWHERE_TO_SHELL)
        if right.runs_input and printed is not None:
            right = right.worse(self.script(Word(printed)))
        return left.worse(right)

    def words_of(self, call: Node) -> list[Word]:
        """The words of a command as they were when it was judged."""
        return self._words.get(id(call), [])

    def _printed(self, statement: Node) -> str | None:
        """What a statement prints, where that is plain: `echo` and the like with known words."""
        node = statement.get("Cmd") or {}
        if statement.get("Redirs") or node.get("Assigns"):
            return None
        if node.get("Type") in ("Subshell", "Block") and len(node.get("Stmts", [])) == 1:
            return self._printed(node["Stmts"][0])
        if node.get("Type") != "CallExpr":
            return None
        # As they were expanded when it was judged: to do that again would double each level.
        words = self.words_of(node)
        if not words or not all(word.known for word in words):
            return None
        texts = [word.text for word in words]
        while texts and (texts[0] in _WRAPPERS or texts[0].startswith("-") or "=" in texts[0]):
            texts.pop(0)
        return _output(texts, trusting=self.trusting)

    @contextmanager
    def own_values(self) -> Iterator[None]:
        """What is assigned within is not known after."""
        values, folder = dict(self.values), self.folder
        try:
            yield
        finally:
            self.values = self.values if self.trusting else values
            self.folder = folder if self.folder == folder else None


_WRAPPERS = frozenset(("sudo", "env", "command", "builtin", "exec", "nohup", "busybox", "setsid"))
"""Before `echo`, these change nothing of what it prints."""


def _output(words: list[str], *, trusting: bool) -> str | None:
    """What a command prints that only prints its words. `which X` prints nothing without an X, so
    that what stands behind it would be the command."""
    match words:
        case ["echo", "-n", *rest] | ["echo", *rest] if not rest or rest[0][:1] != "-":
            return " ".join(rest)
        case ["printf", text] if "%" not in text and "\\" not in text:
            return text
        case ["printf", "%s" | "%s\\n" | "%s\n", text]:
            return text
        case ["seq", last] if re.fullmatch(r"\d{1,2}", last):
            return " ".join(map(str, range(1, int(last) + 1)))
        case ["seq", first, last] if re.fullmatch(r"\d{1,3} \d{1,3}", f"{first} {last}"):
            return " ".join(map(str, range(int(first), int(last) + 1)))
        case ["command", "-v", name] | ["which", name] | ["type", "-p", name] | ["-v", name] if (
            trusting
        ):
            return name if re.fullmatch(r"[\w.-]+", name) else None
    return None
