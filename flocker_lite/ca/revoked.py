"""The list of revoked certificates, as the text of a file; pure."""

from __future__ import annotations

from datetime import datetime

from flocker_lite.ca.certificate_facts import CertificateFacts, day
from flocker_lite.ca.claims import CertificateError

FILE_NAME = "cluster.revoked"
"""The list's file beside the authority's certificate, at the authority and at the services."""


def with_revoked(text: str, facts: CertificateFacts, now: datetime) -> str:
    """The list with one more certificate on it."""
    return f"{text}{facts.serial_number:x} # {facts.claims}, {day(now)}\n"


def serial_numbers(text: str) -> frozenset[int]:
    """The serial numbers of revoked certificates; CertificateError when the list is damaged."""
    words = (line.partition("#")[0].strip() for line in text.splitlines())
    try:
        return frozenset(int(word, 16) for word in words if word)
    except ValueError as error:
        raise CertificateError(f"the list of revoked certificates is damaged: {error}") from None
