"""Makes the file from which a browser takes a user's certificate and key."""

from __future__ import annotations

import secrets
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import pkcs12

from flocker_lite.ca.certificate_facts import claims_of
from flocker_lite.ca.claims import CertificateError, Kind
from flocker_lite.ca.directory import KEY_SUFFIX, write_new

SUFFIX = ".p12"
PASSWORD_BYTES = 12
_USERS = (Kind.USER, Kind.READER, Kind.SECRETS_READER)


def export(
    path: Path, certificate: x509.Certificate, authority: x509.Certificate, to: Path | None
) -> tuple[Path, str]:
    """Write the file of a user's certificate; returns its path, and the password that opens it.

    CertificateError says what is wrong.
    """
    claims = claims_of(certificate)
    if claims.kind not in _USERS:
        raise CertificateError(f"{path.name} is no certificate of a user, so no browser needs it")
    try:
        key = serialization.load_pem_private_key(path.with_suffix(KEY_SUFFIX).read_bytes(), None)
    except (OSError, ValueError, TypeError) as error:
        raise CertificateError(f"{path.with_suffix(KEY_SUFFIX)} cannot be read: {error}") from None
    assert isinstance(key, ec.EllipticCurvePrivateKey)
    password = secrets.token_urlsafe(PASSWORD_BYTES)
    content = pkcs12.serialize_key_and_certificates(
        str(claims).encode(),
        key,
        certificate,
        [authority],
        serialization.BestAvailableEncryption(password.encode()),
    )
    target = to if to is not None else path.with_suffix(SUFFIX)
    try:
        write_new(target, content)
    except OSError as error:
        raise CertificateError(f"{target} cannot be written: {error.strerror}") from None
    return target, password
