"""Reads certificates: who owns them, and when they expire."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta

from cryptography import x509
from cryptography.exceptions import InvalidSignature

from flocker_lite.ca.claims import SCHEME, CertificateError, Claims, from_uri

WARNING_DAYS = 30
"""How many days before a certificate expires we begin to warn."""


@dataclass(frozen=True, slots=True)
class CertificateFacts:
    """What we need to know about a certificate."""

    claims: Claims
    ends_at: datetime
    serial_number: int


def read_certificate(pem: bytes) -> x509.Certificate:
    """The certificate in the text of a file; CertificateError when there is none."""
    try:
        return x509.load_pem_x509_certificate(pem)
    except ValueError as error:
        raise CertificateError(f"not a certificate: {error}") from None


def facts_of(certificate: x509.Certificate) -> CertificateFacts:
    """What the certificate says; CertificateError when it is not one of ours."""
    ends_at = certificate.not_valid_after_utc
    return CertificateFacts(claims_of(certificate), ends_at, certificate.serial_number)


def claims_of(certificate: x509.Certificate) -> Claims:
    """Who owns the certificate; CertificateError when it is not one of ours.

    Only the signature proves whether that is true.
    """
    try:
        names = certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    except x509.ExtensionNotFound:
        uris = []
    except ValueError as error:
        raise CertificateError(f"it cannot be read: {error}") from None
    else:
        uris = names.get_values_for_type(x509.UniformResourceIdentifier)
    ours = [uri for uri in uris if uri.startswith(f"{SCHEME}://")]
    if len(ours) != 1:
        raise CertificateError("flocker-ca did not make it")
    return from_uri(ours[0])


def is_by(certificate: x509.Certificate, authority: x509.Certificate) -> bool:
    """Whether the authority signed the certificate."""
    try:
        certificate.verify_directly_issued_by(authority)
    except (ValueError, TypeError, InvalidSignature):
        return False
    return True


def expiry_warning(ends_at: datetime, now: datetime) -> str | None:
    """A warning about a certificate that expires soon or has expired; None when all is well."""
    if ends_at <= now:
        return f"expired on {day(ends_at)}"
    if ends_at - now < timedelta(days=WARNING_DAYS):
        return f"expires on {day(ends_at)}, in {(ends_at - now).days} days"
    return None


def day(moment: datetime) -> str:
    """The day of a moment, for people to read."""
    return moment.strftime("%Y-%m-%d")
