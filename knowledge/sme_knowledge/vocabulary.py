"""The trade's words: different spellings of one thing, and words that tell nothing.

Both sides of a search go through this, what is stored and what is asked, so a spelling only has
to lead to the same token as its twin. It holds common knowledge of the trade, and nothing about
any one known issue.
"""

from __future__ import annotations

STOPWORDS = frozenset(
    """
    a about after again all also always am an and any anybody anyone anything are as at be
    because been before being best better between book both bug but buy by can cannot cant
    come comes coming compare correct correctly could day days did didn difference different
    do does doesn doesnt doing don dont down during each either else english error errors even
    ever every example explain fail failed failing fails failure far few first for from get
    gets getting give given go goes going good got great had happen happening happens has hasn
    have having he hello help her here hi him his home how however howto i idea ideas if im in
    instead into is isn isnt issue issues it its itself just keep keeps know last learn least
    less let life like little ll long look looks lot make makes many may maybe me mean means
    might month months more most much must my need needs never new next no nobody none not
    nothing now number of off often ok old on once one only or other our out over own part
    people per person place please possible price problem problems put question quick quickly
    quite rather really request same say says second see seem seems seen several she should
    side simple since slowly so some somebody someone something sometimes soon still such sure
    take tell than thank thanks that the their them then there these they thing things think
    this those though three through time times to today together tomorrow too tried trouble
    try trying twice two under until up us use used using usual usually ve very via want was
    way we week weeks well were what when where whether which while who whole why will with
    without won wont word words work worked working works world would write writing written
    wrong year years yes yet you your
    """.split()  # noqa: SIM905 - one word a line would be 300 lines
)
"""English words and the words that every report of a fault contains."""

SYNONYMS: dict[str, tuple[str, ...]] = {
    "k8s": ("kubernetes",),
    "k3s": ("kubernetes",),
    "kubectl": ("kubernetes",),
    "kubelet": ("kubernetes",),
    "openshift": ("kubernetes",),
    "minikube": ("kubernetes",),
    "pod": ("kubernetes", "container"),
    "pve": ("proxmox",),
    "pvecm": ("proxmox", "quorum"),
    "corosync": ("proxmox", "quorum"),
    "quorate": ("quorum",),
    "hw": ("hardware",),
    "hwaccel": ("hardware", "accelerate"),
    "vaapi": ("transcode", "hardware"),
    "nvenc": ("transcode", "hardware", "nvidia"),
    "nvdec": ("transcode", "hardware", "nvidia"),
    "quicksync": ("transcode", "hardware"),
    "qsv": ("transcode", "hardware"),
    "vram": ("gpu", "memory"),
    "ram": ("memory",),
    "mem": ("memory",),
    "graphics": ("gpu",),
    "card": ("gpu",),
    "geforce": ("nvidia", "gpu"),
    "rtx": ("nvidia", "gpu"),
    "cuinit": ("cuda",),
    "cuctxcreate": ("cuda",),
    "oomkilled": ("oom",),
    "cert": ("certificate",),
    "x509": ("certificate", "tls"),
    "ssl": ("tls",),
    "https": ("tls",),
    "letsencrypt": ("certificate",),
    "certbot": ("certificate",),
    "perm": ("permission",),
    "perms": ("permission",),
    "auth": ("authenticate",),
    "authentication": ("authenticate",),
    "login": ("authenticate",),
    "fs": ("filesystem",),
    "rootfs": ("filesystem",),
    "hdd": ("disk",),
    "ssd": ("disk",),
    "nvme": ("disk",),
    "drive": ("disk",),
    "storage": ("disk",),
    "folder": ("directory",),
    "dir": ("directory",),
    "db": ("database",),
    "repo": ("repository",),
    "config": ("configuration",),
    "ct": ("lxc",),
    "lxd": ("lxc",),
    "incus": ("lxc",),
    "nameserver": ("dns",),
    "resolver": ("dns",),
    "resolv": ("dns",),
    "nxdomain": ("dns",),
    "servfail": ("dns",),
    "resolved": ("dns",),
    "dnsmasq": ("dns",),
    "unbound": ("dns",),
    "pihole": ("dns",),
    "adguard": ("dns",),
    "hostname": ("dns",),
    "ntp": ("clock",),
    "chrony": ("clock",),
    "timesyncd": ("clock",),
    "inode": ("enospc",),
    "setgroup": ("eperm", "group"),
    "seteuid": ("eperm",),
    "applyuidgid": ("s6", "group"),
    "toomanyrequest": ("http429",),
    "ratelimit": ("http429",),
    "ratelimited": ("http429",),
    "unauthorized": ("http401",),
    "unauthenticated": ("http401",),
    "forbidden": ("http403",),
    "timeout": ("etimedout",),
    "unreachable": ("ehostunreach",),
    "mdadm": ("raid",),
    "md": ("raid",),
    "zpool": ("zfs",),
    "journald": ("journal",),
    "journalctl": ("journal",),
    "selinux": ("mac",),
    "apparmor": ("mac",),
    "sigkill": ("exit137",),
    "sigsegv": ("exit139",),
    "segfault": ("exit139",),
}
"""A word, stemmed or as written, and the further tokens it stands for."""

