"""Reading a command line as somebody recorded it: its program, verbs, options and file.

People write the same command in many ways: with `sudo`, a full path, other options or another
order, a pipe behind it, a remark in parentheses, the pager they use. `spoken` brings a line to one
form, so that it can be compared with the forms that probes say they read.
"""

from __future__ import annotations

import re
import shlex
from dataclasses import dataclass
from fnmatch import fnmatch
from functools import cache

from sme_tools.probes.commands_vocabulary import (
    FREE_ARGUMENTS,
    OPTION_NAMES,
    QUIET,
    READERS,
    RESOURCE,
    SEARCHERS,
    SYNONYMS,
    VALUED,
    VALUED_BY_PROGRAM,
    WRAPPERS,
)

_REMARK = re.compile(r"(?<![\w$`'\"=])\([^()]*\)")
_REDIRECTION = re.compile(r"\d*(?:>>?|<)(?:&\d|\S+)?|&>\S*")
_ASSIGNMENT = re.compile(r"[A-Za-z_]\w*=")


@dataclass(frozen=True)
class Spoken:
    """A command line in one form."""

    program: str
    verbs: tuple[str, ...]
    """The bare words in order: `get`, `pods`; of `cat` the one file."""
    options: frozenset[str]
    """`-a`, `-l` for `-al` (and `-al` itself); `-o` and `-o=json` for `-o json`."""

    def nearness(self, form: Spoken) -> tuple[int, int, int] | None:
        """How near a form of a probe comes to this command, larger is nearer; None: not at all."""
        if form.program != self.program:
            return None
        if self.program == "cat":
            near = any(same_file(here, there) for here in self.verbs for there in form.verbs)
            return (1, 0, 0) if near else None
        other_verb = self.verbs[: len(form.verbs)] != form.verbs or (self.verbs and not form.verbs)
        if other_verb and self.program not in FREE_ARGUMENTS:
            return None
        shared, missing = form.options & self.options, form.options - self.options
        if missing and not shared and len(form.verbs) < len(self.verbs):
            return None  # `get --raw=/readyz` says nothing about `get deployments`
        return len(form.verbs), len(shared), -len(missing)


@cache
def spoken(command: str) -> Spoken | None:
    """The command in one form, or None if there is none in the line."""
    words = _first_command(command)
    if not words:
        return None
    program = words[0].rsplit("/", 1)[-1].removesuffix(".exe")
    rest = words[1:]
    if program in ("k3s", "microk8s", "minikube") and "kubectl" in rest:
        program, rest = "kubectl", rest[rest.index("kubectl") + 1 :]
    program = SYNONYMS.get(program, program)
    if program in READERS or program in SEARCHERS:
        return Spoken("cat", _files(rest, is_search=program in SEARCHERS), frozenset())
    if not rest and (words[0].startswith(("/proc/", "/etc/", "/sys/", "/run/", "/var/"))):
        return Spoken("cat", (words[0],), frozenset())
    verbs = _verbs(program, rest)
    return Spoken(program, verbs, _options(program, rest))


def _first_command(command: str) -> list[str]:
    for stage in re.split(r"\|\|?|;|&&|\n", _REMARK.sub(" ", command)):
        words = _unwrapped(_words(_REDIRECTION.sub(" ", stage)))
        if words and words[0] not in QUIET:
            return words
    return []


def _words(text: str) -> list[str]:
    try:
        return shlex.split(text)
    except ValueError:  # an open quote: the line was cut at a pipe within it
        return text.replace("'", " ").replace('"', " ").split()


def _unwrapped(words: list[str]) -> list[str]:
    """The words without what runs the command: `sudo -n`, `timeout 5`, `docker exec web`."""
    while words:
        if _ASSIGNMENT.match(words[0]):
            words = words[1:]
            continue
        name = words[0].rsplit("/", 1)[-1]
        if name in ("sh", "bash", "ash", "dash", "su") and len(words) > 2:
            flag = next((n for n, word in enumerate(words) if re.fullmatch(r"-\w*c", word)), None)
            return _first_command(words[flag + 1]) if flag and flag + 1 < len(words) else words
        if len(words) > 3 and words[1] == "exec":
            return _unwrapped(_inside(words[2:]))
        if name not in WRAPPERS or len(words) < 2:
            return words
        words = _without_options(words[1:], WRAPPERS[name])
        if name == "timeout":
            words = words[1:]
    return words


def _inside(words: list[str]) -> list[str]:
    """The command within `docker exec -it NAME …` or `kubectl exec POD -- …`."""
    if "--" in words:
        return words[words.index("--") + 1 :]
    return _without_options(words, "euwn")[1:]


