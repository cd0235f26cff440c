"""A link: messages of any size, a pulse that notices silence, and an end that is told once."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from twisted.internet.defer import Deferred
from twisted.internet.interfaces import ITCPTransport
from twisted.internet.task import Clock
from twisted.internet.testing import StringTransport
from twisted.test.iosim import FakeTransport, IOPump, connect
from twisted.trial.unittest import SynchronousTestCase
from zope.interface import alsoProvides

from flocker_lite.protocol.link import (
    ALIVE_SECONDS_MAX,
    PING_SECONDS,
    SILENCE_SECONDS_MAX,
    Link,
    Ping,
)
from flocker_lite.protocol.messages import PART_BYTES_MAX, BadMessage, Gap


class Tcp(StringTransport):
    """Remembers whether small messages are held back."""

    no_delay = False

    def setTcpNoDelay(self, enabled: bool) -> None:
        """As of a socket."""
        self.no_delay = enabled


def counted(call: Callable[..., Any], calls: dict[str, int], name: str) -> Callable[..., Any]:
    """Counts calls under the name."""

    def calling(*args: Any, **kwargs: Any) -> Any:
        calls[name] += args[0] is Ping
        return call(*args, **kwargs)

    return calling


class LinkTests(SynchronousTestCase):
    """Two ends in memory; nothing arrives but by `pump`."""

    def setUp(self) -> None:
        self.clock = Clock()
        self.server, self.client = Link(self.clock), Link(self.clock)
        self.pump: IOPump = connect(
            self.server,
            FakeTransport(self.server, True),
            self.client,
            FakeTransport(self.client, False),
            greet=False,
        )
        self.lost: list[str] = []
        self.taken: list[bytes] = []
        self.server.attend(self.taken.append, lambda: self.lost.append("server"))
        self.client.attend(lambda _: None, lambda: self.lost.append("client"))

    def send(self, data: bytes) -> Deferred[None]:
        """The client sends a message."""
        return Deferred.fromCoroutine(self.client.send(data))

    def pass_time(self, seconds: float, deliver: bool = True) -> None:
        """Let time pass, a second at a time."""
        for _ in range(int(seconds)):
            self.clock.advance(1)
            if deliver:
                self.pump.flush()

    def test_a_small_message_is_not_held_back(self) -> None:
        """Nagle's algorithm and delayed acknowledgements would cost 40 ms now and then."""
        link, transport = Link(self.clock), Tcp()
        alsoProvides(transport, ITCPTransport)
        link.makeConnection(transport)
        assert transport.no_delay

    def test_messages_of_any_size(self) -> None:
        """What does not fit in one AMP value arrives in one piece, in order."""
        sizes = (0, 1, 65_535, 65_536, 3 * PART_BYTES_MAX + 1, 1_000_000)
        sendings = [self.send(bytes([number]) * size) for number, size in enumerate(sizes)]
        self.pump.flush()
        assert [len(data) for data in self.taken] == list(sizes)
        assert all(set(data) <= {number} for number, data in enumerate(self.taken))
        for sending in sendings:
            self.successResultOf(sending)

    def test_a_gap_is_the_senders_business(self) -> None:
        """What the receiver raises while it takes a message comes back to its sender."""
        for error in (Gap("missing"), BadMessage("nonsense")):

            def refuse(_: bytes, error: Exception = error) -> None:
                raise error

            self.server.attend(refuse, lambda: None)
            sending = self.send(b"x" * (2 * PART_BYTES_MAX))
            self.pump.flush()
            assert type(self.failureResultOf(sending).value) is type(error)

    def test_silence(self) -> None:
        """A peer that is not heard of for too long is hung up on, and that is told once."""
        self.pass_time(SILENCE_SECONDS_MAX - 1, deliver=False)
        assert self.lost == []
        self.pass_time(1, deliver=False)
        self.pump.flush()
        assert sorted(self.lost) == ["client", "server"]

    def test_pulse(self) -> None:
        """With nothing to say the link stays, and one end alone pings."""
        self.server.ping_seconds = PING_SECONDS + 1
        pings = self.count_pings()
        self.pass_time(10 * PING_SECONDS)
        assert self.lost == []
        assert pings == {"client": 10, "server": 0}

    def test_a_peer_that_does_not_ping(self) -> None:
        """It is pinged, however seldom it pings itself."""
        self.client.ping_seconds = 10 * SILENCE_SECONDS_MAX
        pings = self.count_pings()
        self.pass_time(10 * SILENCE_SECONDS_MAX - 1)
        assert self.lost == []
        assert pings["server"] > 0

    def test_a_pause_of_this_process(self) -> None:
        """What came meanwhile is read before anybody hangs up."""
        self.clock.advance(10 * SILENCE_SECONDS_MAX)
        self.pump.flush()
        self.pass_time(SILENCE_SECONDS_MAX)
        assert self.lost == []

    def test_a_pause_after_the_ping(self) -> None:
        """The answer came while nobody read: it is waited for once more."""
        self.pass_time(PING_SECONDS)
        self.clock.advance(10 * SILENCE_SECONDS_MAX)
        self.pump.flush()
        self.pass_time(SILENCE_SECONDS_MAX)
        assert self.lost == []

    def test_who_talks_is_not_pinged(self) -> None:
        """Any message is a sign of life."""
        pings = self.count_pings()
        for _ in range(10):
            self.pass_time(PING_SECONDS - 1)
            self.send(b"news")
            self.pump.flush()
        assert pings == {"client": 0, "server": 0}

    def count_pings(self) -> dict[str, int]:
        """How many each end sends from now on."""
        pings = {"client": 0, "server": 0}
        for name, link in (("client", self.client), ("server", self.server)):
            self.patch(link, "callRemote", counted(link.callRemote, pings, name))
        return pings

    def test_is_alive(self) -> None:
        """A ping that is answered in time."""
        asking = Deferred.fromCoroutine(self.server.is_alive())
        self.pump.flush()
        assert self.successResultOf(asking) is True
        asking = Deferred.fromCoroutine(self.server.is_alive())
        self.clock.advance(ALIVE_SECONDS_MAX)
        assert self.successResultOf(asking) is False

    def test_a_link_that_is_over(self) -> None:
        """What is sent on it fails, and nobody is alive there."""
        self.server.hang_up()
        self.pump.flush()
        self.failureResultOf(self.send(b"data"))
        asking = Deferred.fromCoroutine(self.client.is_alive())
        assert self.successResultOf(asking) is False

    def test_attended_too_late(self) -> None:
        """Whoever attends to a link that is over hears that it is lost."""
        self.client.hang_up()
        self.pump.flush()
        late: list[str] = []
        attend: Any = self.server.attend
        attend(lambda _: None, lambda: late.append("lost"))
        assert late == ["lost"]

    def test_no_timer_is_left(self) -> None:
        """A link that is over leaves nothing to be done."""
        self.client.hang_up()
        self.pump.flush()
        assert self.clock.getDelayedCalls() == []
