"""The directory of an authority: each certificate and each key is a file, for its owner's eyes."""

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
from flocker_lite.ca.claims import CertificateError, Claims, Kind, checked, is_host
from flocker_lite.ca.facts import claims_of, facts_of, is_by, read_certificate
from flocker_lite.ca.issuing import Authority
from flocker_lite.ca.revoked import FILE_NAME, with_revoked

CERTIFICATE_SUFFIX = ".crt"
KEY_SUFFIX = ".key"
ADDRESS_SUFFIX = ".address"
"""Of the file that has the address of a node, for people; its certificate says nothing of it."""

CLUSTER_NAME = "cluster"
REVOKED_FOLDER = "revoked"
FILE_MODE = 0o600
DIRECTORY_MODE = 0o700


class Directory:
    """Where an authority keeps what it made; nothing in it is overwritten but by `renew`.

    Whatever goes wrong is a CertificateError that says what to do.
    """

    def __init__(self, path: Path) -> None:
        self.path = path

    def initialize(self, cluster_name: str, cluster_id: str, now: datetime) -> Path:
        """Make the authority of a new cluster; its certificate's file."""
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
        """Make a certificate and its key; the certificate's file.

        `to` is a directory to be made, with a copy of all that the owner needs. The `address` of a
        node is noted for `address_of`.
        """
        if address is not None and not is_host(address):
            raise CertificateError(f"{address!r} is no host name and no IP address")
        authority = self._authority()
        claims = checked(kind, name, claims_of(authority.certificate).cluster_id)
        if to is not None and to.exists():
            raise CertificateError(f"{to} is there already: choose a new directory")
        key = issuing.new_key()
        certificate = issuing.issue(authority, claims, key.public_key(), hosts, now)
        path = self._add(file_name(claims), certificate, key)
        if address is not None:
            self._note(path, address)
        if to is not None:
            self._hand_out(path, to)
        return path

    def address_of(self, path: Path) -> str | None:
        """What was noted as the address of the node of a certificate."""
        try:
            return path.with_suffix(ADDRESS_SUFFIX).read_text("utf-8").strip() or None
        except (OSError, ValueError):
            return None

    def _note(self, path: Path, address: str) -> None:
        try:
            _replace(path.with_suffix(ADDRESS_SUFFIX), f"{address}\n".encode())
        except OSError as error:
            raise CertificateError(
                f"{path} was made, but its address cannot be noted: {error}"
            ) from None

    def renew(self, path: Path, now: datetime) -> Path:
        """Give a certificate more time; its key stays, and need not be here."""
        authority = self._authority()
        certificate = self._read(path)
        if not is_by(certificate, authority.certificate):
            raise CertificateError(f"{path} is not of this authority: make a new one")
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
        """Call a certificate back, and put it away; where it is then.

        It is not let in any more where the list is, once that has it.
        """
        authority = self._authority()
        certificate = self._read(path)
        facts = facts_of(certificate)
        if not is_by(certificate, authority.certificate):
            raise CertificateError(f"{path} is not of this authority")
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
        """Every certificate in it, with its file."""
        for path in sorted(self.path.glob(f"*{CERTIFICATE_SUFFIX}")):
            yield path, self._read(path)

    def _authority(self) -> Authority:
        certificate = self._read(self.path / f"{CLUSTER_NAME}{CERTIFICATE_SUFFIX}")
        path = self.path / f"{CLUSTER_NAME}{KEY_SUFFIX}"
        try:
            key = serialization.load_pem_private_key(path.read_bytes(), None)
        except FileNotFoundError:
            raise CertificateError(
                f"{path} is not there: only who has it can make certificates of this cluster"
            ) from None
        except (OSError, ValueError, TypeError) as error:
            raise CertificateError(f"{path} cannot be read: {error}") from None
        if not isinstance(key, ec.EllipticCurvePrivateKey):
            raise CertificateError(f"{path} is no key that flocker-ca made")
        if key.public_key() != certificate.public_key():
            raise CertificateError(f"{path} is not the key of the certificate beside it")
        return Authority(certificate, key)

    def _hand_out(self, path: Path, to: Path) -> None:
        """Copy a certificate and what goes with it; `to` appears as a whole."""
        partial = to.with_name(f"{to.name}.new")
        cluster = self.path / f"{CLUSTER_NAME}{CERTIFICATE_SUFFIX}"
        revoked = self.path / FILE_NAME
        try:
            shutil.rmtree(partial, ignore_errors=True)  # left by one that was cut off
            partial.mkdir(parents=True, mode=DIRECTORY_MODE)
            for source in (cluster, path, path.with_suffix(KEY_SUFFIX), revoked):
                if source != revoked or source.exists():
                    _write(partial / source.name, source.read_bytes())
            _sync(partial)
            partial.rename(to)
            _sync(to.parent)
        except OSError as error:
            raise CertificateError(
                f"{path} was made, but cannot be copied to {to}: {error}"
            ) from None

    def _read(self, path: Path) -> x509.Certificate:
        try:
            certificate = read_certificate(path.read_bytes())
            claims_of(certificate)
        except FileNotFoundError:
            raise CertificateError(
                f"{path} is not there: say which --directory, or make an authority with "
                "`flocker-ca initialize CLUSTER`"
            ) from None
        except (OSError, CertificateError) as error:
            raise CertificateError(f"{path} cannot be read: {error}") from None
        return certificate

    def _add(
        self, name: str, certificate: x509.Certificate, key: ec.EllipticCurvePrivateKey
    ) -> Path:
        """Write both; the key first, so that a certificate is never without it."""
        path = self.path / f"{name}{CERTIFICATE_SUFFIX}"
        key_path = self.path / f"{name}{KEY_SUFFIX}"
        for existing in (path, key_path):
            if existing.exists():
                raise CertificateError(
                    f"{existing} is there already: renew it, or move it away to replace it"
                )
        try:
            self.path.mkdir(parents=True, exist_ok=True, mode=DIRECTORY_MODE)
            _write(key_path, issuing.key_pem(key))
            _write(path, issuing.certificate_pem(certificate))
            _sync(self.path)
        except OSError as error:
            raise CertificateError(f"{path} cannot be written: {error}") from None
        return path


def file_name(claims: Claims) -> str:
    """What the files of a certificate are called, without their suffixes."""
    # Colons of an IPv6 address would be taken for a remote host's by scp.
    return f"{claims.kind.file_word}-{claims.name.replace(':', '-')}"


def _replace(path: Path, content: bytes) -> None:
    """The old file or the new one is there, whatever happens."""
    temporary = path.with_suffix(".new")
    temporary.unlink(missing_ok=True)  # left by one that was cut off
    _write(temporary, content)
    os.replace(temporary, path)
    _sync(path.parent)


def _write(path: Path, content: bytes) -> None:
    """A new file; an error when there is one of this name already."""
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
