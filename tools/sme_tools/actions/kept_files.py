"""Files as they were, and their exact restoration: contents, mode, owner, or absence.

Contents travel as bytes in hexadecimal (`od`), which no redaction takes for a secret, and with the
host's own checksum, so that a copy that was altered on its way is refused. They go back in pieces
to the folder of the change, which is in memory, and are checked there; only then is the file
replaced, by a rename. Where the disk has no room for a second copy, it is written in place.

What could not be put back exactly is refused before anything is changed: folders, links, files with
several names or an access list, large files.
"""

from __future__ import annotations

import re
import shlex
from collections.abc import Sequence

from sme_tools.actions.errands import ask, complaint
from sme_tools.actions.journal import FileState, KeptFile
from sme_tools.actions.ports import Clock, Errand, Hands
from sme_tools.errors import CannotKeep
from sme_tools.hosts.evidence import Evidence

MAX_FILE_BYTES = 128 * 1024
"""A transport keeps 512 KiB of a step's output, and a byte takes three characters."""
PIECE_BYTES = 16 * 1024
"""Written as `\\0ooo` a byte takes five characters, and Linux takes 128 KiB for one argument."""

_STATE = """\
if [ ! -e "$FILE" ] && [ ! -L "$FILE" ]; then echo absent; exit 0; fi
[ -L "$FILE" ] && { echo "refused a symbolic link: name the file it leads to"; exit 0; }
[ -d "$FILE" ] && { echo "refused a folder"; exit 0; }
[ -f "$FILE" ] || { echo "refused no plain file"; exit 0; }
set -- $(ls -ldn "$FILE")
case $1 in *+) echo "refused it has an access list, which would be lost"; exit 0;; esac
[ "$2" = 1 ] || { echo "refused it has $2 names (hard links), which would come apart"; exit 0; }
sum=$(cksum <"$FILE") || exit 1
echo "file $1 $3 $4 $sum"
"""

_READ = (
    _STATE
    + """\
[ "${sum#* }" -le $MOST ] || exit 0
od -An -v -tx1 <"$FILE"
"""
)

_PIECE = """\
umask 077
printf '%b' "$BYTES" >"$PLACE/$PIECE"
"""

# The rename needs room for a second copy; in place there is as much room as the file gives back.
_SWAP = """\
restored() { [ -f "$1" ] && [ ! -L "$1" ] && [ "$(cksum <"$1")" = "$SUM" ]; }
pieces() { cat $PIECES </dev/null; }
owned() { chown $OWNER "$1" && chmod $MODE "$1"; }
cd "$PLACE" || exit 1
[ -d "$FILE" ] && [ ! -L "$FILE" ] && { echo "it is a folder now" >&2; exit 1; }
if ! restored "$FILE"; then
  [ "$(pieces | cksum)" = "$SUM" ] || { echo "the copy on the host is not whole" >&2; exit 1; }
  [ -L "$FILE" ] && { rm -f "$FILE" || exit 1; }
  new=${FILE%/*}/.${FILE##*/}.sme-restore
  rm -f "$new"
  if (umask 077; set -C; pieces >"$new") 2>/dev/null && restored "$new" && owned "$new" &&
    mv -f "$new" "$FILE"
  then :
  else
    rm -f "$new"
    (umask 077; pieces >"$FILE") || exit 1
  fi
  restored "$FILE" || { echo "it was written, but reads differently" >&2; exit 1; }
  command -v restorecon >/dev/null 2>&1 && restorecon "$FILE" >/dev/null 2>&1
fi
owned "$FILE" || exit 1
rm -f $PIECES
exit 0
"""


def keep(path: str, *, name: str, approval: str, hands: Hands, clock: Clock) -> KeptFile:
    """Read a file as it is, or note its absence.

    Raises:
        CannotKeep: it could not be put back exactly, or its copy is not whole.
        HostError: the host can't be asked.
    """
    command = f"FILE={shlex.quote(path)}; MOST={MAX_FILE_BYTES}\n{_READ}"
    why = f"keep {path} as it is, for an undo"
    errand = Errand(name, command, why, "change", approval, record_as=f"# sme: {why}")
    evidence = ask(hands, errand, clock)
    head, _, dump = _answer(path, evidence).partition("\n")
    state = _state(path, head, evidence.host)
    if not state.exists:
        return KeptFile(state=state)
    if state.size > MAX_FILE_BYTES:
        raise CannotKeep(
            f"{path} can't be kept: {state.size} bytes, the most is {MAX_FILE_BYTES}",
            host=evidence.host,
        )
    try:
        contents = bytes.fromhex(dump)
    except ValueError:
        contents = None
    if contents is None or checksum(contents) != state.digest:
        raise CannotKeep(
            f"{path} can't be kept: its copy is not whole: it changed meanwhile, or on its way",
            host=evidence.host,
        )
    return KeptFile(state=state, contents=contents)


