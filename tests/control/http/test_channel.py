"""What a client of the REST API may make wait, and for how long."""

from __future__ import annotations

from typing import Any

from twisted.internet.defer import Deferred
from twisted.internet.task import Clock
from twisted.internet.testing import StringTransport
from twisted.logger import capturedLogs, formatEvent
from twisted.python.failure import Failure
from twisted.trial.unittest import SynchronousTestCase
from twisted.web.resource import Resource
from twisted.web.server import NOT_DONE_YET

from flocker_lite.control.http.channel import IDLE_TIMEOUT_SECONDS, LimitedSite

ABORT_SECONDS = 15
"""Twisted's own: how long what is on its way may be on it after that."""


class Socket(StringTransport):
    """Remembers how it was closed, and minds no more than a socket that it is done twice."""

    aborted = False

    def __init__(self, channel: Any) -> None:
        super().__init__()
        self._channel = channel

    def unregisterProducer(self) -> None:
        self.producer = None

    def abortConnection(self) -> None:
        self.aborted = True
        self._channel.connectionLost(Failure(ConnectionError()))


class Answers(Resource):
    """/now answers at once, /later when the test says so."""

    isLeaf = True

    def __init__(self) -> None:
        super().__init__()
        self.asked: list[bytes] = []
        self.later: list[Deferred[None]] = []

    def render(self, request: Any) -> Any:
        self.asked.append(request.path)
        if request.path == b"/now":
            return b"now"
        later: Deferred[None] = Deferred()
        later.addCallback(lambda _: request.finish())
        request.notifyFinish().addErrback(lambda _: None)
        self.later.append(later)
        return NOT_DONE_YET


