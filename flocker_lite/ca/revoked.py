"""The list of certificates that are called back, as the text of a file; pure."""

from __future__ import annotations

from datetime import datetime

from flocker_lite.ca.claims import CertificateError
from flocker_lite.ca.facts import Facts, day

FILE_NAME = "cluster.revoked"
"""Beside the authority's certificate, there and at the services."""


def with_revoked(text: str, facts: Facts, now: datetime) -> str:
    """The list with one more certificate on it."""
    return f"{text}{facts.serial_number:x} # {facts.claims}, {day(now)}\n"


def serial_numbers(text: str) -> frozenset[int]:
    """Whose certificates are called back; CertificateError when that cannot be read."""
    words = (line.partition("#")[0].strip() for line in text.splitlines())
    try:
        return frozenset(int(word, 16) for word in words if word)
    except ValueError as error:
        raise CertificateError(f"the list of revoked certificates is damaged: {error}") from None
