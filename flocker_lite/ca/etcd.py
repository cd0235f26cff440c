"""Certificates for etcd, by an authority of its own: those of the cluster say nothing to etcd.

    etcd/ca.crt, ca.key     the authority
    etcd/HOST/              what the machine HOST needs: ca.crt; server.crt and its key for its
                            member of etcd; client.crt and its key for its control service

They have no CommonName: etcd's gateway would take that for the name of one of etcd's users.
"""

from __future__ import annotations

import ipaddress
import os
from collections.abc import Sequence
from datetime import datetime, timedelta
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from flocker_lite.ca.certificate_facts import read_certificate
from flocker_lite.ca.claims import CertificateError, is_host
from flocker_lite.ca.issuing import (
    AUTHORITY_DAYS,
    CLOCK_DIFFERENCE_MAX,
    Authority,
    certificate_pem,
    key_pem,
    new_key,
)

FOLDER = "etcd"
LOCAL_HOSTS = ("localhost", "127.0.0.1", "::1")


def create(directory: Path, hosts: Sequence[str], now: datetime) -> Path:
    """Make the folder of one machine, which has these names; returns the folder.

    The authority is made with the first one. CertificateError says what is wrong.
    """
    for host in hosts:
        if not is_host(host):
            raise CertificateError(f"{host!r} is neither a host name nor an IP address")
    folder = directory / FOLDER / hosts[0]
    if folder.exists():
        raise CertificateError(f"{folder} exists already: move it away to make it anew")
    try:
        authority = _authority(directory / FOLDER, now)
        folder.mkdir(mode=0o700)
        _write(folder / "ca.crt", certificate_pem(authority.certificate))
        both = (ExtendedKeyUsageOID.SERVER_AUTH, ExtendedKeyUsageOID.CLIENT_AUTH)
        _issue(authority, folder / "server.crt", (*hosts, *LOCAL_HOSTS), both, now)
        client = (ExtendedKeyUsageOID.CLIENT_AUTH,)
        _issue(authority, folder / "client.crt", (), client, now)
    except OSError as error:
        raise CertificateError(f"{error.filename} cannot be written: {error.strerror}") from None
    return folder


def _authority(directory: Path, now: datetime) -> Authority:
    certificate_path, key_path = directory / "ca.crt", directory / "ca.key"
    if certificate_path.exists():
        key = serialization.load_pem_private_key(key_path.read_bytes(), None)
        assert isinstance(key, ec.EllipticCurvePrivateKey)
        return Authority(read_certificate(certificate_path.read_bytes()), key)
    directory.mkdir(mode=0o700, parents=True, exist_ok=True)
    key = new_key()
    name = x509.Name([x509.NameAttribute(NameOID.ORGANIZATION_NAME, "flocker-lite etcd")])
    certificate = (
        _builder(name, name, key, now)
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .sign(key, hashes.SHA256())
    )
    _write(key_path, key_pem(key))
    _write(certificate_path, certificate_pem(certificate))
    return Authority(certificate, key)


def _issue(
    authority: Authority,
    path: Path,
    hosts: Sequence[str],
    usages: Sequence[x509.ObjectIdentifier],
    now: datetime,
) -> None:
    key = new_key()
    name = x509.Name([x509.NameAttribute(NameOID.ORGANIZATION_NAME, "flocker-lite")])
    builder = _builder(name, authority.certificate.subject, key, now)
    if hosts:
        names = x509.SubjectAlternativeName([_host_name(host) for host in dict.fromkeys(hosts)])
        builder = builder.add_extension(names, critical=False)
    certificate = (
        builder.add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
        .add_extension(x509.ExtendedKeyUsage(usages), critical=False)
        .sign(authority.key, hashes.SHA256())
    )
    _write(path.with_suffix(".key"), key_pem(key))
    _write(path, certificate_pem(certificate))


def _builder(
    subject: x509.Name, issuer: x509.Name, key: ec.EllipticCurvePrivateKey, now: datetime
) -> x509.CertificateBuilder:
    return (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(issuer)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - CLOCK_DIFFERENCE_MAX)
        .not_valid_after(now + timedelta(days=AUTHORITY_DAYS))
    )


def _host_name(host: str) -> x509.GeneralName:
    try:
        return x509.IPAddress(ipaddress.ip_address(host))
    except ValueError:
        return x509.DNSName(host)


def _write(path: Path, content: bytes) -> None:
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(descriptor, "wb") as file:
        file.write(content)
