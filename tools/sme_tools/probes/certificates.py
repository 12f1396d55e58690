"""Certificates that local TLS listeners present."""

from __future__ import annotations

import re

from sme_tools.errors import ProbeError
from sme_tools.probes.certificates_reading import (
    X509,
    Certificate,
    certificate_fields,
    host_clock,
)
from sme_tools.probes.registry import probe

PROBE = "certificates.listeners"


class ListenerCertificate(Certificate):
    """The certificate that one local TLS listener presents."""

    address: str
    """`127.0.0.1:8443`."""
    port: int
    process: str | None = None
    verify_error: str | None = None
    """Why openssl does not trust it by the host's own trust store; None if it does."""


# Which ports: those of well-known TLS services first, then the rest, at most 32. Left out are
# services that speak first or start TLS later, would log each stranger, or (printers) print it.
# Each attempt has two seconds, all run at once: a listener that is no TLS server often just waits.
_COMMAND = r"""
ask() {
  said=$({ openssl s_client -connect "$1" </dev/null 2>/dev/null & child=$!
    { sleep 2; kill $child; } </dev/null >/dev/null 2>&1 & watch=$!
    wait $child; kill $watch; } 2>/dev/null)
  case $said in *'BEGIN CERTIFICATE'*) ;; *) return;; esac
  verify=$(printf '%s\n' "$said" | sed -n 's/.*Verify return code: //p' | tail -n 1)
  read=$(printf '%s\n' "$said" | @X509@)
  printf 'listener %s %s\nverify=%s\n%s\n\n' "$1" "$2" "$verify" "$read"
}
listening() {
  cat /proc/net/tcp /proc/net/tcp6 2>/dev/null | awk '$4 == "0A" { print $2 }' |
    while IFS=: read -r address port; do echo "LISTEN 0 0 127.0.0.1:$((0x$port))"; done
}
echo "now $(date +%s)"
{ ss -tlnp 2>/dev/null || netstat -tlnp 2>/dev/null || listening; } | awk '
BEGIN {
  split("443 8443 9443 8006 8007 6443 10250 2376 2379 636 853 989 990 993 995 465 5986 8883", a)
  for (i in a) first[a[i]] = 1
  split("21 22 23 25 53 110 111 139 143 389 445 587 631 873 1433 1521 1883 2049 2222", b)
  for (i in b) never[b[i]] = 1
  split("3306 33060 3389 4369 5432 5672 5900 6379 9042 9100 11211 26379 27017", c)
  for (i in c) never[c[i]] = 1
}
/LISTEN/ {
  n = split($4, part, ":"); port = part[n]
  address = substr($4, 1, length($4) - length(port) - 1)
  gsub(/%[^]]*|\[|\]/, "", address)
  name = ""
  if (match($0, /\(\("[^"]+"/)) name = substr($0, RSTART + 3, RLENGTH - 4)
  else if (match($0, /[0-9]\/[^ ]+/)) name = substr($0, RSTART + 2, RLENGTH - 2)
  gsub(/[^A-Za-z0-9_.-]/, "", name)
  if (port !~ /^[0-9]+$/ || port in never) next
  if (name ~ /^(sshd|dropbear|rpc|mysqld|mariadbd|postgres|redis|valkey|memcached|mongo)/) next
  if (name ~ /^(smbd|named|dnsmasq|systemd-resolve|unbound|cupsd|master$|exim|epmd|avahi)/) next
  if (address ~ /^(0\.0\.0\.0|\*|::|)$/ || address ~ /^::ffff:127/) address = "127.0.0.1"
  else if (address ~ /:/) address = "[" address "]"
  key = address ":" port
  if (!(key in seen)) { seen[key] = 1; print !(port in first), port, key, name }
}' | sort -n -k1,1 -k2,2 | head -n 32 | {
  while read -r rank port key name; do ask "$key" "$name" & done
  wait
}
""".replace("@X509@", X509)


@probe(PROBE, level=1, tool="openssl", command=_COMMAND, timeout_s=15)
def listeners(output: str) -> list[ListenerCertificate]:
    """The certificate of each local port that answers a TLS handshake. Source: openssl-s_client(1).

    A port that asks for a name (SNI) shows its default certificate alone.
    """
    found = []
    now = host_clock(output)
    for block in re.split(r"\n\s*\n", re.sub(r"^now \d+\n", "", output).strip()):
        if not block.strip():
            continue
        head = re.match(r"listener (\S+):(\d+) ?(\S*)\n", block)
        if head is None:
            raise ProbeError(PROBE, line=block.split("\n")[0])
        verify = re.search(r"^verify=(\d+) \((.*)\)$", block, re.MULTILINE)
        found.append(
            ListenerCertificate.model_validate(
                {
                    "address": f"{head[1]}:{head[2]}",
                    "port": int(head[2]),
                    "process": head[3] or None,
                    "verify_error": verify[2] if verify and verify[1] != "0" else None,
                    **certificate_fields(block, PROBE, now),
                }
            )
        )
    return sorted(found, key=lambda c: c.port)