class ChannelTests(SynchronousTestCase):
    """Connections to a site for two, on a clock."""

    def setUp(self) -> None:
        self.clock = Clock()
        self.answers = Answers()
        self.site: Any = LimitedSite(self.answers, connections_max=2)
        self.site.reactor = self.clock

    def connect(self) -> tuple[Any, Socket]:
        """A client's connection."""
        channel = self.site.buildProtocol(None)
        socket = Socket(channel)
        channel.makeConnection(socket)
        return channel, socket

    def ask(self, path: bytes, more: bytes = b"") -> bytes:
        """A whole request."""
        return b"GET " + path + b" HTTP/1.1\r\nHost: control\r\n" + more + b"\r\n"

    def is_over(self, socket: Socket) -> bool:
        """Whether the server has hung up."""
        return socket.disconnecting or socket.aborted

    def test_drop_by_drop(self) -> None:
        """A request that is not whole in time is not waited for, however often a byte comes."""
        for beginning in (b"GET", b"GET /now HTTP/1.1\r\nHost: control\r\n", self.body(b"{")):
            channel, socket = self.connect()
            channel.dataReceived(beginning)
            for _ in range(int(IDLE_TIMEOUT_SECONDS) - 1):
                channel.dataReceived(b"x")
                self.clock.advance(1)
            assert not self.is_over(socket)
            self.clock.advance(1)
            assert self.is_over(socket)
            self.clock.advance(ABORT_SECONDS)
            assert socket.aborted

    def body(self, beginning: bytes) -> bytes:
        """A request with a body, not all of which is there."""
        return b"POST /now HTTP/1.1\r\nHost: control\r\nContent-Length: 9999\r\n\r\n" + beginning

    def test_a_request_has_its_time_from_its_first_byte(self) -> None:
        """A connection may be kept, idle, until just before the next one begins."""
        channel, socket = self.connect()
        for _ in range(3):
            self.clock.advance(IDLE_TIMEOUT_SECONDS - 1)
            channel.dataReceived(b"GET /now HTTP/1.1\r\n")
            self.clock.advance(IDLE_TIMEOUT_SECONDS - 1)
            channel.dataReceived(b"Host: control\r\n\r\n")
        assert self.answers.asked == [b"/now"] * 3
        assert not self.is_over(socket)
        self.clock.advance(IDLE_TIMEOUT_SECONDS)
        assert self.is_over(socket)

    def test_one_that_waits_for_its_answer(self) -> None:
        """It may wait for as long as that takes."""
        channel, socket = self.connect()
        channel.dataReceived(self.ask(b"/later"))
        self.clock.advance(100 * IDLE_TIMEOUT_SECONDS)
        assert not self.is_over(socket)
        self.answers.later[0].callback(None)
        assert b"200 OK" in socket.value()

    def test_requests_whose_answers_are_not_read(self) -> None:
        """The next is looked at once the answer before it is out, so that answers do not heap."""
        channel, socket = self.connect()
        channel.pauseProducing()
        channel.dataReceived(self.ask(b"/now") * 100)
        assert self.answers.asked == [b"/now"]
        channel.resumeProducing()
        assert self.answers.asked == [b"/now"] * 100
        assert socket.value().count(b"200 OK") == 100

    def test_an_answer_that_is_never_read(self) -> None:
        """It is thrown away after a while, whether or not it was to be the last one."""
        for more in (b"", b"Connection: close\r\n"):
            for is_much in (True, False):
                channel, socket = self.connect()
                if is_much:
                    channel.pauseProducing()
                channel.dataReceived(self.ask(b"/now", more))
                self.clock.advance(IDLE_TIMEOUT_SECONDS)
                self.clock.advance(ABORT_SECONDS)
                assert socket.aborted

    def test_no_room(self) -> None:
        """One more makes the one go that has been idle longest, never one that is answered."""
        busy, busy_socket = self.connect()
        busy.dataReceived(self.ask(b"/later"))
        _, idle_socket = self.connect()
        newest, newest_socket = self.connect()
        assert (busy_socket.aborted, idle_socket.aborted) == (False, True)
        newest.dataReceived(self.ask(b"/now"))
        assert b"200 OK" in newest_socket.value()
        self.answers.later[0].callback(None)
        assert b"200 OK" in busy_socket.value()

    def test_one_that_reads_no_answer_makes_room_too(self) -> None:
        """Nothing is done for it any more."""
        unread, unread_socket = self.connect()
        unread.pauseProducing()
        unread.dataReceived(self.ask(b"/now"))
        self.connect()
        self.connect()
        assert unread_socket.aborted

    def test_head_bombs(self) -> None:
        """Too many headers, too long ones, and lines without end are refused, and kept nowhere."""
        many = b"".join(b"X-%d: y\r\n" % number for number in range(501))
        for bomb in (
            self.ask(b"/now", many),
            self.ask(b"/now", b"X: " + b"y" * 20_000 + b"\r\n"),
            b"GET /" + b"a" * 70_000,
        ):
            channel, socket = self.connect()
            channel.dataReceived(bomb)
            assert self.is_over(socket)
        assert self.answers.asked == []

    def test_the_log_says_who_asked(self) -> None:
        """Where that is known, in the place that web servers have for it."""
        users: list[str | None] = [None, "alice"]
        for seen in (" - alice ", " - - "):
            site: Any = LimitedSite(self.answers, 2, user_of=lambda _: users.pop())
            site.reactor = self.clock
            channel = site.buildProtocol(None)
            channel.makeConnection(Socket(channel))
            with capturedLogs() as events:
                channel.dataReceived(self.ask(b"/now"))
            [event] = [each for each in events if "sent_bytes" in each]
            assert seen in formatEvent(event)
            assert (event["method"], event["path"], event["status"]) == (b"GET", b"/now", 200)
            channel.connectionLost(Failure(ConnectionError()))

    def test_absolute_targets(self) -> None:
        """A client that takes this for a proxy names the whole address, and is answered too."""
        for target, path in (
            (b"http://control:4523/now", b"/now"),
            (b"HTTPS://[::1]:4523/now?a=http://b/c", b"/now"),
            (b"http://control", b"/"),
            (b"http://control?a=b", b"/"),
            (b"/http://control/now", b"/http://control/now"),
            (b"ftp://control/now", b"ftp://control/now"),
        ):
            channel, _ = self.connect()
            channel.dataReceived(self.ask(target))
            assert self.answers.asked.pop() == path
            for later in self.answers.later:
                later.callback(None)
            self.answers.later.clear()

    def test_no_timer_is_left(self) -> None:
        """A connection that is lost leaves nothing to be done, whatever it was about."""
        for data in (b"", b"GET", self.ask(b"/now"), self.ask(b"/later"), self.body(b"{")):
            for is_unread in (False, True):
                channel, socket = self.connect()
                if is_unread:
                    channel.pauseProducing()
                channel.dataReceived(data)
                channel.connectionLost(Failure(ConnectionError()))
                del channel, socket
        assert self.clock.getDelayedCalls() == []
        assert len(self.site._limiter) == 0
