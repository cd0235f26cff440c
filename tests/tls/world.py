"""An authority in a directory, and TLS connections between those to whom it gave certificates."""

from __future__ import annotations

import shutil
from collections.abc import Collection
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from OpenSSL import SSL
from twisted.internet.defer import Deferred, maybeDeferred
from twisted.internet.interfaces import IOpenSSLClientConnectionCreator
from twisted.internet.protocol import Factory, Protocol
from twisted.internet.task import Clock
from twisted.protocols.tls import TLSMemoryBIOFactory
from twisted.python.failure import Failure
from twisted.test.iosim import FakeTransport, IOPump, connect
from zope.interface import implementer

from flocker_lite.ca.claims import Kind
from flocker_lite.ca.directory import Directory
from flocker_lite.tls.certificates import Certificates
from flocker_lite.tls.peer_verifier import peer_of

NODE_1 = "11111111-1111-4111-8111-111111111111"
NODE_2 = "22222222-2222-4222-8222-222222222222"
CLUSTER = "c1c1c1c1-0000-4000-8000-000000000001"
OTHER_CLUSTER = "c2c2c2c2-0000-4000-8000-000000000002"
LONG_AGO = timedelta(days=1000)


def now() -> datetime:
    """OpenSSL looks at the clock of the machine, and so do these tests."""
    return datetime.now(UTC)


@implementer(IOpenSSLClientConnectionCreator)
class Attacker:
    """A client that looks at nothing, and shows the certificate in a directory, or none."""

    def __init__(self, directory: Path | None = None, version: int | None = None) -> None:
        self.context = SSL.Context(SSL.TLS_METHOD)
        self.connection: SSL.Connection | None = None
        self.session: SSL.Session | None = None
        if version is not None:
            self.context.set_cipher_list(b"ALL:@SECLEVEL=0")
            self.context.set_max_proto_version(version)
        if directory is not None:
            (certificate,) = directory.glob("*-*.crt")
            self.context.use_certificate_file(str(certificate))
            self.context.use_privatekey_file(str(certificate.with_suffix(".key")))

    def clientConnectionForTLS(self, tlsProtocol: Any) -> SSL.Connection:
        self.connection = SSL.Connection(self.context, None)
        if self.session is not None:
            self.connection.set_session(self.session)
        return self.connection

    def build(self, speaker: Speaker, clock: Clock) -> Any:
        """Its end of a connection."""
        factory = Factory.forProtocol(lambda: speaker)
        return TLSMemoryBIOFactory(self, True, factory, clock).buildProtocol(None)


class Speaker(Protocol):
    """Says something at once, and remembers what it heard, from whom, and how it ended."""

    def __init__(self, words: bytes) -> None:
        self.words = words
        self.heard = b""
        self.lost: BaseException | None = None

    def connectionMade(self) -> None:
        assert self.transport is not None
        self.transport.write(self.words)

    def dataReceived(self, data: bytes) -> None:
        self.heard += data

    def connectionLost(self, reason: Failure = Failure(Exception())) -> None:  # noqa: B008
        self.lost = reason.value

    @property
    def peer(self) -> str | None:
        """Who is at the other side."""
        facts = peer_of(self.transport)
        return None if facts is None else str(facts.claims)


class Endpoint:
    """One that only builds the client's end."""

    built: Any = None

    def connect(self, factory: Any) -> Deferred[Any]:
        """Never connected: the test does that."""
        self.built = factory.buildProtocol(None)
        return Deferred()


@dataclass
class Meeting:
    """A client and a server, and what carries their bytes."""

    client: Speaker
    server: Speaker
    pump: IOPump


class World:
    """Authorities below a directory; their certificates are as old as a test wants."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.clock = Clock()
        self.clock.advance(now().timestamp())
        self.authority("own", CLUSTER)

    def authority(self, name: str, cluster_id: str) -> Directory:
        """A new authority."""
        directory = Directory(self.path / name)
        directory.initialize(f"cluster {name}", cluster_id, now() - LONG_AGO)
        return directory

    def issue(
        self, kind: Kind, name: str, *, by: str = "own", age: timedelta = timedelta(0)
    ) -> Path:
        """A certificate, alone in a directory as a service has it."""
        authority = Directory(self.path / by)
        hosts = (name,) if kind is Kind.CONTROL else ()
        made = authority.create(kind, name, now() - age, hosts)
        mine = self.path / f"{by}-{made.stem}-{age.days}"
        mine.mkdir()
        for path in (made, made.with_suffix(".key")):
            shutil.move(path, mine / path.name)
        shutil.copy(authority.path / "cluster.crt", mine / "cluster.crt")
        return mine

    def open(self, directory: Path, kind: Kind) -> Certificates:
        """The certificates of a running service."""
        certificates = Certificates(directory, kind, self.clock, maybeDeferred, self.clock.seconds)
        opened: list[Any] = []
        Deferred.fromCoroutine(certificates.open()).addBoth(opened.append)
        if isinstance(opened[0], Failure):
            opened[0].raiseException()
        return certificates

    def meet(
        self,
        client: Certificates | Attacker,
        server: Certificates,
        server_accepts: Collection[Kind],
        client_accepts: Collection[Kind] = (Kind.CONTROL,),
    ) -> Meeting:
        """Have a client connect to a server, and both say all that they have to say."""
        ends = Speaker(b"client"), Speaker(b"server")
        listening = server.server(Factory.forProtocol(lambda: ends[1]), "endpoint", server_accepts)
        if isinstance(client, Attacker):
            client_end = client.build(ends[0], self.clock)
        else:
            endpoint = Endpoint()
            secure = client.client(endpoint, client_accepts)
            secure.connect(Factory.forProtocol(lambda: ends[0]))
            client_end = endpoint.built
        server_end = listening.buildProtocol(None)
        pump = connect(
            server_end,
            FakeTransport(server_end, True),
            client_end,
            FakeTransport(client_end, False),
        )
        meeting = Meeting(*ends, pump)
        self.settle(meeting)
        return meeting

    def settle(self, meeting: Meeting) -> None:
        """Let everything that is said arrive; TLS waits for an instant whether there is more."""
        for _ in range(3):
            self.clock.advance(0)
            meeting.pump.flush()
