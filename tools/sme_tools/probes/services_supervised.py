"""Services under a supervisor other than systemd: supervisord, runit, s6, OpenRC."""

from __future__ import annotations

import re
from datetime import datetime

from sme_tools.errors import ProbeError
from sme_tools.probes.registry import probe
from sme_tools.probes.services_supervisors import State, SupervisedService, openrc, runit, s6
from sme_tools.probes.system_text import clock_s, sections

# The supervisors are found by their processes, wherever their folders and settings are; one in a
# container of this host belongs to that container. supervisorctl without an action reads actions
# from its input: one start of Python for both.
_COMMAND = r"""PATH=$PATH:/command:/package/admin/s6/command
own=$(readlink /proc/self/ns/mnt 2>/dev/null)
found= hidden= runit= s6=
ours() { theirs=$(readlink /proc/$1/ns/mnt 2>/dev/null) || hidden=1; [ "$theirs" = "$own" ]; }
argument_c() {
  tr '\0' '\n' </proc/$1/cmdline | while read -r word; do
    case $word in
      -c|--configuration) read -r word; echo "$word"; break ;;
      -c?*) echo "${word#-c}"; break ;;
      --configuration=*) echo "${word#*=}"; break ;;
    esac
  done
}
for dir in /proc/[0-9]*; do
  read -r name 2>/dev/null <$dir/comm || continue
  pid=${dir#/proc/}
  case $name in
    supervisord|python*) args=; read -r args 2>/dev/null <$dir/cmdline
      case $args in *supervisord*) ;; *) continue ;; esac
      # supervisord's own children look like it until they execute their program
      read -r self comm state parent rest 2>/dev/null <$dir/stat
      twin=; read -r twin 2>/dev/null </proc/$parent/cmdline
      [ "$twin" = "$args" ] && continue
      tr '\0' '\n' <$dir/cmdline | head -n 4 |
        grep -Eq '^(.*/)?(supervisord|supervisor\.supervisord)$' || continue
      ours $pid && command -v supervisorctl >/dev/null 2>&1 || continue
      echo @supervisord; found=1
      settings=$(argument_c $pid)
      cd $dir/cwd 2>/dev/null
      shown=$(printf 'maintail -6000\nexit\n' | supervisorctl ${settings:+-c "$settings"} 2>&1)
      printf '%s\n' "$shown"
      case $shown in *" STARTING "*)  # within its first second all look well: look again
        sleep 1; echo @supervisord
        supervisorctl ${settings:+-c "$settings"} status 2>&1 ;; esac
      cd / ;;
    runsv|s6-supervise) ours $pid || continue
      folder=$(readlink $dir/cwd) || continue
      case $name in runsv) runit="$runit $folder" ;; *) s6="$s6 $folder" ;; esac ;;
  esac
done
if [ "$runit" ] && command -v sv >/dev/null 2>&1; then
  echo @runit; found=1
  first=$(sv status $runit 2>&1); printf '%s\n' "$first"
  case $first in *') '[01]s*|*': '[01]s*)
    sleep 0.6 2>/dev/null || sleep 1; echo @runit_again; sv status $runit 2>&1 ;; esac
fi
if [ "$s6" ] && command -v s6-svstat >/dev/null 2>&1; then
  echo @s_six; found=1
  for folder in $s6; do echo "$folder: $(s6-svstat "$folder" 2>&1)"; done
fi
if [ -d /run/openrc ] && command -v rc-status >/dev/null 2>&1; then
  echo @openrc; found=1; rc-status --all --nocolor 2>/dev/null || rc-status --all
fi
[ "$found" ] || { [ "$hidden" ] && exit 77; exit 127; }"""


