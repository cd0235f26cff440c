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
from flocker_lite.tls.plain_http import PlainAnsweringFactory

LOOK_SECONDS = 10.0
WARNING_SECONDS = 86400.0


@implementer(IOpenSSLClientConnectionCreator, IOpenSSLServerConnectionCreator)
class Certificates(Service):
    """Secures connections with the certificate that is in the files at that time.

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
        self._logged_error = ""
        self._reloading: Deferred[None] | None = None
        self._reload_loop = LoopingCall(self.reload)
        self._warning_loop = LoopingCall(self._warn_of_files)
        self._reload_loop.clock = self._warning_loop.clock = clock

    async def open(self) -> None:
        """Load the files; CertificateError says what is wrong and what to do."""
        await self._reload()

    @property
    def credentials(self) -> Credentials:
        """The credentials in use."""
        assert self._credentials is not None
        return self._credentials

    @property
    def claims(self) -> Claims:
        """What this service's certificate says about it."""
        return self.credentials.facts.claims

    @property
    def cluster_id(self) -> str:
        """The UUID of the cluster; every peer must belong to it."""
        return self.claims.cluster_id

    @property
    def revoked(self) -> frozenset[int]:
        """The serial numbers of revoked certificates."""
        return self.credentials.revoked

    @property
    def trouble(self) -> str:
        """Why the files cannot be used as they are now, while earlier ones are; "" if they can."""
        return self._logged_error

    def server(
        self,
        wrapped: Any,
        endpoint_name: str,
        accepted: Collection[Kind],
        plain_answer: bytes = b"",
    ) -> TLSMemoryBIOFactory:
        """A factory to listen with; it accepts only certificates of these kinds.

        A client that speaks HTTP without TLS gets the `plain_answer`, if there is one.
        """
        verified = PeerVerifierFactory(wrapped, self, endpoint_name, accepted, False, self._clock)
        if not plain_answer:
            return TLSMemoryBIOFactory(self, False, verified, self._clock)
        return PlainAnsweringFactory(plain_answer, self, False, verified, self._clock)

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
        self._reload_loop.start(LOOK_SECONDS, now=False)
        self._warning_loop.start(WARNING_SECONDS)

    def stopService(self) -> None:
        super().stopService()
        for call in (self._reload_loop, self._warning_loop):
            if call.running:
                call.stop()
        if self._reloading is not None:
            self._reloading.cancel()

    def reload(self) -> None:
        """Reload the files if they changed; while they are invalid, keep the credentials in use.

        It also hangs up on peers whose certificate has expired.
        """
        now = datetime.fromtimestamp(self._time_of_day(), UTC)
        for verifier in list(self._verifiers):
            if verifier.peer is not None and verifier.peer.ends_at <= now:
                verifier.hang_up("its certificate has expired")
        if self._reloading is None:
            self._reloading = Deferred.fromCoroutine(self._reload())
            self._reloading.addBoth(self._reloaded)

    def _reloaded(self, result: Failure | None) -> None:
        self._reloading = None
        if result is None:
            self._logged_error = ""
            return
        if result.check(CancelledError):
            return
        reason = result.getErrorMessage()
        if reason != self._logged_error:
            self._logged_error = reason
            self.log.error(
                "the certificates in {directory} are invalid, and the previous ones stay in use: "
                "{reason}",
                directory=str(self._directory),
                reason=reason,
            )

    async def _reload(self) -> None:
        loaded = await self._run_in_thread(self._read, self._files)
        if loaded is None:
            return
        files, now, context = loaded
        before = self._credentials
        if before is not None:
            _require_same_node(before, now)
        self._files, self._credentials, self._context = files, now, context
        self._warned_at.clear()
        self._warn_of_files()
        if before is None:
            return
        self.log.info("loaded the changed certificates of {claims}", claims=str(now.facts.claims))
        is_other_authority = before.authority.public_key() != now.authority.public_key()
        for verifier in list(self._verifiers):
            if verifier.peer is not None and verifier.peer.serial_number in now.revoked:
                verifier.hang_up("its certificate was revoked")
            # A client connects again with its new certificate. A server only hangs up on peers that
            # it would not accept any more.
            elif verifier.is_client or is_other_authority:
                verifier.hang_up("this service's certificates have changed")

    def _read(self, known: Files | None) -> tuple[Files, Credentials, SSL.Context] | None:
        """Read the files; None when they have not changed since `known`."""
        files = read_files(self._directory, self._kind)
        if files == known:
            return None
        loaded = credentials(files, self._kind)
        return files, loaded, make_context(loaded, verify)

    def _warn_of_files(self) -> None:
        assert self._credentials is not None
        assert self._files is not None
        self.warn_if_expiring(self._credentials.facts)
        self.warn_if_expiring(self._credentials.authority_facts)
        if self._files.has_authority_key:
            self.log.warn(
                "the key of the cluster's authority is in {directory}: whoever reads it can "
                "impersonate anybody; move it to a machine where no service runs",
                directory=str(self._directory),
            )

    # VerifierOwner

    def verifier_opened(self, verifier: PeerVerifier) -> None:
        """A connection has begun."""
        self._verifiers.add(verifier)

    def verifier_closed(self, verifier: PeerVerifier) -> None:
        """A connection has ended."""
        self._verifiers.discard(verifier)

    def warn_if_expiring(self, facts: CertificateFacts) -> None:
        """Warn about a certificate that expires soon, once a day."""
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
    """Connects through another endpoint, and speaks TLS on the connection."""

    def __init__(self, endpoint: Any, secured: Callable[[Any], TLSMemoryBIOFactory]) -> None:
        self._endpoint = endpoint
        self._secured = secured

    def connect(self, protocolFactory: Any) -> Deferred[Any]:
        connecting: Deferred[Any] = self._endpoint.connect(self._secured(protocolFactory))
        return connecting.addCallback(lambda tls: tls.wrappedProtocol.wrappedProtocol)


def _require_same_node(before: Credentials, now: Credentials) -> None:
    was, is_now = before.facts.claims, now.facts.claims
    if was.kind is Kind.NODE and was.name != is_now.name:
        raise CertificateError(f"this is node {was.name}, but the certificates belong to {is_now}")
