"""Files that are nobody's business: what must not be read, and what must not be written."""

from __future__ import annotations

import posixpath
import re

from sme_tools.safety.policy.verdict import READS, Ruling, change, refuse
from sme_tools.safety.policy.words import MANY, MARKS, ONE, SUBSTITUTED, UNKNOWN, Word

_SECRET = (
    "/etc/shadow", "/etc/shadow-", "/etc/gshadow", "/etc/gshadow-", "/etc/master.passwd",
    "/etc/security/opasswd", "/etc/sudoers", "/etc/krb5.keytab", "/etc/ppp/chap-secrets",
    "/etc/ssh/ssh_host_rsa_key", "/etc/ssh/ssh_host_ed25519_key", "/etc/ssh/ssh_host_ecdsa_key",
    "/etc/ssh/ssh_host_dsa_key", "/etc/pve/priv/authkey.key", "/etc/pve/priv/shadow.cfg",
    "/etc/pve/priv/token.cfg", "/etc/pve/pve-www.key", "/etc/pve/local/pve-ssl.key",
    "/etc/wireguard/wg0.conf", "/etc/kubernetes/admin.conf", "/etc/rancher/k3s/k3s.yaml",
    "/root/.ssh/id_rsa", "/root/.ssh/id_ed25519", "/root/.ssh/id_ecdsa", "/root/.ssh/id_dsa",
    "/root/.aws/credentials", "/root/.kube/config", "/root/.docker/config.json", "/root/.netrc",
    "/root/.pgpass", "/root/.my.cnf", "/root/.git-credentials", "/root/.config/gh/hosts.yml",
    "/root/.vault-token", "/root/.gnupg/secring.gpg", "/proc/kcore", "/dev/mem", "/dev/kmem",
    "/dev/port", "/proc/1/environ", "/proc/1/mem", "/proc/self/environ", "/proc/self/mem",
)  # fmt: skip
"""Examples of each secret place by full path, against which a glob is tried."""

_SECRET_FORM = re.compile(
    r"""(?:^|/)(?:
        etc/(?:g?shadow|master\.passwd)[^/]* | etc/security/opasswd | etc/sudoers
      | etc/krb5\.keytab | etc/ppp/(?:chap|pap)-secrets
      | ssh_host_[a-z0-9]+_key | id_(?:rsa|dsa|ecdsa|ed25519)(?:_sk)?(?:\.(?:old|bak|pem|key))?
      | g?shadow-? | \.ssh/(?!(?:authorized_keys2?|known_hosts2?(?:\.old)?|config|rc|environment)$)
            (?![^/]*\.pub$)[^/]+
      | etc/pve/(?:.*/)?(?:priv/.*|[^/]*\.key)
      | etc/wireguard/[^/]+ | etc/kubernetes/(?:admin|super-admin)\.conf
      | k3s/k3s\.yaml | (?:etc/)?(?:ssl|pki)/(?:tls/)?private/.+
      | etc/letsencrypt/(?:live|archive)/.*privkey[^/]*\.pem | etc/letsencrypt/accounts/.*
      | \.aws/credentials | \.kube/config | \.docker/config\.json | \.netrc | \.pgpass
      | \.git-credentials | \.vault-token | \.config/gh/hosts\.yml | \.my\.cnf | debian\.cnf
      | \.gnupg/(?:private-keys.*|secring\.gpg) | \.config/gcloud/.*credential.*
      | \.azure/accessTokens\.json | \.config/rclone/rclone\.conf
      | [^/]*privkey[^/]*\.pem | [^/]+\.(?:key|p12|pfx|jks|keystore|kdbx|ppk)
      | proc/[^/]+/(?:task/[^/]+/)?(?:environ|mem|auxv)
      | proc/kcore | dev/k?mem | dev/port
    )$""",
    re.X,
)
_OWN_STATE = re.compile(
    r"(?:^|/)(?:\.local/state/sme|\.config/sme|\.local/share/sme)(?:/|$)"
    r"|(?:^|/)(?:audit|evolution)\.jsonl(?:\.head)?$"
)
_KEYS_BELOW = re.compile(
    r"/?|/etc(?:/ssh|/ssl|/pki|/pve|/wireguard|/kubernetes|/letsencrypt(?:/(?:live|archive)(?:/.*)?)?)?"
    r"|/root|~|/home(?:/[^/]+)?|(?:.*/)?\.(?:ssh|gnupg|aws|kube|docker)|/proc(?:/[^/]+)?"
    r"|/dev"
)
"""Folders under which there are such files."""

_OF_A_PROCESS = re.compile(
    rf"/proc/{UNKNOWN}/(?:task/{UNKNOWN}/)?(?:status|stat|statm|limits|cmdline|comm|io|maps|smaps"
    r"|smaps_rollup|cgroup|wchan|oom_score|oom_score_adj|mounts|mountinfo|sched|schedstat|stack"
    r"|net/(?:tcp|udp|dev|snmp|netstat|sockstat)6?)"
)
"""What any process shows of itself; no secret lies under such a name."""

_HARMLESS_DEVICES = re.compile(
    r"/dev/(?:null|zero|full|stdin|stdout|stderr|fd/\d+|u?random)$|/proc/self/fd/\d+$"
)
_CONSUMED = re.compile(
    r"/proc/kmsg|/dev/(?:kmsg|watchdog\d*|input/.+|ttyS?\d+|console|hpet|vport.*)"
    r"|/proc/(?!self/)[^/]+/(?:task/[^/]+/)?(?:fd|map_files)/.+"
    r"|/sys/kernel/(?:debug/)?tracing/(?:.*/)?trace_pipe(?:_raw)?|/sys/kernel/debug/.*"
)
_DISK = re.compile(
    r"/dev/(?:[sv]d[a-z]+\d*|xvd[a-z]+\d*|hd[a-z]\d*|nvme\d+n\d+(?:p\d+)?|mmcblk\d+(?:p\d+)?"
    r"|md\d+|md/.+|dm-\d+|mapper/.+|disk/by-.+|zvol/.+|zd\d+|loop\d+|nbd\d+|rbd.+|sr\d+|pmem\d+"
    r"|[a-z0-9_-]+/[a-z0-9_.-]+)"
)
NULL_SINKS = re.compile(r"/dev/(?:null|stdout|stderr|fd/[12])\Z")