def state_of(
    path: str, *, name: str, approval: str, hands: Hands, clock: Clock
) -> FileState | None:
    """How a file is now, without its contents; None if it is nothing that could be kept.

    Raises:
        HostError: the host can't be asked.
    """
    command = f"FILE={shlex.quote(path)}\n{_STATE}"
    why = f"see whether {path} is as before"
    errand = Errand(name, command, why, "undo", approval, record_as=f"# sme: {why}")
    evidence = ask(hands, errand, clock)
    try:
        return _state(path, _answer(path, evidence).strip(), evidence.host)
    except CannotKeep:
        return None


def restore(
    files: Sequence[KeptFile], place: str, *, name: str, approval: str, hands: Hands, clock: Clock
) -> list[str]:
    """Put files back as they were. Does no harm when it runs again after a crash.

    What did not exist is removed first: that makes room. Returns what failed, a line for each; the
    others are restored all the same.

    Raises:
        HostError: the host can't be asked.
    """
    failed = []
    for file in sorted(files, key=lambda file: file.state.exists):
        for errand in _errands(file, place, name, approval):
            evidence = ask(hands, errand, clock)
            if evidence.exit_code != 0:
                failed.append(f"{file.state.path} was not restored: {complaint(evidence)}")
                break
    return failed


def _errands(file: KeptFile, place: str, name: str, approval: str) -> list[Errand]:
    state = file.state
    path = shlex.quote(state.path)

    why = f"put {state.path} back as it was"

    def errand(command: str, what: str = "") -> Errand:
        return Errand(name, command, why, "undo", approval, record_as=f"# sme: {why}{what}")

    if not state.exists:
        return [errand(f"rm -f {path}")]
    errands, names = [], []
    for start in range(0, state.size, PIECE_BYTES):
        piece = file.contents[start : start + PIECE_BYTES]
        names.append(f"piece.{start}")
        settings = f"PLACE={shlex.quote(place)}; PIECE={names[-1]}\nBYTES='{_octal(piece)}'\n"
        what = f": bytes {start} to {start + len(piece)}, into {place}/{names[-1]}"
        errands.append(errand(settings + _PIECE, what))
    settings = (
        f"FILE={path}; PLACE={shlex.quote(place)}; SUM='{state.digest}'\n"
        f"OWNER={state.uid}:{state.gid}; MODE={state.mode:04o}; PIECES='{' '.join(names)}'\n"
    )
    return [*errands, errand(settings + _SWAP)]


def _octal(data: bytes) -> str:
    """For `%b` of printf(1), within single quotes."""
    return "".join(
        chr(byte) if byte < 128 and chr(byte).isalnum() else f"\\0{byte:03o}" for byte in data
    )


def _answer(path: str, evidence: Evidence) -> str:
    if evidence.exit_code != 0 or evidence.omitted_bytes:
        raise CannotKeep(f"{path} can't be read: {complaint(evidence)}", host=evidence.host)
    return evidence.stdout


_FILE = re.compile(r"file (-[-rwxsStT]{9})[.@]? (\d+) (\d+) (\d+ (\d+))")


def _state(path: str, line: str, host: str) -> FileState:
    if line == "absent":
        return FileState(path=path, exists=False)
    if line.startswith("refused "):
        raise CannotKeep(f"{path} can't be kept: {line.removeprefix('refused ')}", host=host)
    found = _FILE.fullmatch(line)
    if not found:
        raise CannotKeep(f"{path} can't be kept: the host says {line[:80]!r} of it", host=host)
    return FileState(
        path=path,
        exists=True,
        mode=mode_of(found[1]),
        uid=int(found[2]),
        gid=int(found[3]),
        digest=found[4],
        size=int(found[5]),
    )


def mode_of(letters: str) -> int:
    """The mode that ls(1) writes as ten letters, such as `-rwsr-x--T`."""
    mode = 0
    for place, (letter, special) in enumerate(
        zip(letters[1:], ("", "", "sS", "", "", "sS", "", "", "tT"), strict=True)
    ):
        bit = 1 << (8 - place)
        if special and letter in special:
            mode |= 0o1000 << (2 - place // 3)
            mode |= bit if letter == special[0] else 0
        elif letter != "-":
            mode |= bit
    return mode


def checksum(data: bytes) -> str:
    """`CRC LENGTH`, as cksum(1) prints it. Source: POSIX.1-2017, cksum."""
    length = len(data)
    crc = 0
    for byte in data + length.to_bytes((length.bit_length() + 7) // 8, "little"):
        crc = ((crc << 8) & 0xFFFFFFFF) ^ _TABLE[(crc >> 24) ^ byte]
    return f"{crc ^ 0xFFFFFFFF} {length}"


def _table() -> tuple[int, ...]:
    table = []
    for byte in range(256):
        crc = byte << 24
        for _ in range(8):
            crc = ((crc << 1) ^ (0x04C11DB7 if crc & 0x80000000 else 0)) & 0xFFFFFFFF
        table.append(crc)
    return tuple(table)


_TABLE = _table()
