"""Checks when this service's certificate and its authority end, and whether the files are valid."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta

from zope.interface import implementer

from flocker_lite.ca.certificate_facts import CertificateFacts, day, expiry_warning
from flocker_lite.interfaces.checks import Checked, ICheck
from flocker_lite.model.diagnosis import Finding
from flocker_lite.tls.certificates import Certificates

NAME = "certificate"
SEVERE_BEFORE = timedelta(days=1)


@implementer(ICheck)
class CertificateCheck:
    """Looks at the certificates in use; None if the service has none."""

    name = NAME

    def __init__(self, certificates: Certificates | None, time_of_day: Callable[[], float]) -> None:
        self._certificates = certificates
        self._time_of_day = time_of_day

    async def look(self) -> Checked:
        if self._certificates is None:
            text = "there is no certificate: whoever reaches this service can change everything"
            remedy = "make certificates with flocker-ca (docs/security.rst), unless this is a lab"
            return Checked("none", (Finding(NAME, text, remedy, severe=False),))
        now = datetime.fromtimestamp(self._time_of_day(), UTC)
        used = self._certificates.credentials
        findings = [
            *_ending("its certificate", used.facts, "renew it with `flocker-ca renew`", now),
            *_ending(
                "the cluster's authority",
                used.authority_facts,
                "make a new one in time (docs/security.rst)",
                now,
            ),
        ]
        if self._certificates.trouble:
            text = (
                f"its files are invalid, and the earlier ones in use: {self._certificates.trouble}"
            )
            findings.append(Finding(NAME, text, "copy the right files there (flocker-ca)"))
        return Checked(f"until {day(used.facts.ends_at)}", tuple(findings))


def _ending(what: str, facts: CertificateFacts, remedy: str, now: datetime) -> list[Finding]:
    said = expiry_warning(facts.ends_at, now)
    if said is None:
        return []
    return [Finding(NAME, f"{what} {said}", remedy, facts.ends_at - now < SEVERE_BEFORE)]
