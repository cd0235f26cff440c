"""Whether a certificate is let in at a door; pure, but for what OpenSSL has found already."""

from __future__ import annotations

from collections.abc import Collection

from cryptography import x509
from OpenSSL import SSL

from flocker_lite.ca.claims import CertificateError, Kind
from flocker_lite.ca.facts import claims_of, day

# Numbers of OpenSSL's x509_vfy.h.
_NOT_YET_VALID = 9
_EXPIRED = 10
_OF_ANOTHER_AUTHORITY = {7, 18, 19, 20, 21}
_WRONG_PURPOSE = 26

_ALERTS = {
    "peer did not return a certificate": "it has no certificate",
    "http request": "it speaks HTTP without TLS: https:// is what is served here",
    "wrong version number": "it does not speak TLS",
    "unsupported protocol": "it speaks no TLS of version 1.2 or later",
    "no shared cipher": "it has no cipher in common with this service",
}


def objection(
    certificate: x509.Certificate,
    error_number: int,
    accepted: Collection[Kind],
    cluster_id: str,
    revoked: Collection[int],
) -> str | None:
    """Why a certificate is not let in; None when it is.

    `error_number` is what OpenSSL has against it, 0 when it has nothing.
    """
    try:
        claims = claims_of(certificate)
    except CertificateError as error:
        return f"its certificate is not good: {error}"
    wanted = " or ".join(kind.words for kind in accepted)
    wrong_kind = f"it is {claims}, and should be a {wanted}"
    if error_number in _OF_ANOTHER_AUTHORITY:
        return f"its certificate says {claims}, and is not by the authority of this cluster"
    if error_number == _EXPIRED:
        return f"the certificate of {claims} expired on {day(certificate.not_valid_after_utc)}"
    if error_number == _NOT_YET_VALID:
        begins = day(certificate.not_valid_before_utc)
        return f"the certificate of {claims} is good from {begins} only: look at both clocks"
    if error_number == _WRONG_PURPOSE:
        return wrong_kind
    if error_number:
        return f"the certificate of {claims} is not good: number {error_number} of OpenSSL"
    if claims.cluster_id != cluster_id:
        return f"it is {claims} of another cluster, {claims.cluster_id}"
    if certificate.serial_number in revoked:
        return f"the certificate of {claims} was revoked"
    if claims.kind not in accepted:
        return wrong_kind
    return None


def in_words(error: SSL.Error) -> str:
    """What went wrong with a handshake."""
    reasons = [entry[-1] for entry in error.args[0]] if error.args else []
    said = str(reasons[-1]) if reasons else "TLS failed"
    if "alert" in said:
        return f"the other side refuses the certificate of this one ({said}); its log says why"
    return _ALERTS.get(said, said)
