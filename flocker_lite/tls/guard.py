"""Stands between TLS and the protocol above it: lets in who may come in, and knows who that is."""

from __future__ import annotations

from collections.abc import Collection
from typing import Any, Protocol

from cryptography import x509
from OpenSSL import SSL
from twisted.logger import Logger
from twisted.protocols.policies import ProtocolWrapper, WrappingFactory
from twisted.python.failure import Failure

from flocker_lite.ca.claims import CertificateError, Kind
from flocker_lite.ca.facts import Facts, facts_of
from flocker_lite.refusals import Refusals
from flocker_lite.tls.verdict import in_words, objection


class Guards(Protocol):
    """What all guards are known to, and what tells them of the cluster; `Certificates` is."""

    @property
    def cluster_id(self) -> str: ...

    @property
    def revoked(self) -> Collection[int]: ...

    def on_duty(self, guard: Guard) -> None: ...

    def off_duty(self, guard: Guard) -> None: ...

    def seen(self, facts: Facts) -> None: ...


class Guard(ProtocolWrapper):
    """One connection. `peer` is who is there, once that is known; nothing arrives before."""

    log = Logger()

    def __init__(self, factory: GuardFactory, wrapped: Any) -> None:
        super().__init__(factory, wrapped)
        self.peer: Facts | None = None
        self.is_client = factory.is_client
        self._factory = factory
        self._objection: str | None = None

    def makeConnection(self, transport: Any) -> None:
        self._factory.guards.on_duty(self)
        super().makeConnection(transport)

    def judge(self, certificate: x509.Certificate, error_number: int, depth: int) -> bool:
        """Whether the handshake goes on; called for the authority first, and then for the peer."""
        # An authority that is not ours is said to be so when it comes to what it signed.
        if depth > 0 and not error_number:
            return True
        guards, accepted = self._factory.guards, self._factory.accepted
        self._objection = objection(
            certificate, error_number, accepted, guards.cluster_id, guards.revoked
        )
        if self._objection is not None:
            return False
        self.peer = facts_of(certificate)
        guards.seen(self.peer)
        return True

    def connectionLost(self, reason: Failure = Failure(Exception())) -> None:  # noqa: B008
        self._factory.guards.off_duty(self)
        said = self._objection
        if said is None and reason.check(SSL.Error):
            said = in_words(reason.value)  # type: ignore[arg-type]
        if said is not None:
            reason = Failure(CertificateError(said))
            if not self.is_client:
                self._tell(said)
        super().connectionLost(reason)

    def _tell(self, reason: str) -> None:
        address: Any = self.getPeer()
        host = str(getattr(address, "host", address))
        peer = f"{host}:{address.port}" if hasattr(address, "port") else host
        self._factory.refusals.say(
            host,
            lambda: self.log.warn(
                "{peer} refused at the {door}: {reason}",
                peer=peer,
                door=self._factory.door,
                reason=reason,
            ),
        )

    def hang_up(self, reason: str) -> None:
        """End the connection now, and tell why."""
        peer = None if self.peer is None else str(self.peer.claims)
        self.log.info("hanging up on {peer}: {reason}", peer=peer, reason=reason)
        self.abortConnection()


class GuardFactory(WrappingFactory[Guard]):
    """A guard before each protocol of a factory; of a server, `door` is what the log calls it."""

    log = Logger()
    protocol = Guard
    noisy = False

    def __init__(
        self,
        wrapped: Any,
        guards: Guards,
        door: str,
        accepted: Collection[Kind],
        is_client: bool,
        clock: Any,
    ) -> None:
        super().__init__(wrapped)
        self.refusals = Refusals(clock, self._left_out)
        self.guards = guards
        self.door = door
        self.accepted = accepted
        self.is_client = is_client

    def _left_out(self, address: str, count: int) -> None:
        self.log.warn(
            "{address} refused at the {door} {count} times more",
            address=address,
            door=self.door,
            count=count,
        )


def peer_of(transport: Any) -> Facts | None:
    """Who is at the other side of a connection; None where there is no guard."""
    peer: Facts | None = getattr(transport, "peer", None)
    return peer


def verify(connection: SSL.Connection, certificate: Any, error: int, depth: int, _: int) -> bool:
    """OpenSSL's question about each certificate of a chain, passed on to the guard."""
    guard: Guard = connection.get_app_data().wrappedProtocol
    return guard.judge(certificate.to_cryptography(), error, depth)
