"""Verifies who the peer of a connection is, between TLS and the protocol above it."""

from __future__ import annotations

from collections.abc import Collection
from typing import Any, Protocol

from cryptography import x509
from OpenSSL import SSL
from twisted.internet.interfaces import IReactorTime
from twisted.logger import Logger
from twisted.protocols.policies import ProtocolWrapper, WrappingFactory
from twisted.python.failure import Failure

from flocker_lite.ca.certificate_facts import CertificateFacts, facts_of
from flocker_lite.ca.claims import CertificateError, Kind
from flocker_lite.refusal_log import RefusalLog
from flocker_lite.tls.verification import handshake_error, rejection_reason


class VerifierOwner(Protocol):
    """Keeps track of all verifiers, and tells them about the cluster; see `Certificates`."""

    @property
    def cluster_id(self) -> str: ...

    @property
    def revoked(self) -> Collection[int]: ...

    def verifier_opened(self, verifier: PeerVerifier) -> None: ...

    def verifier_closed(self, verifier: PeerVerifier) -> None: ...

    def warn_if_expiring(self, facts: CertificateFacts) -> None: ...


class PeerVerifier(ProtocolWrapper):
    """One connection; `peer` says who is there. No data arrives before we know that."""

    log = Logger()

    def __init__(self, factory: PeerVerifierFactory, wrapped: Any) -> None:
        super().__init__(factory, wrapped)
        self.peer: CertificateFacts | None = None
        self.is_client = factory.is_client
        self._factory = factory
        self._rejection_reason: str | None = None

    def makeConnection(self, transport: Any) -> None:
        self._factory.owner.verifier_opened(self)
        super().makeConnection(transport)

    def verify_certificate(
        self, certificate: x509.Certificate, error_number: int, depth: int
    ) -> bool:
        """Whether the handshake continues; called for the authority first, then for the peer."""
        # We refuse a foreign authority with the certificate that it signed, which names the peer.
        if depth > 0 and not error_number:
            return True
        owner, accepted = self._factory.owner, self._factory.accepted
        self._rejection_reason = rejection_reason(
            certificate, error_number, accepted, owner.cluster_id, owner.revoked
        )
        if self._rejection_reason is not None:
            return False
        self.peer = facts_of(certificate)
        owner.warn_if_expiring(self.peer)
        return True

    def connectionLost(self, reason: Failure = Failure(Exception())) -> None:  # noqa: B008
        self._factory.owner.verifier_closed(self)
        said = self._rejection_reason
        if said is None and reason.check(SSL.Error):
            said = handshake_error(reason.value)  # type: ignore[arg-type]
        if said is not None:
            reason = Failure(CertificateError(said))
            if not self.is_client:
                self._log_refusal(said)
        super().connectionLost(reason)

    def _log_refusal(self, reason: str) -> None:
        address: Any = self.getPeer()
        host = str(getattr(address, "host", address))
        peer = f"{host}:{address.port}" if hasattr(address, "port") else host
        self._factory.refusals.say(
            host,
            lambda: self.log.warn(
                "{peer} refused at the {endpoint_name}: {reason}",
                peer=peer,
                endpoint_name=self._factory.endpoint_name,
                reason=reason,
            ),
        )

    def hang_up(self, reason: str) -> None:
        """End the connection now, and log the reason."""
        peer = None if self.peer is None else str(self.peer.claims)
        self.log.info("hanging up on {peer}: {reason}", peer=peer, reason=reason)
        self.abortConnection()


class PeerVerifierFactory(WrappingFactory[PeerVerifier]):
    """Puts a verifier before each protocol; logs name a server by its `endpoint_name`."""

    log = Logger()
    protocol = PeerVerifier
    noisy = False

    def __init__(
        self,
        wrapped: Any,
        owner: VerifierOwner,
        endpoint_name: str,
        accepted: Collection[Kind],
        is_client: bool,
        clock: IReactorTime,
    ) -> None:
        super().__init__(wrapped)
        self.refusals = RefusalLog(clock, self._log_suppressed)
        self.owner = owner
        self.endpoint_name = endpoint_name
        self.accepted = accepted
        self.is_client = is_client

    def _log_suppressed(self, address: str, count: int) -> None:
        self.log.warn(
            "{address} refused at the {endpoint_name} {count} more times",
            address=address,
            endpoint_name=self.endpoint_name,
            count=count,
        )


def peer_of(transport: Any) -> CertificateFacts | None:
    """Who is at the other side of a connection; None on a connection without a verifier."""
    peer: CertificateFacts | None = getattr(transport, "peer", None)
    return peer


def verify(connection: SSL.Connection, certificate: Any, error: int, depth: int, _: int) -> bool:
    """OpenSSL's callback for each certificate of a chain: asks the connection's verifier."""
    verifier: PeerVerifier = connection.get_app_data().wrappedProtocol
    return verifier.verify_certificate(certificate.to_cryptography(), error, depth)
