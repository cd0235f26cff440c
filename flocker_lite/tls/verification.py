"""Decides whether to accept a certificate, given OpenSSL's own finding; pure."""

from __future__ import annotations

from collections.abc import Collection

from cryptography import x509
from OpenSSL import SSL

from flocker_lite.ca.certificate_facts import claims_of, day
from flocker_lite.ca.claims import CertificateError, Kind

# Error numbers from OpenSSL's x509_vfy.h.
_NOT_YET_VALID = 9
_EXPIRED = 10
_OF_ANOTHER_AUTHORITY = {7, 18, 19, 20, 21}
_WRONG_PURPOSE = 26

_ALERTS = {
    "peer did not return a certificate": "it has no certificate",
    "http request": "it speaks HTTP without TLS: use https:// here",
    "wrong version number": "it does not speak TLS",
    "unsupported protocol": "it does not speak TLS 1.2 or later",
    "no shared cipher": "it has no cipher in common with this service",
}


def rejection_reason(
    certificate: x509.Certificate,
    error_number: int,
    accepted: Collection[Kind],
    cluster_id: str,
    revoked: Collection[int],
) -> str | None:
    """Why we refuse a certificate; None when we accept it.

    `error_number` is OpenSSL's error for it, 0 when there is none.
    """
    try:
        claims = claims_of(certificate)
    except CertificateError as error:
        return f"its certificate is invalid: {error}"
    desired = " or ".join(kind.words for kind in accepted)
    wrong_kind = f"it is {claims}, but should be a {desired}"
    if error_number in _OF_ANOTHER_AUTHORITY:
        return f"its certificate says {claims}, but the authority of this cluster did not sign it"
    if error_number == _EXPIRED:
        return f"the certificate of {claims} expired on {day(certificate.not_valid_after_utc)}"
    if error_number == _NOT_YET_VALID:
        begins = day(certificate.not_valid_before_utc)
        return f"the certificate of {claims} is not valid before {begins}: check both clocks"
    if error_number == _WRONG_PURPOSE:
        return wrong_kind
    if error_number:
        return f"the certificate of {claims} is invalid: OpenSSL's error {error_number}"
    if claims.cluster_id != cluster_id:
        return f"it is {claims} of another cluster, {claims.cluster_id}"
    if certificate.serial_number in revoked:
        return f"the certificate of {claims} was revoked"
    if claims.kind not in accepted:
        return wrong_kind
    return None


def handshake_error(error: SSL.Error) -> str:
    """What went wrong with a handshake, in our words where we have some."""
    reasons = [entry[-1] for entry in error.args[0]] if error.args else []
    said = str(reasons[-1]) if reasons else "TLS failed"
    if "alert" in said:
        return f"the other side refuses our certificate ({said}); its log says why"
    return _ALERTS.get(said, said)
