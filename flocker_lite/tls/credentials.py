"""Reads a service's certificate, its key and its authority from one directory."""

from __future__ import annotations

import stat
from dataclasses import dataclass, field
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec

from flocker_lite.ca.certificate_facts import CertificateFacts, facts_of, is_by, read_certificate
from flocker_lite.ca.claims import CertificateError, Kind
from flocker_lite.ca.directory import CERTIFICATE_SUFFIX, CLUSTER_NAME, KEY_SUFFIX
from flocker_lite.ca.revoked import FILE_NAME, serial_numbers

OTHERS = stat.S_IRWXO


@dataclass(frozen=True, slots=True)
class Files:
    """The contents of the files; we do not check the same ones twice."""

    path: Path
    certificate: bytes
    key: bytes = field(repr=False)
    authority: bytes
    revoked: bytes
    has_authority_key: bool


@dataclass(frozen=True, slots=True)
class Credentials:
    """A certificate with its key, signed by its authority; `revoked` has serial numbers."""

    certificate: x509.Certificate
    key: ec.EllipticCurvePrivateKey
    authority: x509.Certificate
    facts: CertificateFacts
    authority_facts: CertificateFacts
    revoked: frozenset[int]


def read_files(directory: Path, kind: Kind) -> Files:
    """Read the one certificate of this kind and its files; CertificateError says what to do."""
    found = sorted(directory.glob(f"{kind.file_word}-*{CERTIFICATE_SUFFIX}"))
    if len(found) != 1:
        names = ", ".join(path.name for path in found) or "none"
        raise CertificateError(
            f"{directory} should have one {kind.file_word}-*{CERTIFICATE_SUFFIX}, but has: "
            f"{names}; copy the files there that flocker-ca made for this machine"
        )
    key_path = found[0].with_suffix(KEY_SUFFIX)
    try:
        if key_path.stat().st_mode & OTHERS:
            raise CertificateError(f"everybody may read {key_path}: chmod 600 {key_path}")
        return Files(
            found[0],
            found[0].read_bytes(),
            key_path.read_bytes(),
            (directory / f"{CLUSTER_NAME}{CERTIFICATE_SUFFIX}").read_bytes(),
            _read_if_there(directory / FILE_NAME),
            (directory / f"{CLUSTER_NAME}{KEY_SUFFIX}").exists(),
        )
    except OSError as error:
        raise CertificateError(f"{error.filename} cannot be read: {error.strerror}") from None


def credentials(files: Files, kind: Kind) -> Credentials:
    """The credentials in the files; CertificateError if the files do not belong together."""
    try:
        certificate = read_certificate(files.certificate)
        authority = read_certificate(files.authority)
        facts, authority_facts = facts_of(certificate), facts_of(authority)
        revoked = serial_numbers(files.revoked.decode("utf-8"))
        key = serialization.load_pem_private_key(files.key, None)
    except (ValueError, TypeError, CertificateError) as error:
        raise CertificateError(f"{files.path}, its key or its authority: {error}") from None
    if not is_by(certificate, authority):
        raise CertificateError(
            f"{files.path} was not made by the authority of the {CLUSTER_NAME}{CERTIFICATE_SUFFIX} "
            "beside it: take both from one directory of flocker-ca"
        )
    if facts.claims.kind is not kind or authority_facts.claims.kind is not Kind.CLUSTER:
        raise CertificateError(
            f"{files.path} is the certificate of {facts.claims}, by {authority_facts.claims}: "
            "somebody renamed files of flocker-ca"
        )
    if not isinstance(key, ec.EllipticCurvePrivateKey) or (
        key.public_key() != certificate.public_key()
    ):
        raise CertificateError(f"{files.path} does not match the key beside it")
    return Credentials(certificate, key, authority, facts, authority_facts, revoked)


def _read_if_there(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except FileNotFoundError:
        return b""