PHRASES: dict[str, tuple[str, ...]] = {
    "out of memory": ("oom",),
    "oom killer": ("oom",),
    "cannot allocate memory": ("oom",),
    "killed process": ("oom",),
    "no space left": ("enospc",),
    "disk full": ("enospc",),
    "disk quota exceeded": ("enospc",),
    "permission denied": ("eacces",),
    "access denied": ("eacces",),
    "operation not permitted": ("eperm",),
    "not permitted": ("eperm",),
    "too many open files": ("emfile",),
    "file table overflow": ("emfile",),
    "already in use": ("eaddrinuse",),
    "already allocated": ("eaddrinuse",),
    "bind to port": ("eaddrinuse",),
    "stale file handle": ("estale",),
    "stale nfs": ("estale",),
    "connection refused": ("econnrefused",),
    "connection timed out": ("etimedout",),
    "timed out": ("etimedout",),
    "time out": ("etimedout",),
    "deadline exceeded": ("etimedout",),
    "no route to host": ("ehostunreach",),
    "read only": ("erofs",),
    "input output": ("eio",),
    "i o": ("eio",),
    "device busy": ("ebusy",),
    "name resolution": ("dns",),
    "name or service not known": ("dns",),
    "no such host": ("dns",),
    "could not resolve": ("dns",),
    "can not resolve": ("dns",),
    "unable to resolve": ("dns",),
    "resolve host": ("dns",),
    "resolve name": ("dns",),
    "too many requests": ("http429",),
    "rate limit": ("http429",),
    "gateway timeout": ("http504",),
    "gateway time out": ("http504",),
    "bad gateway": ("http502",),
    "service unavailable": ("http503",),
    "fallen off": ("xid79",),
    "segmentation fault": ("exit139",),
    "file system": ("filesystem",),
    "pull access": ("http401",),
    "docker hub": ("dockerhub",),
    "graphics card": ("gpu",),
    "clock skew": ("clock",),
    "system time": ("clock",),
    "wrong time": ("clock",),
    "time drift": ("clock",),
    "time sync": ("clock",),
    "in the future": ("clock",),
    "not yet valid": ("clock", "certificate"),
}
"""Words that stand side by side, and what they stand for."""

CUDA_ERRORS: dict[int, tuple[str, ...]] = {
    1: ("invalid_value",),
    2: ("out_of_memory", "memory_allocation"),
    3: ("not_initialized", "initialization_error"),
    35: ("insufficient_driver",),
    100: ("no_device",),
    101: ("invalid_device",),
    209: ("no_binary_for_gpu", "no_kernel_image_for_device"),
    214: ("ecc_uncorrectable",),
    222: ("unsupported_ptx_version",),
    304: ("operating_system",),
    700: ("illegal_address",),
    702: ("launch_timeout",),
    719: ("launch_failed", "launch_failure"),
    801: ("not_supported",),
    802: ("system_not_ready",),
    803: ("system_driver_mismatch",),
    804: ("compat_not_supported_on_device",),
    999: ("unknown",),
}
"""CUresult and cudaError_t: CUDA_ERROR_OPERATING_SYSTEM, cudaErrorOperatingSystem, 304.

Source: the CUDA driver and runtime API references, "Data types used by CUDA".
"""

NUMBERED: dict[str, str] = {
    "xid": "xid",
    "exit": "exit",
    "code": "exit",
    "status": "http",
    "http": "http",
    "port": "port",
}
"""A word before a number that says what the number counts: `Xid 79`, `exit code 137`."""
