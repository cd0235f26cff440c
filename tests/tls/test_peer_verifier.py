"""Which certificates a service accepts; each attacker has a certificate that is really signed."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path
from tempfile import TemporaryDirectory

from OpenSSL import SSL
from twisted.internet.error import ConnectionLost
from twisted.internet.protocol import Factory
from twisted.internet.testing import StringTransportWithDisconnection
from twisted.trial.unittest import SynchronousTestCase

from flocker_lite.ca.claims import CertificateError, Kind
from flocker_lite.ca.issuing import CERTIFICATE_DAYS
from tests.tls.logged import logged_lines
from tests.tls.world import NODE_1, OTHER_CLUSTER, Attacker, Meeting, Speaker, World

AGENTS = (Kind.NODE,)
USERS = (Kind.USER, Kind.READER, Kind.SECRETS_READER)
EXPIRED = timedelta(days=CERTIFICATE_DAYS + 1)


class GuardTests(SynchronousTestCase):
    """A control service and whoever connects to it, in memory."""

    def setUp(self) -> None:
        directory = TemporaryDirectory()
        self.addCleanup(directory.cleanup)
        self.world = World(Path(directory.name))
        self.control = self.world.open(
            self.world.issue(Kind.CONTROL, "control.example"), Kind.CONTROL
        )
        self.logged = logged_lines(self)

    def come(self, kind: Kind, name: str, context: tuple[Kind, ...], **how: object) -> Meeting:
        """Somebody with a certificate like this connects."""
        directory = self.world.issue(kind, name, **how)  # type: ignore[arg-type]
        return self.world.meet(self.world.open(directory, kind), self.control, context)

    def assert_refused(self, meeting: Meeting, reason: str) -> None:
        """Nothing was heard from the client, it was hung up on, and the log says why."""
        assert meeting.server.heard == b""
        assert isinstance(meeting.server.lost, CertificateError)
        assert reason in str(meeting.server.lost)
        assert meeting.client.lost is not None
        assert any(" refused at the endpoint: " in line and reason in line for line in self.logged)

    def connected(
        self, plain_answer: bytes = b""
    ) -> tuple[Speaker, StringTransportWithDisconnection]:
        """Somebody connects to the users' endpoint, and says nothing yet."""
        speaker = Speaker(b"")
        wrapped = Factory.forProtocol(lambda: speaker)
        server = self.control.server(wrapped, "endpoint", USERS, plain_answer)
        transport = StringTransportWithDisconnection()
        transport.protocol = server.buildProtocol(None)
        transport.protocol.makeConnection(transport)
        return speaker, transport

    def test_an_agent(self) -> None:
        """It is let in as the node that its certificate names, and knows whom it speaks to."""
        meeting = self.come(Kind.NODE, NODE_1, AGENTS)
        assert (meeting.server.heard, meeting.client.heard) == (b"client", b"server")
        assert meeting.server.peer == f"node {NODE_1}"
        assert meeting.client.peer == "control service control.example"

    def test_users(self) -> None:
        """They are let in where users are, each as who it is."""
        for kind, name in ((Kind.USER, "alice"), (Kind.READER, "bob")):
            meeting = self.come(kind, name, USERS)
            assert meeting.server.heard == b"client"
            assert meeting.server.peer == f"{kind.words} {name}"

    def test_a_user_on_the_agents_door(self) -> None:
        """A user is no node."""
        meeting = self.come(Kind.USER, "alice", AGENTS)
        self.assert_refused(meeting, "it is user alice, but should be a node")

    def test_a_node_on_the_users_door(self) -> None:
        """A node is no user."""
        meeting = self.come(Kind.NODE, NODE_1, USERS)
        self.assert_refused(meeting, f"it is node {NODE_1}, but should be a user or read-only user")

    def test_a_control_service_as_a_client(self) -> None:
        """A control service's certificate is for serving only."""
        for context in (AGENTS, USERS):
            meeting = self.world.meet(self.control, self.control, context)
            self.assert_refused(meeting, "it is control service control.example, but should be a")

    def test_another_cluster(self) -> None:
        """What another authority signed is worth nothing here, in either direction."""
        for name, cluster_id in (
            ("elsewhere", OTHER_CLUSTER),
            ("forger", self.control.cluster_id),
        ):
            self.world.authority(name, cluster_id)
            directory = self.world.issue(Kind.NODE, NODE_1, by=name)
            stranger = self.world.open(directory, Kind.NODE)
            meeting = self.world.meet(stranger, self.control, AGENTS)
            # The stranger sees first that this is not its control service, and says so.
            assert meeting.server.heard == b""
            assert "authority of this cluster did not sign" in str(meeting.client.lost)
            # One that does not look is refused by the service.
            self.assert_refused(
                self.world.meet(Attacker(directory), self.control, AGENTS),
                "authority of this cluster did not sign",
            )

    def test_an_expired_certificate(self) -> None:
        """It was good once."""
        meeting = self.come(Kind.NODE, NODE_1, AGENTS, age=EXPIRED)
        self.assert_refused(meeting, f"the certificate of node {NODE_1} expired on")

    def test_no_certificate(self) -> None:
        """Whoever has none stays outside."""
        for context in (AGENTS, USERS):
            self.assert_refused(
                self.world.meet(Attacker(), self.control, context), "it has no certificate"
            )

    def test_an_old_tls(self) -> None:
        """1.2 it must be, at least, whatever else is right."""
        directory = self.world.issue(Kind.NODE, NODE_1)
        for version, is_good in (
            (SSL.TLS1_1_VERSION, False),
            (SSL.TLS1_2_VERSION, True),
            (SSL.TLS1_3_VERSION, True),
        ):
            meeting = self.world.meet(Attacker(directory, version), self.control, AGENTS)
            if is_good:
                assert meeting.server.heard == b"client"
            else:
                self.assert_refused(meeting, "TLS 1.2 or later")

    def test_a_session_is_not_resumed(self) -> None:
        """It would not be verified again, and outlive its certificate."""
        directory = self.world.issue(Kind.NODE, NODE_1)
        for version in (SSL.TLS1_2_VERSION, SSL.TLS1_3_VERSION):
            attacker = Attacker(directory, version)
            for _ in range(2):
                meeting = self.world.meet(attacker, self.control, AGENTS)
                assert meeting.server.heard == b"client"
                assert meeting.server.peer == f"node {NODE_1}"
                assert attacker.connection is not None
                attacker.session = attacker.connection.get_session()

    def test_plain_http(self) -> None:
        """Whoever speaks without TLS hears nothing, and the log says what was wrong."""
        speaker, transport = self.connected()
        transport.protocol.dataReceived(b"GET /v1/version HTTP/1.1\r\n\r\n")
        assert transport.value() == b""
        assert isinstance(speaker.lost, CertificateError)
        assert "it speaks HTTP without TLS" in str(speaker.lost)

    def test_plain_http_where_it_is_answered(self) -> None:
        """It gets the answer that there is for it, once, and nothing of the protocol behind."""
        for first, rest in ((b"GET /v1/version HTTP/1.1\r\n\r\n", b""), (b"P", b"OST / HTTP/1.0")):
            speaker, transport = self.connected(b"the answer")
            transport.protocol.dataReceived(first)
            if rest:
                transport.protocol.dataReceived(rest)
            assert transport.value() == b"the answer"
            assert speaker.heard == b""
            assert isinstance(speaker.lost, CertificateError)

    def test_other_words_where_http_is_answered(self) -> None:
        """What is no HTTP is not answered: an agent at the wrong port, bytes by chance."""
        for words in (b"\0\4_ask\0", b"\x80\x2e\x01", b"\r\n\r\n\r\n"):
            _, transport = self.connected(b"the answer")
            transport.protocol.dataReceived(words)
            assert b"the answer" not in transport.value()

    def test_a_look_at_the_port(self) -> None:
        """Who connects and hangs up is no line in the log."""
        speaker, transport = self.connected()
        transport.loseConnection()
        assert isinstance(speaker.lost, ConnectionLost)
        assert self.logged == []

    def test_an_agent_looks_as_well(self) -> None:
        """It speaks to no one but a control service of its cluster."""
        agent = self.world.open(self.world.issue(Kind.NODE, NODE_1), Kind.NODE)
        impostor = self.world.open(self.world.issue(Kind.USER, "mallory"), Kind.USER)
        meeting = self.world.meet(agent, impostor, AGENTS)
        assert meeting.server.heard == b""
        assert "it is user mallory, but should be a control service" in str(meeting.client.lost)
