"""Sessions that what is sent to a standby shares."""

from __future__ import annotations

from typing import Any, cast

from twisted.internet.defer import Deferred
from twisted.internet.task import Clock
from twisted.trial.unittest import SynchronousTestCase

from flocker_lite.convergence.kept_sessions import SESSION_SECONDS_MAX, KeptSessions
from flocker_lite.errors import PeerRefused, PeerUnreachable
from flocker_lite.interfaces import IPeers
from flocker_lite.interfaces.peer_requests import Copy

D = "dddddddd-0000-4000-8000-000000000001"
PLACE = ("n2", "10.0.0.2")


class Session:
    """A session that answers as a test says."""

    def __init__(self) -> None:
        self.is_open = True
        self.fails: Exception | None = None

    async def ask(self, request: Any) -> str:
        if self.fails is not None:
            raise self.fails
        return "answer"

    async def receive(self, *arguments: Any) -> str:
        return await self.ask(arguments)

    def close(self) -> None:
        self.is_open = False


class Peers:
    """Opens sessions, each when a test says so."""

    def __init__(self) -> None:
        self.opening: list[Deferred[Session]] = []

    async def connect(self, node_id: str, address: str, carries_streams: bool = False) -> Session:
        assert carries_streams
        self.opening.append(Deferred())
        return await self.opening[-1]


class KeptSessionsTests(SynchronousTestCase):
    """KeptSessions"""

    def setUp(self) -> None:
        self.clock, self.peers = Clock(), Peers()
        self.kept = KeptSessions(cast(IPeers, self.peers), self.clock)

    def begin(self) -> Deferred[Any]:
        return Deferred.fromCoroutine(self.kept.connect(*PLACE))

    def opened(self) -> tuple[Any, Session]:
        """A session as it is given out, and what is behind it."""
        beginning, session = self.begin(), Session()
        self.peers.opening[-1].callback(session)
        return self.successResultOf(beginning), session

    def test_shared(self) -> None:
        """Whoever asks while one is opened, or later, uses the same one."""
        several = [self.begin(), self.begin()]
        session = Session()
        self.peers.opening[0].callback(session)
        several.append(self.begin())
        for each in map(self.successResultOf, several):
            asking = Deferred.fromCoroutine(each.ask(Copy(D)))
            assert self.successResultOf(asking) == "answer"
            each.close()
        assert len(self.peers.opening) == 1
        assert session.is_open

    def test_not_for_long(self) -> None:
        """After a while another is opened; the old one is closed once nobody uses it."""
        share, session = self.opened()
        self.clock.advance(SESSION_SECONDS_MAX)
        assert session.is_open
        other, another = self.opened()
        share.close()
        share.close()
        other.close()
        assert (session.is_open, another.is_open) == (False, True)
        self.clock.advance(SESSION_SECONDS_MAX)
        assert not another.is_open

    def test_error(self) -> None:
        """One that does not answer is given to nobody else; a refusal is an answer."""
        share, session = self.opened()
        for error, count in ((PeerRefused("no"), 1), (PeerUnreachable("cut off"), 2)):
            session.fails = error
            for act in (share.ask(Copy(D)), share.receive(D, 1, None)):
                self.failureResultOf(Deferred.fromCoroutine(act), type(error))
            beginning = self.begin()
            if count == 1:
                self.successResultOf(beginning).close()
            assert len(self.peers.opening) == count
        assert session.is_open
        share.close()
        assert not session.is_open

    def test_no_session(self) -> None:
        """All are told when none can be opened, and the next one tries again."""
        several = [self.begin(), self.begin()]
        self.peers.opening[0].errback(PeerUnreachable("cut off"))
        for each in several:
            self.failureResultOf(each, PeerUnreachable)
        self.begin()
        assert len(self.peers.opening) == 2

    def test_stop(self) -> None:
        """All are closed, with one that is being opened; and no timer is left."""
        share, session = self.opened()
        share.close()
        self.kept.stop()
        assert not session.is_open
        share, session = self.opened()
        share.close()
        assert not session.is_open
        assert self.clock.getDelayedCalls() == []
