"""Expansion of words as far as it can be done before the command runs.

What a word runs while it is expanded (substitutions, arithmetic) is judged on the way.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

from sme_tools.safety.policy.syntax import MAX_BYTES, Node, NotJudgeable
from sme_tools.safety.policy.variables import (
    harmful_to_assign,
    literal_of,
    prints_integer,
)
from sme_tools.safety.policy.verdict import READS, Ruling, change
from sme_tools.safety.policy.words import (
    MANY,
    MARKS,
    ONE,
    SUBSTITUTED,
    TOO_MANY,
    UNKNOWN,
    Word,
    ansi_c,
    braces,
    braces_make,
    double_quoted,
    unquoted,
)

if TYPE_CHECKING:
    from sme_tools.safety.policy.tree import Tree

NUMERIC_PARAMETERS = set("#?$!")
_KERNEL_NAMES = re.compile(
    rf"/dev/(?!shm|mqueue|[{MANY}{ONE}]+/)(?:[\w.-]|[{MANY}{ONE}])+"
    rf"|/proc/[\w{MANY}{ONE}]+(?:/(?!cwd|root|fd|task)[a-z_]+)?"
    rf"|/sys/(?:block|class/(?:net|block|hwmon|thermal|nvme|drm|scsi_host|fc_host|infiniband))"
    rf"/(?:[\w./-]|[{MANY}{ONE}])+"
)
"""Globs over names that the kernel makes: none has a blank in it, so none becomes two words."""
_PLAIN_VALUE = re.compile(rf"[^\s*?\[\\{MARKS}]*")


class Expander:
    """Turns the words of one command into `Word`s; `ruling` is what running them for it means."""

    def __init__(self, tree: Tree) -> None:
        self._tree = tree
        self.ruling: Ruling = READS

    def words(self, nodes: list[Node]) -> list[Word]:
        """The words that these become: braces and known values may make several of one."""
        pieces = [piece for node in nodes for piece in self._at_separators(node)]
        return [word for piece in pieces for word in self._fields(piece)]

    def one(self, node: Node) -> Word:
        """The word in a place where nothing is split: an assignment, a redirection."""
        text, untrusted, _ = self._parts(node.get("Parts", []), quoted=False, glob=False)
        return Word(text, untrusted=untrusted)

    def target(self, node: Node) -> Word:
        """The word of a redirection, which bash expands, globs and braces included."""
        words = self.words([node])
        return words[0] if len(words) == 1 else Word(UNKNOWN, splits=True)

    def splits(self, node: Node) -> bool:
        """Whether a value would be several words where it is not taken as one."""
        return self._parts(node.get("Parts", []), quoted=False, glob=False)[2]

    def _at_separators(self, node: Node) -> list[Node]:
        """A word taken apart at each unquoted `$IFS`, which is white space unless it was set."""
        pieces: list[list[Node]] = [[]]
        for part in node.get("Parts", []):
            if part.get("Type") == "ParamExp" and part.get("Param", {}).get("Value") == "IFS":
                self._judge_parameter(part)
                pieces.append([])
            else:
                pieces[-1].append(part)
        if len(pieces) == 1:
            return [node]
        return [{"Parts": piece} for piece in pieces if piece]

    def _fields(self, node: Node) -> list[Word]:
        parts = node.get("Parts", [])
        if (positional := self._positional(parts)) is not None:
            return positional
        if (split := self._known_list(parts)) is not None:
            return [Word(text) for text in split]
        if len(parts) == 1 and parts[0].get("Type") == "CmdSubst":
            return self._printed_words(parts[0])
        if (name := _located(parts)) is not None:
            return [Word(name)]
        if any(part.get("Type") == "Lit" and "{" in part["Value"] for part in parts):
            return self._braced(parts)
        text, untrusted, splits = self._parts(parts, quoted=False, glob=True)
        return [Word(text, splits, untrusted)]

    def _positional(self, parts: list[Node]) -> list[Word] | None:
        """The words that `$@` or `"$@"` becomes, if they are known."""
        quoted = len(parts) == 1 and parts[0].get("Type") == "DblQuoted"
        if len(parts) == 1 and parts[0].get("Type") == "DblQuoted":
            parts = parts[0].get("Parts", [])
        if len(parts) != 1 or parts[0].get("Type") != "ParamExp" or not is_plain(parts[0]):
            return None
        words = self._tree.positional
        name = parts[0]["Param"]["Value"]
        if name not in ("@", "*") or words is None or not self._tree.variables.fixed_parameters:
            return None
        if quoted and name == "*":
            return [Word(" ".join(word.text for word in words), any(w.splits for w in words))]
        plain = all(word.known and _PLAIN_VALUE.fullmatch(word.text) for word in words)
        return words if quoted or plain else [Word(UNKNOWN, splits=True)]

    def _known_list(self, parts: list[Node]) -> list[str] | None:
        """The words of an unquoted variable whose value is known and has blanks."""
        if len(parts) != 1 or parts[0].get("Type") != "ParamExp" or not is_plain(parts[0]):
            return None
        value = self._tree.value(parts[0]["Param"]["Value"])
        if value is None or not value.known or _PLAIN_VALUE.fullmatch(value.text):
            return None
        return [unquoted(text.replace("\\", "\\\\")) for text in value.text.split()]

    def _printed_words(self, part: Node) -> list[Word]:
        """The words of an unquoted substitution: known ones of `$(seq 1 5)` and the like."""
        ruling, printed = self._tree.substitution(part)
        self.rule(ruling)
        if printed is None and (name := _located([part])) is not None:
            return [Word(name, splits=True)]
        if printed is None or not all(_PLAIN_VALUE.fullmatch(text) for text in printed.split()):
            return [Word(UNKNOWN, splits=not prints_integer(part), untrusted=ruling.network)]
        return [Word(text, untrusted=ruling.network) for text in printed.split()]

    def _braced(self, parts: list[Node]) -> list[Word]:
        for part in parts:
            if part.get("Type") == "Lit" and braces_make(part["Value"]) >= TOO_MANY:
                raise NotJudgeable("its braces make more words than a shell can hold")
        if len(parts) > 1:
            text, untrusted, splits = self._parts(parts, quoted=False, glob=True)
            if any("," in str(p.get("Value", ",")) or ".." in str(p.get("Value")) for p in parts):
                # Braces around other parts: `{a,"$x"}`; the whole may be any list of words.
                return [Word(UNKNOWN, splits=True, untrusted=untrusted)]
            return [Word(text, splits, untrusted)]
        made = braces(parts[0]["Value"])
        if made is None:
            return [Word(UNKNOWN, splits=True)]
        return [Word(unquoted(text)) for text in made]

    def _parts(self, parts: list[Node], *, quoted: bool, glob: bool) -> tuple[str, bool, bool]:
        """The text of adjoining parts; whether some of it is untrusted; whether it may split."""
        texts: list[str] = []
        untrusted = splits = False
        for part in parts:
            text, strange, breaks = self._part(part, quoted=quoted, glob=glob)
            texts.append(text)
            untrusted |= strange
            splits |= breaks
        if sum(map(len, texts)) > MAX_BYTES:  # a value of values of values grows without end
            raise NotJudgeable(f"a word in it becomes longer than {MAX_BYTES // 1024} KiB")
        return "".join(texts), untrusted, splits

    def _part(self, part: Node, *, quoted: bool, glob: bool) -> tuple[str, bool, bool]:
        match part.get("Type"):
            case "Lit":
                value = part["Value"]
                return (
                    (double_quoted(value) if quoted else unquoted(value, glob=glob)),
                    False,
                    False,
                )
            case "SglQuoted":
                value = part.get("Value", "")
                return (ansi_c(value) if part.get("Dollar") else value), False, False
            case "DblQuoted":
                return self._double_quoted(part)
            case "ParamExp":
                return self._parameter(part, quoted=quoted)
            case "CmdSubst":
                ruling, printed = self._tree.substitution(part)
                self.rule(ruling)
                if printed is not None and _PLAIN_VALUE.fullmatch(printed):
                    return printed, ruling.network, False
                return UNKNOWN, ruling.network, not quoted
            case "ProcSubst":
                ruling, _ = self._tree.substitution(part)
                self.rule(ruling)
                return SUBSTITUTED, ruling.network, False
            case "ArithmExp":
                self.arithmetic(part["X"])
                return UNKNOWN, False, False
            case "ExtGlob":
                return UNKNOWN, False, True
            case other:
                self.rule(change(f"the shell construct {other} is not judged"))
                return UNKNOWN, False, True

    def _double_quoted(self, part: Node) -> tuple[str, bool, bool]:
        text, untrusted, _ = self._parts(part.get("Parts", []), quoted=True, glob=False)
        # "$@" and "${a[@]}" become as many words as there are.
        splits = any(
            inner.get("Type") == "ParamExp"
            and (inner["Param"]["Value"] == "@" or _index(inner) == "@")
            for inner in part.get("Parts", [])
        )
        return text, untrusted, splits

    def _parameter(self, part: Node, *, quoted: bool) -> tuple[str, bool, bool]:
        self._judge_parameter(part)
        name = part.get("Param", {}).get("Value", "")
        if part.get("Length") or name in NUMERIC_PARAMETERS:
            return UNKNOWN, False, False
        value = self._tree.value(name)
        if value is not None and is_plain(part):
            plain = _PLAIN_VALUE.fullmatch(value.text) or _KERNEL_NAMES.fullmatch(value.text)
            if quoted or (plain and not value.splits):
                return value.text, value.untrusted, False
            numeric = self._tree.variables.is_numeric(name)
            return UNKNOWN, value.untrusted, not numeric
        if self._tree.variables.is_numeric(name) and is_plain(part):
            return UNKNOWN, False, False
        untrusted = value.untrusted if value is not None else name in self._tree.untrusted
        return UNKNOWN, untrusted, not quoted

    def _judge_parameter(self, part: Node) -> None:
        """What an expansion runs by itself: words in it, subscripts, `@P`, `:=`."""
        if part.get("Excl"):
            self.rule(change("an indirect expansion ${!…} can't be followed"))
        if (index := part.get("Index")) is not None and _index(part) not in ("@", "*"):
            self.arithmetic(index)
        if (piece := part.get("Slice")) is not None:
            for key in ("Offset", "Length"):
                if piece.get(key):
                    self.arithmetic(piece[key])
        for value in (part.get("Repl") or {}).values():
            self._nested(value)
        if (operation := part.get("Exp")) is None:
            return
        if operation.get("Op") == "@" and self._literal(operation) not in ("Q", "U", "u", "L", "a"):
            self.rule(change("an expansion ${…@P} runs what its value says"))
        if operation.get("Op") in ("=", ":=") and harmful_to_assign(part["Param"]["Value"]):
            self.rule(change(f"it sets {part['Param']['Value']}"))
        self._nested(operation.get("Word"))

    @staticmethod
    def _literal(operation: Node) -> str:
        parts = (operation.get("Word") or {}).get("Parts", [])
        return "".join(part.get("Value", "") for part in parts)

    def _nested(self, value: Any) -> None:  # noqa: ANN401 - JSON
        if isinstance(value, dict) and "Parts" in value:
            self._parts(value["Parts"], quoted=True, glob=False)

    def arithmetic(self, node: Node) -> None:
        """Judge an arithmetic expression; see `judge_arithmetic`."""
        from sme_tools.safety.policy.arithmetic import judge_arithmetic

        judge_arithmetic(self, node)

    def numbers_only(self, name: str) -> bool:
        """Whether a variable surely holds an integer."""
        return self._tree.variables.is_numeric(name)

    def judge_part(self, part: Node) -> None:
        """Judge what a part of a word runs while it is expanded."""
        self._part(part, quoted=True, glob=False)

    def rule(self, ruling: Ruling) -> None:
        """Take this into account."""
        self.ruling = self.ruling.worse(ruling)


def is_plain(part: Node) -> bool:
    """Whether it is `$x` or `${x}` and nothing more."""
    others = (
        "Excl",
        "Length",
        "Width",
        "Index",
        "Slice",
        "Repl",
        "Names",
        "Exp",
        "Plus",
        "NestedParam",
    )
    return not any(part.get(key) for key in others)


def _located(parts: list[Node]) -> str | None:
    """The name that a lone `$(which NAME)`, quoted or not, asks for: a path, or nothing."""
    if len(parts) == 1 and parts[0].get("Type") == "DblQuoted":
        parts = parts[0].get("Parts", [])
    statements = parts[0].get("Stmts", []) if len(parts) == 1 else []
    command = statements[0].get("Cmd", {}) if len(statements) == 1 else {}
    if command.get("Type") != "CallExpr" or command.get("Assigns"):
        return None
    match [literal_of(word) for word in command.get("Args", [])]:
        case ["which", str(name)] | ["command", "-v", str(name)] | ["type", "-p", str(name)]:
            return name if re.fullmatch(r"\w[\w.-]*", name) else None
    return None


def _index(part: Node) -> str:
    parts = (part.get("Index") or {}).get("Parts", [])
    return "".join(piece.get("Value", "") for piece in parts)
