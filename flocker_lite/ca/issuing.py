"""Makes the authority's certificate, and those that it signs, as bytes and not as files.

The keys use the curve P-256, which every curl and every browser supports.
"""

from __future__ import annotations

import ipaddress
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.types import CertificatePublicKeyTypes
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from flocker_lite.ca.certificate_facts import claims_of
from flocker_lite.ca.claims import CertificateError, Claims, Kind, checked, is_host, to_uri

AUTHORITY_DAYS = 3653
CERTIFICATE_DAYS = 397
CLOCK_DIFFERENCE_MAX = timedelta(days=1)
"""How long before its creation a certificate is already valid, because some clocks are wrong."""


@dataclass(frozen=True, slots=True)
class Authority:
    """A cluster's authority: its certificate, and the key that signs for it."""

    certificate: x509.Certificate
    key: ec.EllipticCurvePrivateKey


def new_key() -> ec.EllipticCurvePrivateKey:
    """A new private key."""
    return ec.generate_private_key(ec.SECP256R1())


def new_authority(cluster_name: str, cluster_id: str, now: datetime) -> Authority:
    """The authority of a new cluster."""
    claims = checked(Kind.CLUSTER, cluster_name, cluster_id)
    key = new_key()
    return Authority(_authority_certificate(_subject(claims, claims.name), claims, key, now), key)


def renewed_authority(authority: Authority, now: datetime) -> Authority:
    """The same authority with a later expiry; certificates that it signed before stay valid."""
    claims = claims_of(authority.certificate)
    subject = authority.certificate.subject
    return Authority(_authority_certificate(subject, claims, authority.key, now), authority.key)


def issue(
    authority: Authority,
    claims: Claims,
    public_key: CertificatePublicKeyTypes,
    hosts: Sequence[str],
    now: datetime,
) -> x509.Certificate:
    """A certificate for the owner of the key; `hosts` are a control service's names for clients.

    It expires with the authority's certificate at the latest. Raises CertificateError when that has
    expired.
    """
    ends = min(now + timedelta(days=CERTIFICATE_DAYS), authority.certificate.not_valid_after_utc)
    if ends <= now:
        raise CertificateError("the authority's own certificate has expired: renew it first")
    bad = [host for host in hosts if not is_host(host)]
    if bad:
        raise CertificateError(f"{bad[0]!r} is neither a host name nor an IP address")
    cluster_name = claims_of(authority.certificate).name
    is_server = claims.kind is Kind.CONTROL
    usage = ExtendedKeyUsageOID.SERVER_AUTH if is_server else ExtendedKeyUsageOID.CLIENT_AUTH
    builder = _builder(_subject(claims, cluster_name), public_key, now, ends)
    names = [x509.UniformResourceIdentifier(to_uri(claims)), *map(_host_name, hosts)]
    return (
        builder.issuer_name(authority.certificate.subject)
        .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
        .add_extension(_key_usage(signs=False), critical=True)
        .add_extension(x509.ExtendedKeyUsage([usage]), critical=False)
        .add_extension(x509.SubjectAlternativeName(names), critical=False)
        .add_extension(
            x509.AuthorityKeyIdentifier.from_issuer_public_key(authority.key.public_key()),
            critical=False,
        )
        .sign(authority.key, hashes.SHA256())
    )


def renewed(authority: Authority, certificate: x509.Certificate, now: datetime) -> x509.Certificate:
    """The same certificate, for the same key, with a later expiry."""
    names = certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    hosts = [
        *names.get_values_for_type(x509.DNSName),
        *map(str, names.get_values_for_type(x509.IPAddress)),
    ]
    return issue(authority, claims_of(certificate), certificate.public_key(), hosts, now)


def certificate_pem(certificate: x509.Certificate) -> bytes:
    """The content of a certificate's file."""
    return certificate.public_bytes(serialization.Encoding.PEM)


def key_pem(key: ec.EllipticCurvePrivateKey) -> bytes:
    """The content of a key's file, which only its owner may read."""
    return key.private_bytes(
        serialization.Encoding.PEM,
        serialization.PrivateFormat.PKCS8,
        serialization.NoEncryption(),
    )


def _authority_certificate(
    subject: x509.Name, claims: Claims, key: ec.EllipticCurvePrivateKey, now: datetime
) -> x509.Certificate:
    ends = now + timedelta(days=AUTHORITY_DAYS)
    name = x509.UniformResourceIdentifier(to_uri(claims))
    return (
        _builder(subject, key.public_key(), now, ends)
        .issuer_name(subject)
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .add_extension(_key_usage(signs=True), critical=True)
        .add_extension(x509.SubjectAlternativeName([name]), critical=False)
        .sign(key, hashes.SHA256())
    )


def _builder(
    subject: x509.Name, public_key: CertificatePublicKeyTypes, now: datetime, ends: datetime
) -> x509.CertificateBuilder:
    return (
        x509.CertificateBuilder()
        .subject_name(subject)
        .public_key(public_key)
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - CLOCK_DIFFERENCE_MAX)
        .not_valid_after(ends)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(public_key), critical=False)
    )


def _subject(claims: Claims, cluster_name: str) -> x509.Name:
    """The subject, for people in browsers and `openssl x509`; we ourselves read only the URI."""
    return x509.Name(
        [
            x509.NameAttribute(NameOID.ORGANIZATION_NAME, cluster_name),
            x509.NameAttribute(NameOID.ORGANIZATIONAL_UNIT_NAME, claims.cluster_id),
            x509.NameAttribute(NameOID.COMMON_NAME, str(claims)[:64]),
        ]
    )


def _host_name(host: str) -> x509.GeneralName:
    try:
        return x509.IPAddress(ipaddress.ip_address(host))
    except ValueError:
        return x509.DNSName(host)


def _key_usage(*, signs: bool) -> x509.KeyUsage:
    return x509.KeyUsage(
        digital_signature=not signs,
        content_commitment=False,
        key_encipherment=False,
        data_encipherment=False,
        key_agreement=False,
        key_cert_sign=signs,
        crl_sign=signs,
        encipher_only=False,
        decipher_only=False,
    )
