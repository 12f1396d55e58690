"""Certificates in files: those that services are configured with, and those others recorded."""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Literal

from sme_tools.errors import ProbeError
from sme_tools.facts import Fact
from sme_tools.probes.certificates_reading import (
    MONTHS,
    X509,
    Certificate,
    certificate_fields,
    host_clock,
)
from sme_tools.probes.registry import probe

PROBE = "certificates.files"

Verdict = Literal["valid", "expired", "revoked", "test", "unusable"]


class FileCertificate(Certificate):
    """One certificate in a file."""

    path: str
    verdict: Verdict | None = None
    """What the tool that listed it (certbot, kubeadm) thought of it at that time; None for a file
    that was read with openssl."""


class Files(Fact):
    """Certificates in files."""

    certificates: list[FileCertificate]
    unreadable: list[str]
    """What should be a certificate and is none: file names, or openssl's words where the recording
    does not name the file."""


_COMMAND = r"""
echo "now $(date +%s)"
for folder in /etc/letsencrypt/live /etc/pve/local /etc/kubernetes/pki; do
  [ -e $folder ] && [ ! -r $folder ] && exit 77
done
for file in /etc/letsencrypt/live/*/cert.pem /etc/pve/local/pve-ssl.pem \
  /etc/pve/local/pveproxy-ssl.pem /etc/pve/pve-root-ca.pem /etc/proxmox-backup/proxy.pem \
  /etc/kubernetes/pki/*.crt /etc/kubernetes/pki/etcd/*.crt \
  /var/lib/kubelet/pki/kubelet-client-current.pem /var/lib/rancher/k3s/server/tls/*.crt \
  /etc/nginx/ssl/*.crt /etc/nginx/ssl/*.pem /etc/nginx/certs/*.crt /etc/apache2/ssl/*.crt \
  /etc/httpd/ssl/*.crt /etc/ssl/private/*.crt /etc/haproxy/certs/*.pem \
  /etc/pki/tls/certs/localhost.crt \
  /etc/cockpit/ws-certs.d/*.cert /etc/cockpit/ws-certs.d/*.crt /etc/dovecot/private/*.pem \
  /etc/docker/*.pem /etc/docker/certs.d/*/*.crt /etc/openvpn/server/*.crt /etc/openvpn/*.crt \
  /var/lib/acme/*/cert.pem /etc/gitlab/ssl/*.crt /root/.acme.sh/*/fullchain.cer
do
  [ -r "$file" ] && [ -f "$file" ] || continue
  case $file in *key*) continue;; esac
  echo "$file"
done | head -n 60 | while read -r file; do
  printf 'file %s\n' "$file"
  @X509@ <"$file"
done
""".replace("@X509@", X509)


@probe(
    PROBE,
    level=2,
    tool="openssl",
    needs_root=True,
    command=_COMMAND,
    timeout_s=20,
    reads=(
        "certbot certificates",
        "kubeadm certs check-expiration",
        "openssl x509 -enddate",
        "openssl x509 -noout -enddate",
        "openssl x509 -noout -dates",
        "openssl x509 -enddate (all certs)",
        "getcert list",
        "ipa-getcert list",
    ),
)
def files(output: str) -> Files:
    """Certificates that services are configured with, and when they expire.

    Source: openssl-x509(1), certbot(1), kubeadm(1).
    """
    if re.search(
        r"^\s+(Certificate Name|Expiry Date): |No certs found|No certificates found", output, re.M
    ):
        return Files(certificates=list(_from_certbot(output)), unreadable=[])
    if re.search(r"^CERTIFICATE +EXPIRES", output, re.MULTILINE):
        return Files(certificates=list(_from_kubeadm(output)), unreadable=[])
    if output.startswith("Number of certificates and requests being tracked"):
        return Files(certificates=list(_from_getcert(output)), unreadable=[])
    if re.match(r"now \d+$", output, re.MULTILINE):
        return _from_probe(output)
    if output.strip() and "notAfter" not in output:
        raise ProbeError(PROBE, line=output.strip().split("\n")[0])
    return _from_enddates(output)


def _from_probe(output: str) -> Files:
    found, unreadable = [], []
    now = host_clock(output)
    for block in re.split(r"^file ", output, flags=re.MULTILINE)[1:]:
        path, _, text = block.partition("\n")
        if "notAfter" in text:
            fields = certificate_fields(text, PROBE, now)
            found.append(FileCertificate.model_validate({"path": path, **fields}))
        else:
            unreadable.append(path)
    return Files(certificates=found, unreadable=unreadable)


_COMPLAINT = re.compile(r"(unable to load|Could not (read|open|find)) certificate", re.IGNORECASE)


