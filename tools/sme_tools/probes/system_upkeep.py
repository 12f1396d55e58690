"""What has to be done about the machine one day: a reboot, a new password."""

from __future__ import annotations

import re
from datetime import UTC, datetime

from sme_tools.errors import ProbeError
from sme_tools.facts import Fact
from sme_tools.probes.registry import probe
from sme_tools.probes.system_text import key_values


class RebootRequired(Fact):
    """Whether updates wait for a reboot."""

    required: bool
    reasons: list[str]
    packages: list[str]
    """The packages that asked for it, where the system says."""
    running_kernel: str | None
    newest_kernel: str | None
    """The newest installed kernel of the same flavour, where kernels are installed at all."""
    running_kernel_removed: bool
    """The running kernel's modules are gone: what needs a module that isn't loaded yet fails."""


@probe(
    "system.reboot_required",
    level=1,
    command="""echo "running=$(uname -r)"
for file in /run/reboot-required /var/run/reboot-required; do
  [ -e $file ] && echo flag=$file && sort -u $file.pkgs 2>/dev/null | sed 's/^/package=/' && break
done
for image in /boot/vmlinuz-* /lib/modules/*/vmlinuz; do
  [ -e "$image" ] || continue
  case $image in /boot/*) release=${image#/boot/vmlinuz-} ;;
  *) release=${image#/lib/modules/}; release=${release%/vmlinuz} ;; esac
  [ -d "/lib/modules/$release" ] && echo "kernel=$release"
done
command -v freebsd-version >/dev/null 2>&1 && echo "kernel=$(freebsd-version -k)"
:""",
    reads=(
        "needs-restarting -r",
        "dnf needs-restarting -r",
        "needrestart -b",
        "cat /run/reboot-required",
    ),
)
def reboot_required(output: str) -> RebootRequired:
    """Updates that wait for a reboot. Source: /run/reboot-required, needs-restarting(1)."""
    lines = output.splitlines()
    found = key_values(lines)
    if "running" not in found:
        return _told(output)
    running = found["running"]
    kernels = [line[7:] for line in lines if line.startswith("kernel=")]
    same = [name for name in kernels if _flavour(name) == _flavour(running)]
    newest = max(same, key=_version, default=None)
    reasons = []
    if "flag" in found:
        reasons.append(f"{found['flag']} exists")
    if newest and _version(newest) > _version(running):
        reasons.append(f"kernel {newest} is installed, {running} is running")
    removed = bool(same) and running not in kernels
    return RebootRequired(
        required=bool(reasons) or removed,
        reasons=reasons,
        packages=sorted({line[8:] for line in lines if line.startswith("package=")}),
        running_kernel=running,
        newest_kernel=newest,
        running_kernel_removed=removed,
    )


def _told(output: str) -> RebootRequired:
    """What needs-restarting, needrestart or the flag file says."""
    if kernel := re.search(r"^NEEDRESTART-KSTA: (\d)", output, re.MULTILINE):
        return _needrestart(key_values(output.splitlines(), ":"), kernel[1])
    if re.search(r"[Rr]eboot is probably not necessary|[Rr]eboot should not be necessary", output):
        required = False
    elif re.search(r"Reboot is required|[Rr]estart required", output):
        required = True
    else:
        raise ProbeError("system.reboot_required", line=output[:120])
    packages = re.findall(r"^\s*(?:\* )?([\w.+-]+)(?: -> .*)?$", output, re.MULTILINE)
    return RebootRequired(
        required=required,
        reasons=[line.strip("* ") for line in output.splitlines() if "required" in line],
        packages=sorted({name for name in packages if name}),
        running_kernel=None,
        newest_kernel=None,
        running_kernel_removed=False,
    )


def _needrestart(told: dict[str, str], state: str) -> RebootRequired:
    """Batch mode of needrestart(1): state 1 is the newest kernel, 2 and 3 an older one."""
    running, expected = told.get("NEEDRESTART-KCUR"), told.get("NEEDRESTART-KEXP")
    reasons = [f"kernel {expected} is installed, {running} is running"] if state in "23" else []
    return RebootRequired(
        required=bool(reasons),
        reasons=reasons,
        packages=[],
        running_kernel=running or None,
        newest_kernel=expected or None,
        running_kernel_removed=False,
    )


def _version(release: str) -> list[int]:
    return [int(number) for number in re.findall(r"\d+", release)]


def _flavour(release: str) -> str:
    """What is left of a kernel's name without its numbers: `6.8.12-4-pve` is a `pve`."""
    return "-".join(re.findall(r"[a-z]\w*", re.sub(r"\bel\d+(_\d+)?\b", "el", release)))


class PasswordExpiry(Fact):
    """When the password and the account that we log in with run out; None is never."""

    account: str | None
    must_be_changed: bool
    password_expires_at: datetime | None
    password_expires_in_s: float | None
    """By the host's own clock; None in a recording that has no date."""
    account_expires_at: datetime | None


@probe(
    "system.password_expiry",
    level=2,
    tool="chage",
    command='id -un; chage -l "$(id -un)" && echo "now: $(date +%s)"',
    reads=("chage -l", "chage -l root", "chage --list"),
)
def password_expiry(output: str) -> PasswordExpiry:
    """Expiry of the password of the account in use. Source: chage(1)."""
    lines = [line for line in output.splitlines() if line.strip()]
    found = key_values(lines, ":")
    if "Password expires" not in found or "Account expires" not in found:
        raise ProbeError("system.password_expiry", line=output[:120])
    expires, now = _date(found["Password expires"]), found.get("now")
    return PasswordExpiry(
        account=None if ":" in lines[0] else lines[0].strip(),
        must_be_changed=found["Password expires"] == "password must be changed",
        password_expires_at=expires,
        password_expires_in_s=expires.timestamp() - int(now) if expires and now else None,
        account_expires_at=_date(found["Account expires"]),
    )


def _date(text: str) -> datetime | None:
    """`Nov 20, 2026` or `2026-11-20`, at midnight UTC; `never` and sentences are None."""
    for form in ("%b %d, %Y", "%Y-%m-%d"):
        try:
            return datetime.strptime(text, form).replace(tzinfo=UTC)
        except ValueError:
            continue
    if text in ("never", "password must be changed", "future") or not re.search(r"\d", text):
        return None
    raise ProbeError("system.password_expiry", line=text)
