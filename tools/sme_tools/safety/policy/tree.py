"""The walk over a command line's syntax tree: each kind of statement, and what it can do.

A kind of node that is not named here makes the line a change.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace

from sme_tools.safety.policy import paths
from sme_tools.safety.policy.expand import Expander
from sme_tools.safety.policy.simple import judge_command
from sme_tools.safety.policy.syntax import MAX_NESTING, Node, NotJudgeable, parse
from sme_tools.safety.policy.variables import (
    Variables,
    harmful_to_assign,
    harmless_in_environment,
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

MAX_SCRIPTS = 6
"""Scripts within scripts: `sh -c "sh -c '…'"`."""
MAX_ROUNDS = 16
"""A loop over more known words than this is judged once, with an unknown one."""

FROM_ELSEWHERE_TO_SHELL = "it runs what it fetches from another machine"


class Tree:
    """One script: the whole command line, or one within it (`sh -c '…'`)."""

    def __init__(
        self, source: str, syntax: Node, folder: str | None, within: Tree | None = None
    ) -> None:
        self._source = source.encode()
        self._syntax = syntax
        self._depth = 0
        self._scripts: int = within._scripts + 1 if within else 0
        self._loops = 0
        self.variables = Variables(syntax)
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
        if self._scripts > MAX_SCRIPTS:
            raise NotJudgeable("too many scripts within scripts")

    def judge(self) -> Ruling:
        """What the whole script can do."""
        return self._statements(self._syntax.get("Stmts", []))

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
            words = self.positional or []
            at = int(name) - 1
            return words[at] if 0 <= at < len(words) else None
        return self.values.get(name)

    def function(self, name: str, words: list[Word]) -> Ruling:
        """Judge a function anew for the words it is called with."""
        if name in self._calling or len(self._calling) > MAX_SCRIPTS:
            return READS  # its body is being judged already
        self._calling.append(name)
        positional, self.positional = self.positional, words
        with self._own_values():
            self.values = {}
            ruling = self._statement(self.functions[name])
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
        with self._own_values():
            ruling = self._statements(statements)
            printed = self._printed(statements[0]) if len(statements) == 1 else None
        if node.get("Op") == ">(" and ruling.runs_input:
            ruling = ruling.worse(change("it feeds a shell"))
        return ruling, printed

    def _statements(self, statements: list[Node]) -> Ruling:
        self._depth += 1
        if self._depth > MAX_NESTING:
            raise NotJudgeable("nested too deeply")
        ruling = worst([self._statement(statement) for statement in statements])
        self._depth -= 1
        return ruling

    def _statement(self, statement: Node) -> Ruling:
        redirected, input = self._redirections(statement.get("Redirs") or [])
        before, self.piped = self.piped, input or self.piped
        ruling = self._command(statement["Cmd"]) if "Cmd" in statement else READS
        self.piped = before
        if ruling.runs_input and input is not None:
            ruling = ruling.worse(self.script(input))
        if ruling.runs_input and redirected.network:
            ruling = refuse(FROM_ELSEWHERE_TO_SHELL)
        return ruling.worse(redirected)

    def _command(self, node: Node) -> Ruling:
        match node["Type"]:
            case "CallExpr":
                return self._call(node)
            case "BinaryCmd" if node["Op"] in ("|", "|&"):
                return self._pipe(node)
            case "BinaryCmd":
                left = self._statement(node["X"])
                with self._own_values():
                    return left.worse(self._statement(node["Y"]))
            case "Block":
                return self._statements(node.get("Stmts", []))
            case "Subshell":
                with self._own_values():
                    return self._statements(node.get("Stmts", []))
            case "IfClause":
                return self._if(node)
            case "WhileClause":
                return self._while(node)
            case "ForClause":
                return self._for(node)
            case "CaseClause":
                return self._case(node)
            case "FuncDecl":
                return self._function(node)
            case "TimeClause":
                return self._statement(node["Stmt"]) if "Stmt" in node else READS
            case "TestClause":
                return self._test(node["X"])
            case "DeclClause":
                return self._declaration(node)
            case "ArithmCmd":
                return self._arithmetic(node["X"])
            case "LetClause":
                return worst(self._arithmetic(node) for node in node.get("Exprs", []))
            case "CoprocClause":
                return self._statement(node["Stmt"])
            case other:
                return change(f"the shell construct {other} is not judged")

    # -- what runs one command ----------------------------------------------------------------

    def _call(self, node: Node) -> Ruling:
        expander = Expander(self)
        argv = expander.words(node.get("Args", []))
        assigns = node.get("Assigns", [])
        ruling = READS
        for assign in assigns:
            ruling = ruling.worse(self._assign(assign, expander, in_environment=bool(argv)))
        if argv:
            own = "read" if argv[0].matches("read") and argv[0].known else ""
            if own and all(assign["Name"]["Value"] == "IFS" for assign in assigns):
                ruling = READS  # IFS for `read` alone
            ruling = ruling.worse(judge_command(self, argv))
        return ruling.worse(expander.ruling)

    def _assign(self, assign: Node, expander: Expander, *, in_environment: bool) -> Ruling:
        name = assign["Name"]["Value"]
        value = expander.one(assign.get("Value", {}))
        if assign.get("Index"):
            expander.arithmetic(assign["Index"])
        for element in (assign.get("Array") or {}).get("Elems", []):
            expander.words([element["Value"]] if "Value" in element else [])
        if value.untrusted:
            self.untrusted.add(name)
        if in_environment:
            if harmless_in_environment(name, value.text):
                return READS
            return change(f"it sets {name}, on which the program may act")
        plain = not {"Index", "Array", "Append"} & {key for key in assign if assign[key]}
        if plain and self.variables.is_constant(name):
            self.values[name] = value
        if harmful_to_assign(name):
            return change(f"it sets {name}, on which the shell and its programs act")
        return READS

    def _pipe(self, node: Node) -> Ruling:
        with self._own_values():
            left = self._statement(node["X"])
            printed = self._printed(node["X"])
        before, self.piped = self.piped, None if printed is None else Word(printed)
        with self._own_values():
            right = self._statement(node["Y"])
        self.piped = before
        if left.network and right.runs_input:
            return refuse(FROM_ELSEWHERE_TO_SHELL)
        if right.runs_input and printed is not None:
            right = right.worse(self.script(Word(printed)))
        return left.worse(right)

    def _printed(self, statement: Node) -> str | None:
        """What a statement prints, where that is plain: `echo` and the like with known words."""
        node = statement.get("Cmd") or {}
        if statement.get("Redirs") or node.get("Type") != "CallExpr" or node.get("Assigns"):
            return None
        words = Expander(self).words(node.get("Args", []))
        if not words or not all(word.known for word in words):
            return None
        match [word.text for word in words]:
            case ["echo", "-n", *rest] | ["echo", *rest] if not rest or rest[0][:1] != "-":
                return " ".join(rest)
            case ["printf", text] if "%" not in text and "\\" not in text:
                return text
            case ["printf", "%s" | "%s\\n" | "%s\n", text]:
                return text
            case ["command", "-v", name] | ["which", name] | ["type", "-p", name]:
                return name if re.fullmatch(r"[\w.-]+", name) else None
        return None

    def _redirections(self, nodes: list[Node]) -> tuple[Ruling, Word | None]:
        """What the redirections do, and the text that they give to standard input."""
        ruling, input = READS, None
        for node in nodes:
            expander = Expander(self)
            if "Hdoc" in node:
                input = expander.one({"Parts": [{"Type": "DblQuoted", **node["Hdoc"]}]})
                if all(part.get("Type") == "Lit" for part in node["Hdoc"].get("Parts", [])):
                    input = Word("".join(p["Value"] for p in node["Hdoc"].get("Parts", [])))
                ruling = ruling.worse(expander.ruling)
                continue
            target = expander.one(node["Word"])
            if node["Op"] == "<<<":
                input = target
                found = Ruling(READS.verdict, READS.reason, network=target.untrusted)
            else:
                found = self._redirection(node["Op"], target)
            if node.get("N", {}).get("Value", "").startswith("{"):
                found = found.worse(change("it opens a descriptor under a name"))
            ruling = ruling.worse(found).worse(expander.ruling)
        return ruling, input

    def _redirection(self, operator: str, target: Word) -> Ruling:
        if operator in (">&", "<&") and re.fullmatch(r"\d+-?|-", target.text):
            return READS
        if operator == "<":
            if target.text.startswith("/dev/fd/63"):
                return Ruling(READS.verdict, READS.reason, network=target.untrusted)
            return paths.reads(target, self.folder)
        if operator == "<>":
            return change(f"it opens {target.shown} for writing")
        return paths.writes(target, self.folder)

    # -- compound commands --------------------------------------------------------------------

    def _if(self, node: Node) -> Ruling:
        ruling = self._statements(node.get("Cond", []))
        with self._own_values():
            ruling = ruling.worse(self._statements(node.get("Then", [])))
        if node.get("Else"):
            with self._own_values():
                ruling = ruling.worse(self._if(node["Else"]))
        return ruling

    def _while(self, node: Node) -> Ruling:
        with self._own_values():
            ruling = self._statements(node.get("Cond", []))
            ruling = ruling.worse(self._statements(node.get("Do", [])))
        always = "false" if node.get("Until") else "true"
        if self._is_call(node.get("Cond", []), always, ":" if always == "true" else "false"):
            return ruling.worse(_endless_loop(node))
        return ruling

    def _is_call(self, statements: list[Node], *names: str) -> bool:
        command = statements[0].get("Cmd", {}) if len(statements) == 1 else {}
        words = [word.text for word in Expander(self).words(command.get("Args") or [])]
        return len(words) == 1 and words[0] in names

    def _for(self, node: Node) -> Ruling:
        loop, body = node["Loop"], node.get("Do", [])
        expander = Expander(self)
        if node.get("Select"):
            return refuse("select waits for a person").worse(self._statements(body))
        if loop["Type"] == "CStyleLoop":
            for key in ("Init", "Cond", "Post"):
                if loop.get(key):
                    expander.arithmetic(loop[key])
            endless = READS if loop.get("Cond") else _endless_loop(node)
            with self._own_values():
                return self._statements(body).worse(expander.ruling).worse(endless)
        items = expander.words(loop.get("Items") or [])
        name = loop["Name"]["Value"]
        known = bool(items) and len(items) <= MAX_ROUNDS and self._loops < 3
        if not known or any(word.splits for word in items):
            items = [Word(UNKNOWN, untrusted=any(word.untrusted for word in items))]
        ruling = change(f"it sets {name}") if harmful_to_assign(name) else READS
        self._loops += 1
        for item in items:
            with self._own_values():
                if self.variables.is_constant(name):
                    self.values[name] = item
                ruling = ruling.worse(self._statements(body))
        self._loops -= 1
        return ruling.worse(expander.ruling)

    def _case(self, node: Node) -> Ruling:
        expander = Expander(self)
        expander.one(node["Word"])
        ruling = READS
        for item in node.get("Items", []):
            for pattern in item.get("Patterns", []):
                expander.one(pattern)
            with self._own_values():
                ruling = ruling.worse(self._statements(item.get("Stmts", [])))
        return ruling.worse(expander.ruling)

    def _function(self, node: Node) -> Ruling:
        """Judge the body where it is declared, knowing nothing of what it is called with."""
        name = node["Name"]["Value"]
        self.functions[name] = node["Body"]
        values, self.values = self.values, {}
        positional, self.positional = self.positional, None
        ruling = self._statement(node["Body"])
        self.values, self.positional = values, positional
        body = str(node["Body"])
        if f"'Value': '{name}'" in body and ("'Background': True" in body or "'Op': '|" in body):
            return refuse("a fork bomb: a function that starts itself again and again")
        return ruling

    def _test(self, node: Node) -> Ruling:
        """`[[ … ]]`, which evaluates arithmetic, and which a shell without it reads otherwise."""
        expander = Expander(self)
        ruling = READS
        if node.get("Op") in ("<", ">"):
            # dash has no [[, and takes these for redirections.
            ruling = change("[[ … > … ]] writes a file where the shell is not bash")
        for key in ("X", "Y"):
            inner = node.get(key)
            if not isinstance(inner, dict):
                continue
            if inner.get("Type") == "Word" or "Parts" in inner:
                if node.get("Op") in ("-eq", "-ne", "-lt", "-le", "-gt", "-ge"):
                    expander.arithmetic(inner)
                if node.get("Op") in ("-v", "-R"):
                    ruling = ruling.worse(change("[[ -v … ]] evaluates its operand"))
                expander.one(inner)
            else:
                ruling = ruling.worse(self._test(inner))
        return ruling.worse(expander.ruling)

    def _declaration(self, node: Node) -> Ruling:
        variant = node["Variant"]["Value"]
        expander = Expander(self)
        ruling = READS
        exports = variant in ("export", "declare", "typeset", "readonly", "local", "nameref")
        for argument in node.get("Args", []):
            if argument.get("Name") is None:
                option = expander.one(argument.get("Value", {}))
                if not re.fullmatch(r"[-+][xripaAg]+", option.text):
                    ruling = ruling.worse(change(f"{variant} {option.shown} is not judged"))
                continue
            ruling = ruling.worse(
                self._assign(argument, expander, in_environment=exports and variant == "export")
            )
        return ruling.worse(expander.ruling)

    def _arithmetic(self, node: Node) -> Ruling:
        expander = Expander(self)
        expander.arithmetic(node)
        if node.get("Op") in (">", ">>"):
            # ((a > b)) is two subshells and a redirection where the shell is not bash.
            expander.ruling = expander.ruling.worse(
                change("((… > …)) writes a file where the shell is not bash")
            )
        return expander.ruling

    @contextmanager
    def _own_values(self) -> Iterator[None]:
        """What is assigned within is not known after."""
        values, folder = dict(self.values), self.folder
        try:
            yield
        finally:
            self.values = values
            self.folder = folder if self.folder == folder else None


def _endless_loop(node: Node) -> Ruling:
    if "'break'" in str(node) or "'exit'" in str(node) or "'return'" in str(node):
        return READS
    ruling = refuse("the loop does not end", "for i in 1 2 3; do …; done")
    return replace(ruling, endless=True)
