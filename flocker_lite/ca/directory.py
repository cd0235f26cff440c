"""The directory of an authority: one file for each certificate and key, for its owner only."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from datetime import datetime
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec

from flocker_lite.ca import issuing
from flocker_lite.ca.certificate_facts import claims_of, facts_of, is_by, read_certificate
from flocker_lite.ca.claims import CertificateError, Claims, Kind, checked, is_host
from flocker_lite.ca.issuing import Authority
from flocker_lite.ca.revoked import FILE_NAME, with_revoked

CERTIFICATE_SUFFIX = ".crt"
KEY_SUFFIX = ".key"
ADDRESS_SUFFIX = ".address"
"""The suffix of a file with a node's address, for people; the certificate does not have it."""

CLUSTER_NAME = "cluster"
REVOKED_FOLDER = "revoked"
FILE_MODE = 0o600
DIRECTORY_MODE = 0o700


class Directory:
    """The files that an authority made; only `renew` overwrites any.

    Every error is a CertificateError that says what to do.
    """

    def __init__(self, path: Path) -> None:
        self.path = path

    def initialize(self, cluster_name: str, cluster_id: str, now: datetime) -> Path:
        """Make the authority of a new cluster; returns its certificate's file."""
        authority = issuing.new_authority(cluster_name, cluster_id, now)
        return self._add(CLUSTER_NAME, authority.certificate, authority.key)

    def create(
        self,
        kind: Kind,
        name: str,
        now: datetime,
        hosts: tuple[str, ...] = (),
        to: Path | None = None,
        address: str | None = None,
    ) -> Path:
        """Make a certificate and its key; returns the certificate's file.

        `to` is a new directory for a copy of all files that the owner needs. `address_of` returns
        the `address` of a node later.
        """
        if address is not None and not is_host(address):
            raise CertificateError(f"{address!r} is neither a host name nor an IP address")
        authority = self._authority()
        claims = checked(kind, name, claims_of(authority.certificate).cluster_id)
        if to is not None and to.exists():
            raise CertificateError(f"{to} exists already: choose a new directory")
        key = issuing.new_key()
        certificate = issuing.issue(authority, claims, key.public_key(), hosts, now)
        path = self._add(file_name(claims), certificate, key)
        if address is not None:
            self._note(path, address)
        if to is not None:
            self._hand_out(path, to)
        return path

    def address_of(self, path: Path) -> str | None:
        """The noted address of a certificate's node; None when there is none."""
        try:
            return path.with_suffix(ADDRESS_SUFFIX).read_text("utf-8").strip() or None
        except (OSError, ValueError):
            return None

    def _note(self, path: Path, address: str) -> None:
        try:
            _replace(path.with_suffix(ADDRESS_SUFFIX), f"{address}\n".encode())
        except OSError as error:
            raise CertificateError(f"made {path}, but cannot note its address: {error}") from None

    def renew(self, path: Path, now: datetime) -> Path:
        """Renew a certificate; its key stays the same, and need not be here."""
        authority = self._authority()
        certificate = self._read(path)
        if not is_by(certificate, authority.certificate):
            raise CertificateError(f"this authority did not make {path}: make a new certificate")
        if claims_of(certificate).kind is Kind.CLUSTER:
            fresh = issuing.renewed_authority(authority, now).certificate
        else:
            fresh = issuing.renewed(authority, certificate, now)
        try:
            _replace(path, issuing.certificate_pem(fresh))
        except OSError as error:
            raise CertificateError(f"{path} cannot be written: {error}") from None
        return path

    def revoke(self, path: Path, now: datetime) -> Path:
        """Revoke a certificate, and put it away; returns where.

        A service refuses the certificate once its list of revoked ones has it.
        """
        authority = self._authority()
        certificate = self._read(path)
        facts = facts_of(certificate)
        if not is_by(certificate, authority.certificate):
            raise CertificateError(f"this authority did not make {path}")
        if facts.claims.kind is Kind.CLUSTER:
            raise CertificateError(f"{path} is the authority itself: make a new one")
        listed = self.path / FILE_NAME
        kept = self.path / REVOKED_FOLDER / f"{path.stem}-{facts.serial_number:x}{path.suffix}"
        try:
            text = listed.read_text("utf-8") if listed.exists() else ""
            _replace(listed, with_revoked(text, facts, now).encode("utf-8"))
            kept.parent.mkdir(exist_ok=True, mode=DIRECTORY_MODE)
            os.replace(path, kept)
            for suffix in (KEY_SUFFIX, ADDRESS_SUFFIX):
                beside = path.with_suffix(suffix)
                if beside.exists():
                    os.replace(beside, kept.with_suffix(suffix))
        except OSError as error:
            raise CertificateError(f"{path} cannot be revoked: {error}") from None
        return kept

    def certificates(self) -> Iterator[tuple[Path, x509.Certificate]]:
        """Every certificate in the directory, with its file."""
        for path in sorted(self.path.glob(f"*{CERTIFICATE_SUFFIX}")):
            yield path, self._read(path)

    def _authority(self) -> Authority:
        certificate = self._read(self.path / f"{CLUSTER_NAME}{CERTIFICATE_SUFFIX}")
        path = self.path / f"{CLUSTER_NAME}{KEY_SUFFIX}"
        try:
            key = serialization.load_pem_private_key(path.read_bytes(), None)
        except FileNotFoundError:
            raise CertificateError(
                f"{path} does not exist, and flocker-ca cannot make certificates without it"
            ) from None
        except (OSError, ValueError, TypeError) as error:
            raise CertificateError(f"{path} cannot be read: {error}") from None
        if not isinstance(key, ec.EllipticCurvePrivateKey):
            raise CertificateError(f"{path} is not a key that flocker-ca made")
        if key.public_key() != certificate.public_key():
            raise CertificateError(f"{path} is not the key of the certificate beside it")
        return Authority(certificate, key)

    def _hand_out(self, path: Path, to: Path) -> None:
        """Copy a certificate with its key and authority; `to` appears as a whole."""
        partial = to.with_name(f"{to.name}.new")
        cluster = self.path / f"{CLUSTER_NAME}{CERTIFICATE_SUFFIX}"
        revoked = self.path / FILE_NAME
        try:
            shutil.rmtree(partial, ignore_errors=True)  # an interrupted command left it
            partial.mkdir(parents=True, mode=DIRECTORY_MODE)
            for source in (cluster, path, path.with_suffix(KEY_SUFFIX), revoked):
                if source != revoked or source.exists():
                    write_new(partial / source.name, source.read_bytes())
            _sync(partial)
            partial.rename(to)
            _sync(to.parent)
        except OSError as error:
            raise CertificateError(f"made {path}, but cannot copy it to {to}: {error}") from None

    def _read(self, path: Path) -> x509.Certificate:
        try:
            certificate = read_certificate(path.read_bytes())
            claims_of(certificate)
        except FileNotFoundError:
            raise CertificateError(
                f"{path} does not exist: give another --directory, or make an authority with "
                "`flocker-ca initialize CLUSTER`"
            ) from None
        except (OSError, CertificateError) as error:
            raise CertificateError(f"{path} cannot be read: {error}") from None
        return certificate

    def _add(
        self, name: str, certificate: x509.Certificate, key: ec.EllipticCurvePrivateKey
    ) -> Path:
        """Write both files; the key first, so that a certificate always has its key."""
        path = self.path / f"{name}{CERTIFICATE_SUFFIX}"
        key_path = self.path / f"{name}{KEY_SUFFIX}"
        for existing in (path, key_path):
            if existing.exists():
                raise CertificateError(
                    f"{existing} exists already: renew it, or move it away to replace it"
                )
        try:
            self.path.mkdir(parents=True, exist_ok=True, mode=DIRECTORY_MODE)
            write_new(key_path, issuing.key_pem(key))
            write_new(path, issuing.certificate_pem(certificate))
            _sync(self.path)
        except OSError as error:
            raise CertificateError(f"{path} cannot be written: {error}") from None
        return path


def file_name(claims: Claims) -> str:
    """The name of a certificate's files, without their suffixes."""
    # scp would take a colon of an IPv6 address for the end of a host name.
    return f"{claims.kind.file_word}-{claims.name.replace(':', '-')}"


def _replace(path: Path, content: bytes) -> None:
    """Replace a file atomically: after a crash, the old one or the new one is there."""
    temporary = path.with_suffix(".new")
    temporary.unlink(missing_ok=True)  # an interrupted command left it
    write_new(temporary, content)
    os.replace(temporary, path)
    _sync(path.parent)


def write_new(path: Path, content: bytes) -> None:
    """Write a new file; an error when the name is taken."""
    fd = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, FILE_MODE)
    with open(fd, "wb") as file:
        file.write(content)
        file.flush()
        os.fsync(file.fileno())


def _sync(directory: Path) -> None:
    fd = os.open(directory, os.O_RDONLY)
    try:
        os.fsync(fd)
    finally:
        os.close(fd)