def _without_options(words: list[str], valued: str) -> list[str]:
    while words and words[0].startswith("-"):
        takes_value = len(words[0]) == 2 and words[0][1] in valued
        words = words[2 if takes_value else 1 :]
    return words


def _files(words: list[str], *, is_search: bool) -> tuple[str, ...]:
    """What a pager, `head -n 50` or `grep -i error` reads."""
    named = [w for w in words if not w.startswith(("-", "+")) and not w.isdigit()]
    if is_search:
        named = named[1:]
    return tuple(named)


def _verbs(program: str, words: list[str]) -> tuple[str, ...]:
    if program in FREE_ARGUMENTS:
        return ()
    verbs: list[str] = []
    skip = False
    for word in words:
        if skip:
            skip = False
        elif word.startswith("-"):
            skip = _takes(program, word)
        else:
            verbs.append(word)
    if program in ("docker", "podman") and verbs[:1] == ["container"] and len(verbs) > 1:
        verbs = [{"ls": "ps", "list": "ps"}.get(verbs[1], verbs[1]), *verbs[2:]]
    if program == "kubectl":
        verbs = _kubectl(verbs)
    if program == "redis-cli":
        verbs = [verb.lower() for verb in verbs]
    if program == "curl":
        verbs = [re.sub(r"^\w+://[^/]*", "", verb) for verb in verbs]
    return tuple(verbs)


def _takes(program: str, option: str) -> bool:
    """Whether the option is followed by a value of its own."""
    return option in VALUED_BY_PROGRAM.get(program, "").split()


def _kubectl(verbs: list[str]) -> list[str]:
    """`get deploy/web` as `get deployments`."""
    if len(verbs) < 2 or verbs[0] not in ("get", "describe", "top"):
        return verbs
    kind, _, name = verbs[1].partition("/")
    return [verbs[0], RESOURCE.get(kind.lower(), kind), *([name] if name else []), *verbs[2:]]


def _options(program: str, words: list[str]) -> frozenset[str]:
    found: set[str] = set()
    for word, following in zip(words, [*words[1:], ""], strict=False):
        is_bare = program == "ps" and re.fullmatch(r"[a-zA-Z]{1,8}", word) is not None
        if not word.startswith("-") and not is_bare:
            continue
        name, _, value = word.partition("=")
        short = OPTION_NAMES.get(name, name)
        found.add(short)
        if name in VALUED and (value or following):
            found.add(f"{short}={value or following}")
        if re.fullmatch(r"-?[a-zA-Z0-9]{2,}", short):
            found |= {f"-{letter}" for letter in short.lstrip("-")}
    return frozenset(found)


def same_file(asked: str, form: str) -> bool:
    """Whether a recorded path is the file a probe reads: also inside a collected tree, or bare.

    `sos/proc/mdstat` and `mdstat` are `/proc/mdstat`.
    """
    asked, form = asked.rstrip("/").removeprefix("./"), form.removeprefix("./")
    if fnmatch(asked, form) or fnmatch(form, asked):
        return True
    relative = form.lstrip("/")
    return fnmatch(asked, f"*/{relative}") or fnmatch(relative, asked.lstrip("/"))


_LOG_NAME = re.compile(
    r"(?:^|[\s/._-])(?:logs?|log\.\d+|err|error_log|access_log|startup_err|dmesg|messages|syslog"
    r"|secure|maillog|journal)(?:[-.][\w-]*)*$|/log/|\.(?:log|err|out|std\w*)(?:[.-]\d+)?(?:\.gz)?$"
)
_KERNEL_LOG = re.compile(r"dmesg|\bkern", re.I)
_SHARED_LOG = re.compile(r"messages|syslog", re.I)
_DATABASE_LOG = re.compile(r"mysql|maria|postgres|pgsql|mongo|rabbit|redis|valkey", re.I)


def log_forms(command: str) -> frozenset[str]:
    """Which of the forms `kernel log`, `application log` and `database log` this command is.

    It is one if it shows a file that is called or lies like a log, or names one: `nginx error.log`.
    """
    said = spoken(command)
    if said is None or said.options or said.program == "git":
        return frozenset()
    named = " ".join(said.verbs) if said.program == "cat" else " ".join((said.program, *said.verbs))
    if not _LOG_NAME.search(named):
        return frozenset()
    if _DATABASE_LOG.search(named):
        return frozenset(["database log"])
    if _KERNEL_LOG.search(named):
        return frozenset(["kernel log"])
    return frozenset(["application log", *(["kernel log"] if _SHARED_LOG.search(named) else [])])