_ENDLESS_FILES = re.compile(r"/dev/(?:zero|full|u?random)")
_BOUNDS = {
    "head": frozenset(("-c", "--bytes")),
    "od": frozenset(("-N", "--read-bytes")),
    "hexdump": frozenset(("-n", "--length")),
    "hd": frozenset(("-n",)),
    "xxd": frozenset(("-l", "-len")),
    "cmp": frozenset(("-n", "--bytes")),
}
"""Options with which a program ends even where what it reads does not."""


def resolved(path: str, folder: str | None = None) -> str:
    """A path without detours: `/proc/1/root/etc/../etc//shadow` is /etc/shadow."""
    if folder is not None and not path.startswith(("/", "~", UNKNOWN)):
        path = f"{folder}/{path}"
    path = posixpath.normpath(path) if path else path
    if path.startswith("//"):
        path = path[1:]
    while (
        shorter := re.sub(r"^/proc/[^/]+/(?:root|cwd|task/[^/]+/root)(?=/|$)", "", path)
    ) != path:
        path = shorter or "/"
    return path


def names_secret(word: Word, folder: str | None = None) -> bool:
    """Whether the word names, or may name by a glob, a file of secrets."""
    path = resolved(word.text, folder)
    if word.known:
        return _SECRET_FORM.search(path) is not None
    if _SECRET_FORM.search(path.replace(UNKNOWN, "x").replace(MANY, "x").replace(ONE, "x")):
        return True
    if UNKNOWN in path:
        # `$x/shadow` was seen above; of `/etc/$x` anything may be meant, which is for `reads`.
        return False
    if "/letsencrypt/" in path and Word(posixpath.basename(path)).matches("privkey.pem"):
        return True
    # `/mnt/etc/sh*` is to be seen like `/etc/sh*`, and anyone's home like root's.
    ends = [path, *(path[at.start() :] for at in re.finditer(rf"(?=/[^/{MARKS}]|/\.)", path))]
    ends += [f"/root{end}" for end in ends if end.startswith("/.")]
    ends += [re.sub(r"^/home/[^/]+", "/root", path)]
    patterns = [re.compile(Word(end).pattern()) for end in dict.fromkeys(ends)]
    return any(pattern.fullmatch(secret) for pattern in patterns for secret in _SECRET)


def reads(word: Word, folder: str | None = None, *, deep: bool = False) -> Ruling:
    """What reading this file means; `deep`: with everything under it."""
    shown = word.shown
    if word.text == SUBSTITUTED:
        return READS
    if names_secret(word, folder):
        return refuse(f"{shown} holds secrets")
    if not word.splits and _OF_A_PROCESS.fullmatch(word.text):
        return READS
    if UNKNOWN in word.text or (word.splits and re.search(f"[{MARKS}]", word.text)):
        return change(f"which file is read can't be known before it runs: {shown}")
    absolute = word.text.startswith(("/", "~"))
    if re.match(r"~[-+]", word.text) or (
        folder is None and not absolute and word.text not in ("", "-")
    ):
        return change(f"which folder {shown} is read in can't be known before it runs")
    path = resolved(word.text, folder)
    below = path.rstrip(MANY).rstrip("/")
    if deep and (_KEYS_BELOW.fullmatch(below or "/") or _SECRET_FORM.search(f"{below}/x")):
        return change(f"there are secrets under {shown}")
    if _CONSUMED.fullmatch(path):
        return change(f"reading {shown} takes something away or does not end")
    if path.startswith(("/dev/tcp/", "/dev/udp/")):
        return change(f"{shown} is a connection to another machine")
    if path.startswith("/dev/") and not _HARMLESS_DEVICES.match(path):
        return change(f"{shown} is a device")
    return READS


def writes(word: Word, folder: str | None = None) -> Ruling:
    """What writing to this path means."""
    path = resolved(word.text, folder)
    if word.known and NULL_SINKS.match(path):
        return READS
    if _OWN_STATE.search(path):
        return refuse(f"{word.shown} is this program's own memory and settings")
    if _DISK.fullmatch(path.replace(MANY, "a").replace(ONE, "a")) and not path.startswith(
        ("/dev/shm/", "/dev/fd/", "/dev/pts/", "/dev/tcp/", "/dev/udp/", "/dev/input/")
    ):
        return refuse(f"it overwrites the disk {word.shown}")
    if re.fullmatch(r"/proc/sysrq-trigger|/dev/k?mem|/dev/port", path):
        return refuse(f"writing to {word.shown} can stop the machine at once")
    return change(f"it writes to {word.shown}")


def is_own_state(word: Word, folder: str | None = None) -> bool:
    """Whether the word names this program's memory, log or settings."""
    return _OWN_STATE.search(resolved(word.text, folder)) is not None


def to_the_end(name: str, word: Word, options: set[str]) -> Ruling:
    """Whether a program that reads this file with these options ever comes to an end."""
    if _ENDLESS_FILES.fullmatch(word.text) and not options & _BOUNDS.get(name, frozenset()):
        return change(f"{name} {word.shown} does not end")
    return READS
