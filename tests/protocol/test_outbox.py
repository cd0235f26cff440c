"""An outbox: nothing before it is started, then the whole, then what changed, one at a time."""

from __future__ import annotations

from twisted.internet.defer import Deferred
from twisted.python.failure import Failure
from twisted.trial.unittest import SynchronousTestCase

from flocker_lite.model import deltas
from flocker_lite.model.records import Change
from flocker_lite.model.state import DatasetState, NodeState
from flocker_lite.protocol.messages import Gap, Inbox, Message, decode
from flocker_lite.protocol.outbox import Outbox


def dataset(dataset_id: str, error: str | None = None) -> Change:
    """Something to tell."""
    return Change("datasets", dataset_id, DatasetState(dataset_id, None, error=error))


class OutboxTests(SynchronousTestCase):
    """The receiver answers when the test lets it."""

    def setUp(self) -> None:
        self.state = NodeState()
        self.sent: list[bytes] = []
        self.answers: list[Deferred[None]] = []
        self.failures: list[Failure] = []
        self.outbox = Outbox(lambda: deltas.whole(self.state), self.send, self.failures.append)

    def send(self, data: bytes) -> Deferred[None]:
        """What the outbox sends with."""
        self.sent.append(data)
        self.answers.append(Deferred())
        return self.answers[-1]

    def add(self, *changes: Change) -> None:
        """The sender's own state changes, and is to be told."""
        self.state = deltas.apply(self.state, changes)
        self.outbox.add(changes)

    def message(self, number: int) -> Message:
        """A message that was sent."""
        return decode(self.sent[number], NodeState)

    def test_nothing_before_the_start(self) -> None:
        """What is added before is part of the whole."""
        self.add(dataset("a"))
        assert self.sent == []
        self.outbox.start()
        assert self.message(0) == Message(None, 1, (dataset("a"),))

    def test_start_twice(self) -> None:
        """The second start sends nothing."""
        self.outbox.start()
        self.answers[0].callback(None)
        self.outbox.start()
        assert len(self.sent) == 1

    def test_one_in_flight(self) -> None:
        """While one message is not answered, changes wait, each thing's last one."""
        self.outbox.start()
        for error in ("1", "2", "3"):
            self.add(dataset("a", error), dataset("b", error))
        assert len(self.sent) == 1
        self.answers[0].callback(None)
        assert self.message(1) == Message(1, 2, (dataset("a", "3"), dataset("b", "3")))
        self.answers[1].callback(None)
        assert len(self.sent) == 2

    def test_requests(self) -> None:
        """A change keeps the id of the request that it follows from, though others come on top."""
        request = "r-1"
        outbox = Outbox(lambda: (), self.send, self.failures.append, lambda: request)
        outbox.start()
        outbox.add((dataset("a", "1"), dataset("b")))
        request = ""
        outbox.add((dataset("a", "2"), dataset("c")))
        self.answers[0].callback(None)
        changes = (dataset("a", "2"), dataset("b"), dataset("c"))
        assert self.message(1) == Message(1, 2, changes, ("r-1", "r-1", ""))

    def test_gap_asks_for_the_whole(self) -> None:
        """A receiver that misses something gets everything as it is by then."""
        self.outbox.start()
        self.add(dataset("a"))
        self.answers[0].callback(None)
        self.add(dataset("b"))
        self.answers[1].errback(Gap())
        again = self.message(2)
        assert again.base is None
        assert set(again.changes) == {dataset("a"), dataset("b")}

    def test_a_receiver_keeps_up(self) -> None:
        """Whatever is answered when, the receiver ends with what the sender has."""
        inbox = Inbox(NodeState())
        self.outbox.start()
        for number in range(20):
            self.add(dataset("abcde"[number % 5], str(number)))
            if number % 3 == 0:
                inbox.take(self.sent[-1])
                self.answers[-1].callback(None)
        while not self.answers[-1].called:
            inbox.take(self.sent[-1])
            self.answers[-1].callback(None)
        assert inbox.maps == self.state

    def test_failure(self) -> None:
        """What the sending raised is told once, and nothing is sent after it."""
        self.outbox.start()
        self.add(dataset("a"))
        self.answers[0].errback(ValueError("broken"))
        assert [str(failure.value) for failure in self.failures] == ["broken"]
        self.add(dataset("b"))
        assert len(self.sent) == 1

    def test_stop(self) -> None:
        """After a stop nothing is sent, and nobody hears of what was in flight."""
        self.outbox.start()
        self.add(dataset("a"))
        self.outbox.stop()
        self.add(dataset("b"))
        assert len(self.sent) == 1
        assert self.failures == []
