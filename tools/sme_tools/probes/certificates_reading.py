"""What openssl(1) prints about a certificate, read into facts."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta

from sme_tools.errors import ProbeError
from sme_tools.facts import Fact

MONTHS = ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"]

# One call a certificate. -text brings the alternative names with every version of openssl; -ext
# would need 1.1.1.
X509 = (
    "openssl x509 -noout -nameopt RFC2253 -subject -issuer -serial -startdate -enddate -text "
    "2>/dev/null | sed -n -e '/^subject=/p;/^issuer=/p;/^serial=/p;/^notBefore=/p;/^notAfter=/p' "
    "-e 's/^ *\\(DNS:.*\\)/\\1/p'"
)


class Certificate(Fact):
    """What every certificate says of itself."""

    subject: str | None = None
    issuer: str | None = None
    serial: str | None = None
    names: list[str] | None = None
    """The DNS names it is valid for."""
    self_signed: bool | None = None
    not_before: datetime | None = None
    not_after: datetime
    lifetime_days: float | None = None
    """From not_before to not_after: short-lived certificates are renewed late on purpose."""
    days_left: float | None = None
    """Until not_after, by the host's clock or in the words of the tool that listed it; negative
    once it has expired. None where neither is known: compare not_after with the clock."""


def host_clock(output: str) -> datetime | None:
    """The host's clock, where the output says it: `now SECONDS`, printed by `date +%s`."""
    stated = re.search(r"^now (\d+)$", output, re.MULTILINE)
    return datetime.fromtimestamp(int(stated[1]), UTC) if stated else None


def certificate_fields(text: str, probe: str, now: datetime | None = None) -> dict[str, object]:
    """The fields of `Certificate` in what `X509` printed; `now` gives the days that are left.

    Raises:
        ProbeError: there is no notAfter, or a date of unknown form.
    """
    values = dict(re.findall(r"^(subject|issuer|serial|notBefore|notAfter) ?= ?(.*)$", text, re.M))
    if "notAfter" not in values:
        raise ProbeError(probe, "no notAfter", line=text)
    fields: dict[str, object] = {
        name: values[name].strip() for name in ("subject", "issuer", "serial") if name in values
    }
    if "subject" in values and "issuer" in values:
        fields["self_signed"] = values["subject"] == values["issuer"]
    names = re.findall(r"DNS:([^,\s]+)", text)
    if names:
        fields["names"] = names
    not_after = openssl_date(values["notAfter"], probe)
    fields["not_after"] = not_after
    if now is not None:
        fields["days_left"] = _days(not_after - now)
    if "notBefore" in values:
        not_before = openssl_date(values["notBefore"], probe)
        fields["not_before"] = not_before
        fields["lifetime_days"] = _days(not_after - not_before)
    return fields


def _days(span: timedelta) -> float:
    return round(span.total_seconds() / 86400, 2)


def openssl_date(text: str, probe: str) -> datetime:
    """`May 25 16:39:40 2019 GMT`, or the ISO form of `-dateopt iso_8601`. Raises ProbeError."""
    match = re.match(r"(\w{3}) +(\d+) (\d+):(\d+):(\d+)(?:\.\d+)? (\d{4})( GMT)?$", text.strip())
    try:
        if match:
            month = MONTHS.index(match[1]) + 1
            day, hour, minute, second, year = (int(match[n]) for n in range(2, 7))
            return datetime(year, month, day, hour, minute, second, tzinfo=UTC)
        return datetime.fromisoformat(text.strip().replace(" ", "T", 1).replace("Z", "+00:00"))
    except ValueError as error:
        raise ProbeError(probe, "not a date of openssl", line=text) from error