@probe(
    "services.supervised",
    level=1,
    command=_COMMAND,
    needs_root=True,
    timeout_s=15,
    reads=(
        "supervisorctl status", "supervisorctl status all", "sv status /etc/service/*",
        "sv status /service/*", "sv status /var/service/*", "rc-status", "rc-status -a",
        "rc-status --all",
    ),
)  # fmt: skip
def supervised(output: str) -> list[SupervisedService]:
    """Services of supervisord, runit, s6 and OpenRC. Source: supervisorctl(1), sv(8)."""
    by_name: dict[str, SupervisedService] = {}
    for part in re.split(r"^@supervisord\n", output, flags=re.MULTILINE)[1:]:
        for service in _supervisord(sections(part)[""]):
            earlier = by_name.setdefault(service.name, service)
            if earlier.state == "starting":
                words = {"exit_code": earlier.exit_code, "recent_exits": earlier.recent_exits}
                by_name[service.name] = service.model_copy(update=words)
    found = list(by_name.values())
    parts = sections(output)
    if any(line.strip() for line in parts[""]):
        return _recorded(parts[""])
    found += runit(parts.get("runit", []), parts.get("runit_again", []))
    found += [s6(line) for line in parts.get("s_six", [])]
    return found + openrc(parts.get("openrc", []))


def _recorded(lines: list[str]) -> list[SupervisedService]:
    """The output of one supervisor's own status command."""
    first = next(line for line in lines if line.strip())
    if re.match(r"(run|down|finish|fail|warning): ", first):
        return runit(lines, [])
    if re.match(r"(Dynamic )?Runlevel: |\s*\S+\s+\[", first):
        return openrc(lines)
    return _supervisord(lines)


_SUPERVISORD_STATES: dict[str, State] = {
    "RUNNING": "running",
    "STARTING": "starting",
    "BACKOFF": "restarting",
    "STOPPING": "stopped",
    "STOPPED": "stopped",
    "EXITED": "exited",
    "FATAL": "failed",
    "UNKNOWN": "unknown",
}
_SUPERVISORD_ROW = re.compile(rf"(\S+)\s+({'|'.join(_SUPERVISORD_STATES)})(?:\s+(.*))?\Z")
_EXITED = re.compile(
    r"exited: (\S+) \((?:exit status (\d+)|terminated by (\w+)).*?(not expected)?\)"
)
_LOG_TIME = re.compile(r"(\d{4}-\d\d-\d\d \d\d:\d\d:\d\d),\d+ ")
RECENT_S = 300


def _supervisord(lines: list[str]) -> list[SupervisedService]:
    exits = _recent_exits(lines)
    found = []
    for line in lines:
        row = _SUPERVISORD_ROW.match(re.sub(r"^(supervisor> )+", "", line).strip())
        if not row or _LOG_TIME.match(line):
            continue
        name, state, words = row.groups()
        running = re.match(r"pid (\d+), uptime (?:(\d+) days?, )?([\d:]+)", words or "")
        codes = exits.get(name.rpartition(":")[2], [])
        found.append(
            SupervisedService(
                manager="supervisord",
                name=name,
                state=_SUPERVISORD_STATES[state],
                wanted=state not in ("STOPPED", "STOPPING", "EXITED"),
                pid=int(running[1]) if running else None,
                uptime_s=int(running[2] or 0) * 86400 + clock_s(running[3]) if running else None,
                exit_code=codes[-1] if codes else None,
                recent_exits=len(codes) if exits else None,
                detail=None if running else words or None,
            )
        )
    others = [line for line in lines if line.strip() and not line.startswith("supervisor> ")]
    if not found and others and not _LOG_TIME.match(others[0]):
        raise ProbeError("services.supervised", line=others[0])
    return found


def _recent_exits(lines: list[str]) -> dict[str, list[int | None]]:
    """Exit codes of unexpected ends in the last five minutes that the log covers, by program."""
    events = [(match[1], line) for line in lines if (match := _LOG_TIME.search(line))]
    if not events:
        return {}
    last = datetime.fromisoformat(events[-1][0])
    found: dict[str, list[int | None]] = {"": []}
    for moment, line in events:
        ended = _EXITED.search(line)
        if ended and ended[4] and (last - datetime.fromisoformat(moment)).seconds <= RECENT_S:
            found.setdefault(ended[1], []).append(int(ended[2]) if ended[2] else None)
    return found
