"""A running service's certificates: reloads them when they change, warns before they expire."""

from __future__ import annotations

from collections.abc import Callable, Collection
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from OpenSSL import SSL
from twisted.application.service import Service
from twisted.internet.defer import CancelledError, Deferred
from twisted.internet.interfaces import (
    IOpenSSLClientConnectionCreator,
    IOpenSSLServerConnectionCreator,
    IReactorTime,
    IStreamClientEndpoint,
)
from twisted.internet.task import LoopingCall
from twisted.logger import Logger
from twisted.protocols.tls import TLSMemoryBIOFactory, TLSMemoryBIOProtocol
from twisted.python.failure import Failure
from zope.interface import implementer

from flocker_lite.ca.certificate_facts import CertificateFacts, expiry_warning
from flocker_lite.ca.claims import CertificateError, Claims, Kind
from flocker_lite.interfaces.threads import RunInThread
from flocker_lite.tls.contexts import make_context
from flocker_lite.tls.credentials import Credentials, Files, credentials, read_files
from flocker_lite.tls.peer_verifier import PeerVerifier, PeerVerifierFactory, verify
from flocker_lite.tls.plain_http import PlainTolerantFactory

LOOK_SECONDS = 10.0
WARNING_SECONDS = 86400.0


@implementer(IOpenSSLClientConnectionCreator, IOpenSSLServerConnectionCreator)
class Certificates(Service):
    """Secures connections with the certificate that is in the files at the time.

    `kind` is this service's kind. `time_of_day` is in seconds since 1970, as OpenSSL sees it.
    `run_in_thread` calls a function that may block. Call `open` before anything else.
    """

    log = Logger()

    def __init__(
        self,
        directory: Path,
        kind: Kind,
        clock: IReactorTime,
        run_in_thread: RunInThread,
        time_of_day: Callable[[], float],
    ) -> None:
        self._directory = directory
        self._kind = kind
        self._clock = clock
        self._run_in_thread = run_in_thread
        self._time_of_day = time_of_day
        self._files: Files | None = None
        self._credentials: Credentials | None = None
        self._context: SSL.Context | None = None
        self._verifiers: set[PeerVerifier] = set()
        self._warned_at: dict[Claims, float] = {}
        self._complaint = ""
        self._looking: Deferred[None] | None = None
        self._looks = LoopingCall(self.look)
        self._warnings = LoopingCall(self._warn)
        self._looks.clock = self._warnings.clock = clock

    async def open(self) -> None:
        """Load the files; CertificateError says what is wrong and what to do."""
        await self._take_in()

    @property
    def credentials(self) -> Credentials:
        """The credentials in use."""
        assert self._credentials is not None
        return self._credentials

    @property
    def claims(self) -> Claims:
        """Who this service is, as its certificate says."""
        return self.credentials.facts.claims

    @property
    def cluster_id(self) -> str:
        """The UUID of the cluster to which every peer must belong."""
        return self.claims.cluster_id

    @property
    def revoked(self) -> frozenset[int]:
        """The serial numbers of revoked certificates."""
        return self.credentials.revoked

    def server(
        self,
        wrapped: Any,
        endpoint_name: str,
        accepted: Collection[Kind],
        plain_answer: bytes = b"",
    ) -> TLSMemoryBIOFactory:
        """A factory to listen with, which accepts only certificates of these kinds.

        A client that speaks HTTP without TLS gets the `plain_answer`, if there is one.
        """
        guarded = PeerVerifierFactory(wrapped, self, endpoint_name, accepted, False, self._clock)
        if not plain_answer:
            return TLSMemoryBIOFactory(self, False, guarded, self._clock)
        return PlainTolerantFactory(plain_answer, self, False, guarded, self._clock)

    def client(self, endpoint: Any, accepted: Collection[Kind]) -> Any:
        """An endpoint that connects only to servers with certificates of these kinds."""
        return _SecureEndpoint(
            endpoint,
            lambda wrapped: TLSMemoryBIOFactory(
                self,
                True,
                PeerVerifierFactory(wrapped, self, "", accepted, True, self._clock),
                self._clock,
            ),
        )

    def startService(self) -> None:
        super().startService()
        self._looks.start(LOOK_SECONDS, now=False)
        self._warnings.start(WARNING_SECONDS)

    def stopService(self) -> None:
        super().stopService()
        for call in (self._looks, self._warnings):
            if call.running:
                call.stop()
        if self._looking is not None:
            self._looking.cancel()

    def look(self) -> None:
        """Reload the files if they changed; when they are invalid, keep the credentials in use.

        Also hang up on peers whose certificate has expired meanwhile.
        """
        now = datetime.fromtimestamp(self._time_of_day(), UTC)
        for verifier in list(self._verifiers):
            if verifier.peer is not None and verifier.peer.ends_at <= now:
                verifier.hang_up("its certificate has expired")
        if self._looking is None:
            self._looking = Deferred.fromCoroutine(self._take_in())
            self._looking.addBoth(self._looked)

    def _looked(self, result: Failure | None) -> None:
        self._looking = None
        if result is None:
            self._complaint = ""
            return
        if result.check(CancelledError):
            return
        reason = result.getErrorMessage()
        if reason != self._complaint:
            self._complaint = reason
            self.log.error(
                "the certificates in {directory} are invalid, and the previous ones stay in use: "
                "{reason}",
                directory=str(self._directory),
                reason=reason,
            )

    async def _take_in(self) -> None:
        fresh = await self._run_in_thread(self._read, self._files)
        if fresh is None:
            return
        files, now, context = fresh
        before = self._credentials
        if before is not None:
            _require_same_node(before, now)
        self._files, self._credentials, self._context = files, now, context
        self._warned_at.clear()
        self._warn()
        if before is None:
            return
        self.log.info("loaded the changed certificates of {claims}", claims=str(now.facts.claims))
        is_other_authority = before.authority.public_key() != now.authority.public_key()
        for verifier in list(self._verifiers):
            if verifier.peer is not None and verifier.peer.serial_number in now.revoked:
                verifier.hang_up("its certificate was revoked")
            # A client connects again with the new certificate. A server only hangs up on peers that
            # it would not accept any more.
            elif verifier.is_client or is_other_authority:
                verifier.hang_up("this service's certificates have changed")

    def _read(self, known: Files | None) -> tuple[Files, Credentials, SSL.Context] | None:
        """Read the files; None when they have not changed since `known`."""
        files = read_files(self._directory, self._kind)
        if files == known:
            return None
        fresh = credentials(files, self._kind)
        return files, fresh, make_context(fresh, verify)

    def _warn(self) -> None:
        assert self._credentials is not None
        assert self._files is not None
        self.seen(self._credentials.facts)
        self.seen(self._credentials.authority_facts)
        if self._files.has_authority_key:
            self.log.warn(
                "the key of the cluster's authority is in {directory}: whoever reads it can "
                "impersonate anybody; keep it on a machine where no service runs",
                directory=str(self._directory),
            )

    # VerifierOwner

    def verifier_opened(self, verifier: PeerVerifier) -> None:
        """A connection has begun."""
        self._verifiers.add(verifier)

    def verifier_closed(self, verifier: PeerVerifier) -> None:
        """A connection has ended."""
        self._verifiers.discard(verifier)

    def seen(self, facts: CertificateFacts) -> None:
        """Warn once a day about a certificate that is about to expire."""
        now = self._time_of_day()
        said = expiry_warning(facts.ends_at, datetime.fromtimestamp(now, UTC))
        due_at = self._warned_at.get(facts.claims, -WARNING_SECONDS) + WARNING_SECONDS
        if said is not None and now >= due_at:
            self._warned_at[facts.claims] = now
            self.log.warn(
                "the certificate of {claims} {ending}: renew it with `flocker-ca renew`",
                claims=str(facts.claims),
                ending=said,
            )

    # OpenSSL

    def clientConnectionForTLS(self, tlsProtocol: TLSMemoryBIOProtocol) -> SSL.Connection:
        return self._connection(tlsProtocol)

    def serverConnectionForTLS(self, tlsProtocol: TLSMemoryBIOProtocol) -> SSL.Connection:
        return self._connection(tlsProtocol)

    def _connection(self, protocol: TLSMemoryBIOProtocol) -> SSL.Connection:
        assert self._context is not None
        connection = SSL.Connection(self._context, None)
        connection.set_app_data(protocol)
        return connection


@implementer(IStreamClientEndpoint)
class _SecureEndpoint:
    """Connects by another endpoint, and speaks TLS on the connection."""

    def __init__(self, endpoint: Any, secured: Callable[[Any], TLSMemoryBIOFactory]) -> None:
        self._endpoint = endpoint
        self._secured = secured

    def connect(self, protocolFactory: Any) -> Deferred[Any]:
        connecting: Deferred[Any] = self._endpoint.connect(self._secured(protocolFactory))
        return connecting.addCallback(lambda tls: tls.wrappedProtocol.wrappedProtocol)


def _require_same_node(before: Credentials, now: Credentials) -> None:
    was, is_now = before.facts.claims, now.facts.claims
    if was.kind is Kind.NODE and was.name != is_now.name:
        raise CertificateError(f"this is node {was.name}, but the certificates are of {is_now}")