def _from_enddates(output: str) -> Files:
    """`notAfter=` lines, each followed by `FileName= PATH` where a script asked many files."""
    lines = output.splitlines()
    found, unreadable = [], []
    dates = ""
    for number, (line, following) in enumerate(zip(lines, [*lines, ""][1:], strict=True)):
        if line.startswith("notBefore="):
            dates = line
        elif line.startswith("notAfter="):
            named = re.match(r"File ?[Nn]ame ?= *(.+)", following)
            path = named[1].strip() if named else _subject_near(lines, number)
            try:
                fields = certificate_fields(f"{dates}\n{line}", PROBE)
            except ProbeError:
                unreadable.append(f"{path}: {line.strip()}")
            else:
                found.append(FileCertificate.model_validate({"path": path, **fields}))
            dates = ""
        elif _COMPLAINT.match(line):
            unreadable.append(line.strip())
    return Files(certificates=found, unreadable=unreadable)


def _subject_near(lines: list[str], number: int) -> str:
    """The common name among the lines of the same certificate, for want of a file name."""
    first = next((n for n in range(number, -1, -1) if not lines[n].strip()), -1) + 1
    last = next((n for n in range(number, len(lines)) if not lines[n].strip()), len(lines))
    for line in lines[first:last]:
        if subject := re.match(r"subject ?= ?.*?\bCN ?= ?([^/,]+)", line):
            return subject[1].strip()
    return "(file not named)"


_CERTBOT_VERDICTS: dict[str, Verdict] = {
    "EXPIRED": "expired",
    "REVOKED": "revoked",
    "TEST_CERT": "test",
}


def _from_certbot(output: str) -> Iterator[FileCertificate]:
    """Blocks with lines such as `Expiry Date: 2023-05-11 01:33:10+00:00 (VALID: 63 days)`."""
    for block in re.split(r"^\s+Certificate Name: ", output, flags=re.MULTILINE)[1:]:
        name = block.split("\n")[0].strip()
        expiry = re.search(r"Expiry Date: (\S+ \S+) \((\w+): ([^)]*)\)", block)
        if expiry is None:
            raise ProbeError(PROBE, "no expiry date of certbot", line=block)
        days = re.search(r"(\d+) (day|hour|minute)", expiry[3])
        verdict: Verdict = "valid"
        if expiry[2] != "VALID":
            words = [word for word in _CERTBOT_VERDICTS if word in expiry[3]]
            verdict = _CERTBOT_VERDICTS[words[0]] if words else "unusable"
        path = re.search(r"Certificate Path: (.+)", block)
        domains = re.search(r"Domains: (.+)", block)
        serial = re.search(r"Serial Number: (\w+)", block)
        yield FileCertificate(
            path=path[1].strip() if path else name,
            subject=name,
            names=domains[1].split() if domains else None,
            serial=serial[1] if serial else None,
            not_after=datetime.fromisoformat(expiry[1]),
            verdict=verdict,
            days_left=_days(int(days[1]), days[2]) if days else None,
        )


def _days(number: int, unit: str) -> float:
    per_day = {"y": 1 / 365, "d": 1, "day": 1, "h": 24, "hour": 24, "m": 1440, "minute": 1440}
    return round(number / per_day[unit], 2)


def _from_kubeadm(output: str) -> Iterator[FileCertificate]:
    """Rows such as `apiserver  Dec 30, 2020 23:36 UTC   364d   ca   no`; `<invalid>` is expired."""
    row = re.compile(
        r"^!?(\S+) +(\w{3}) (\d+), (\d{4}) (\d+):(\d+) UTC +(<invalid>|\d+[a-z]+)", re.MULTILINE
    )
    for name, month, day, year, hour, minute, left in row.findall(output):
        expired = left == "<invalid>"
        number = re.match(r"(\d+)([ydhm])", left)
        yield FileCertificate(
            path=name,
            not_after=datetime(
                int(year), MONTHS.index(month) + 1, int(day), int(hour), int(minute), tzinfo=UTC
            ),
            verdict="expired" if expired else "valid",
            days_left=_days(int(number[1]), number[2]) if number else None,
        )


def _from_getcert(output: str) -> Iterator[FileCertificate]:
    """Requests of certmonger that have a certificate. Source: getcert-list(1)."""
    for block in re.split(r"^Request ID ", output, flags=re.MULTILINE)[1:]:
        expires = re.search(r"^\s+expires: (\S+ \S+) UTC", block, re.MULTILINE)
        if expires is None:
            continue
        place = re.search(r"^\s+certificate: .*?location='([^']*)'", block, re.MULTILINE)
        subject = re.search(r"^\s+subject: (.+)$", block, re.MULTILINE)
        yield FileCertificate(
            path=place[1] if place else "certificate",
            subject=subject[1].strip() if subject else None,
            not_after=datetime.fromisoformat(expires[1]).replace(tzinfo=UTC),
        )
