"""Signs statements with a service's certificate, and checks the signatures of others."""

from __future__ import annotations

import base64
import binascii
from collections import OrderedDict
from collections.abc import Collection

from cryptography import x509
from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from zope.interface import implementer

from flocker_lite.ca.certificate_facts import CertificateFacts, facts_of, is_by, read_certificate
from flocker_lite.ca.claims import CertificateError, Claims, Kind
from flocker_lite.ca.issuing import certificate_pem
from flocker_lite.interfaces import ISigner
from flocker_lite.model.grants import Signed, Statement
from flocker_lite.tls.certificates import Certificates
from flocker_lite.tls.credentials import Credentials

CERTIFICATE_CHARACTERS_MAX = 8192
REMEMBERED_MAX = 50_000
"""How many verdicts we remember: each report of a dataset repeats its statements."""

_ALGORITHM = ec.ECDSA(hashes.SHA256())


@implementer(ISigner)
class Signer:
    """Uses the current certificate, authority and list of revoked certificates.

    A signature stays valid after its certificate expires, because the statement is about the past.
    """

    def __init__(self, certificates: Certificates) -> None:
        self._certificates = certificates
        self._credentials: Credentials | None = None
        self._pem = ""
        self._verdicts: OrderedDict[Signed, str | None] = OrderedDict()
        self._signers: OrderedDict[str, _TrustedSigner] = OrderedDict()

    @property
    def certificate(self) -> str:
        self._current()
        return self._pem

    def sign(self, statement: Statement) -> Signed:
        signature = self._current().key.sign(statement.text(), _ALGORITHM)
        return Signed(statement, self._pem, base64.b64encode(signature).decode("ascii"))

    def rejection_reason(self, signed: Signed) -> str | None:
        credentials = self._current()
        if signed not in self._verdicts:
            self._verdicts[signed] = self._verify(signed, credentials)
            if len(self._verdicts) > REMEMBERED_MAX:
                self._verdicts.popitem(last=False)
        return self._verdicts[signed]

    def _current(self) -> Credentials:
        """The credentials in use; forgets the verdicts when those have changed."""
        current = self._certificates.credentials
        if current is not self._credentials:
            self._credentials = current
            self._pem = certificate_pem(current.certificate).decode("ascii")
            self._verdicts.clear()
            self._signers.clear()
        return current

    def _verify(self, signed: Signed, credentials: Credentials) -> str | None:
        try:
            signer = self._signer(signed.certificate, credentials)
            _require_entitled(signer.facts.claims, signed.statement)
            _require_not_revoked(signer.facts, credentials.revoked)
            signature = base64.b64decode(signed.signature, validate=True)
            signer.key.verify(signature, signed.statement.text(), _ALGORITHM)
        except CertificateError as error:
            return str(error)
        except (InvalidSignature, binascii.Error, ValueError):
            return "its signature does not match its certificate"
        return None

    def _signer(self, pem: str, credentials: Credentials) -> _TrustedSigner:
        known = self._signers.get(pem)
        if known is None:
            known = self._signers[pem] = _TrustedSigner(pem, credentials.authority)
            if len(self._signers) > REMEMBERED_MAX:
                self._signers.popitem(last=False)
        return known


class _TrustedSigner:
    """The owner and the key of a certificate by our authority; CertificateError for any other."""

    def __init__(self, pem: str, authority: x509.Certificate) -> None:
        if len(pem) > CERTIFICATE_CHARACTERS_MAX:
            raise CertificateError("its certificate is too long")
        try:
            certificate = read_certificate(pem.encode("utf-8", "replace"))
            self.facts = facts_of(certificate)
            is_ours = is_by(certificate, authority)
            key = certificate.public_key()
        except UnsupportedAlgorithm as error:
            raise CertificateError(f"its certificate is invalid: {error}") from None
        cluster_id = facts_of(authority).claims.cluster_id
        if not is_ours or self.facts.claims.cluster_id != cluster_id:
            raise CertificateError(
                f"its certificate says {self.facts.claims}, but the authority of this cluster did "
                "not sign it"
            )
        if not isinstance(key, ec.EllipticCurvePublicKey):
            raise CertificateError("flocker-ca did not make its certificate")
        self.key = key


def _require_entitled(claims: Claims, statement: Statement) -> None:
    if statement.released_by is None:
        is_entitled = claims.kind is Kind.CONTROL
    else:
        is_entitled = (claims.kind, claims.name) == (Kind.NODE, statement.released_by)
    if not is_entitled:
        said_by = statement.released_by
        whose = f"node {said_by}" if said_by is not None else "the control service"
        raise CertificateError(f"{claims} signed it in the name of {whose}")


def _require_not_revoked(facts: CertificateFacts, revoked: Collection[int]) -> None:
    if facts.serial_number in revoked:
        raise CertificateError(f"the certificate of {facts.claims}, which signed it, was revoked")
