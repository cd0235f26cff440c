"""GET /v1/events"""

from __future__ import annotations

import json
from collections.abc import Callable
from functools import partial
from typing import Any

from twisted.internet.defer import Deferred
from twisted.internet.error import ConnectionDone
from twisted.internet.testing import StringTransport
from twisted.python.failure import Failure
from twisted.trial.unittest import SynchronousTestCase
from twisted.web.server import Site

from flocker_lite.control.http import events
from flocker_lite.control.http.app import site
from flocker_lite.model import edits
from flocker_lite.model.records import Dataset
from flocker_lite.model.state import NodeState
from flocker_lite.model.versions import NEWEST
from tests.control.http.cluster import ADDRESS_1, NODE_1, RESTTestCase

DATASETS = "/configuration/datasets"
DATASET = "dddddddd-0000-4000-8000-00000000000a"


class Transport(StringTransport):
    """A transport that tells its reader when it is cut off."""

    def __init__(self, cut_off: Callable[[], None]) -> None:
        super().__init__()
        self._cut_off = cut_off

    def abortConnection(self) -> None:
        self._cut_off()


class Reader:
    """A client with a connection of its own, whose transport pauses the stream when told to."""

    def __init__(self, factory: Site) -> None:
        self.transport: Any = Transport(self.hang_up)
        self.channel: Any = factory.buildProtocol(None)
        # No reactor: its time-outs are Twisted's own, and tested there.
        self.channel.callLater = lambda *args, **kwargs: None
        self.channel.timeOut = None
        self.channel.makeConnection(self.transport)
        self.is_connected = True

    def get(self, path: str, method: str = "GET", **headers: str) -> None:
        """Ask for the stream; HTTP/1.0, so that the body comes as it is."""
        lines = [f"{method} {path} HTTP/1.0"]
        lines += [f"{name.replace('_', '-')}: {value}" for name, value in headers.items()]
        self.channel.dataReceived("".join(f"{line}\r\n" for line in [*lines, ""]).encode())

    @property
    def head(self) -> str:
        """The head of the answer."""
        return str(self.transport.value().decode().partition("\r\n\r\n")[0])

    @property
    def body(self) -> str:
        """What was read since the last time."""
        head, _, body = self.transport.value().decode().partition("\r\n\r\n")
        self.transport.clear()
        self.transport.write((head + "\r\n\r\n").encode())
        return str(body)

    @property
    def events(self) -> list[dict[str, Any]]:
        """The same, as events."""
        return [json.loads(line) for line in self.body.splitlines()]

    def hang_up(self) -> None:
        """The connection is gone."""
        self.is_connected = False
        self.channel.connectionLost(Failure(ConnectionDone()))


class EventsTests(RESTTestCase, SynchronousTestCase):
    """A stream of events."""

    def setUp(self) -> None:
        super().setUp()
        self.reader = Reader(site(self.api()))

    def create(self) -> None:
        """Configure a dataset."""
        self.created(DATASETS, {"dataset_id": DATASET, "primary": ADDRESS_1})

    def move(self, where: str) -> None:
        """Edit it, without a request."""
        edit = self.control.edit(lambda c: edits.move_dataset(c, DATASET, where))
        self.successResultOf(Deferred.fromCoroutine(edit))

    @property
    def generation(self) -> int:
        """The latest one."""
        return self.control.change_feed.generation

    def test_begin(self) -> None:
        """The stream says at once that it is there, and where it begins."""
        self.reader.get("/v1/events")
        assert "200 OK" in self.reader.head
        assert "Content-Type: application/x-ndjson" in self.reader.head
        assert self.reader.events == [{"event": "alive", "generation": self.generation}]

    def test_change(self) -> None:
        """A change has the items that the collection has under this id now."""
        self.reader.get("/v1/events")
        self.create()
        [_, event] = self.reader.events
        assert event == {
            "event": "change",
            "generation": self.generation,
            "collection": "configuration/datasets",
            "id": DATASET,
            "items": self.get(DATASETS),
        }
        self.control.report(NODE_1, NodeState())
        *_, event = self.reader.events
        assert (event["collection"], event["id"]) == ("state/nodes", NODE_1)
        assert event["items"] == [{"host": ADDRESS_1, "uuid": NODE_1, "protocol": NEWEST}]

    def test_gone(self) -> None:
        """What is gone has no items any more."""
        self.created("/configuration/containers", {"host": ADDRESS_1, "name": "a", "image": "b"})
        self.reader.get(f"/v1/events?since={self.generation}")
        self.delete("/configuration/containers/a")
        [_, event] = self.reader.events
        assert (event["id"], event["items"]) == ("a", [])

    def test_resume(self) -> None:
        """A stream goes on after the generation that the client knows."""
        before = self.generation
        self.create()
        self.reader.get(f"/v1/events?since={before}")
        alive, change = self.reader.events
        assert (alive["generation"], change["id"]) == (before, DATASET)
        self.reader.hang_up()
        again = Reader(site(self.api()))
        again.get("/v1/events", Last_Event_ID=str(change["generation"]))
        assert [event["event"] for event in again.events] == ["alive"]

    def test_reset(self) -> None:
        """Who knows too little is told to begin anew, and then gets what comes."""
        self.create()
        for unknown in (0, self.generation + 10**9):
            reader = Reader(site(self.api()))
            reader.get(f"/v1/events?since={unknown}")
            _, reset = reader.events
            assert (reset["event"], reset["generation"]) == ("reset", self.generation)
            assert "GET the collections again" in reset["description"]
            self.control.report(NODE_1, NodeState())
            self.control.change_feed.reset()
            assert reader.events[-1]["event"] == "reset"

    def test_alive(self) -> None:
        """When nothing changes for a while, the stream says that it is there."""
        self.reader.get("/v1/events")
        for _ in range(2):
            self.reader.transport.clear()
            self.clock.advance(events.ALIVE_SECONDS)
            assert b'"alive"' in self.reader.transport.value()

    def test_server_sent(self) -> None:
        """Browsers get it in the form that they know."""
        self.reader.get("/v1/events", Accept="text/event-stream")
        assert "Content-Type: text/event-stream" in self.reader.head
        self.create()
        *_, last = self.reader.body.rstrip("\n").split("\n\n")
        identity, event, data = last.split("\n")
        assert identity == f"id: {self.generation}"
        assert event == "event: change"
        assert json.loads(data.removeprefix("data: "))["id"] == DATASET

    def test_end(self) -> None:
        """A stream that was asked for so long only, ends then."""
        self.reader.get("/v1/events?timeout_seconds=5")
        self.clock.advance(4)
        assert not self.reader.transport.disconnecting
        self.clock.advance(1)
        assert self.reader.transport.disconnecting
        assert self.control.change_feed.waiting_count == 0

    def test_head(self) -> None:
        """HEAD has the head alone."""
        self.reader.get("/v1/events", "HEAD")
        assert "Content-Type: application/x-ndjson" in self.reader.head
        assert self.reader.body == ""
        assert self.reader.transport.disconnecting

    def test_bad_last_event_id(self) -> None:
        """A Last-Event-ID that is no generation is refused."""
        self.reader.get("/v1/events", Last_Event_ID="x")
        assert " 400 " in self.reader.head
        assert "Last-Event-ID has to be the generation of an event." in self.reader.body

    def test_hang_up(self) -> None:
        """Nothing is left of a stream whose reader has gone."""
        timers = len(self.clock.getDelayedCalls())
        self.reader.get("/v1/events?timeout_seconds=50")
        self.reader.hang_up()
        assert self.control.change_feed.waiting_count == 0
        assert len(self.clock.getDelayedCalls()) == timers
        self.create()

    def test_slow_reader(self) -> None:
        """While a reader does not read nothing is written; then it gets the latest, once."""
        self.create()
        self.reader.get("/v1/events")
        assert self.reader.events
        producer = self.reader.transport.producer
        producer.pauseProducing()
        for where in (NODE_1, "10.77.0.12", NODE_1, "10.77.0.12"):
            self.move(where)
        self.clock.advance(events.STALLED_SECONDS_MAX - 1)
        assert self.reader.body == ""
        producer.resumeProducing()
        changed = [event for event in self.reader.events if event["event"] == "change"]
        [event] = [event for event in changed if event["collection"] == "configuration/datasets"]
        assert event["items"][0]["primary"] == "10.77.0.12"
        self.clock.advance(events.STALLED_SECONDS_MAX)
        assert self.reader.is_connected

    def test_stalled_reader(self) -> None:
        """A reader that does not read for too long is cut off."""
        self.reader.get("/v1/events")
        self.reader.transport.producer.pauseProducing()
        self.clock.advance(events.STALLED_SECONDS_MAX - 1)
        assert self.reader.is_connected
        self.clock.advance(1)
        assert not self.reader.is_connected
        assert self.control.change_feed.waiting_count == 0

    def test_many(self) -> None:
        """More changes than are written at a time all come, in order."""
        before = self.generation
        count = events.BATCH_COUNT_MAX * 2 + 5
        for number in range(count):
            dataset = Dataset(f"dddddddd-0000-4000-8000-{number:012}", NODE_1)
            edit = self.control.edit(partial(edits.create_dataset, dataset=dataset))
            self.successResultOf(Deferred.fromCoroutine(edit))
        self.reader.get(f"/v1/events?since={before}")
        generations = [event["generation"] for event in self.reader.events]
        assert generations == list(range(before, before + count + 1))
