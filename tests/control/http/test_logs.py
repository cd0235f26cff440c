"""GET /v1/state/containers/<name>/logs"""

from __future__ import annotations

from pyrsistent import pmap
from twisted.internet.defer import Deferred, fail, succeed
from twisted.trial.unittest import SynchronousTestCase

from flocker_lite.control.http import logs
from flocker_lite.control.http.app import site
from flocker_lite.model.records import NodeId
from flocker_lite.model.state import ContainerState, NodeState
from flocker_lite.protocol.container_output import (
    NoOutput,
    OutputAway,
    OutputUnknown,
    TooManyReaders,
)
from flocker_lite.testing.memory_output import MemoryOutput, MemoryOutputs
from tests.control.http.cluster import ADDRESS_1, NODE_1, NODE_2, RESTTestCase
from tests.control.http.test_events import Reader

LOGS = "/v1/state/containers/db/logs"


class LogsTests(RESTTestCase, SynchronousTestCase):
    """A container `db` is configured on the first node."""

    def setUp(self) -> None:
        super().setUp()
        self.created(
            "/configuration/containers", {"host": ADDRESS_1, "name": "db", "image": "redis"}
        )
        self.outputs = MemoryOutputs()
        self.asked: list[tuple[NodeId, str, int, bool]] = []
        self.opened: Deferred[MemoryOutput] | None = None
        self.control.output = self.open  # type: ignore[method-assign,assignment]
        self.reader = Reader(site(self.api()))
        self.addCleanup(self.leave)

    def leave(self) -> None:
        """Nobody reads any more."""
        if self.reader.is_connected:
            self.reader.hang_up()

    async def open(self, node_id: NodeId, name: str, lines: int, follow: bool) -> MemoryOutput:
        """What the control service does."""
        self.asked.append((node_id, name, lines, follow))
        if self.opened is not None:
            return await self.opened
        return self.outputs.open(name, lines, follow)

    def reported(self, *node_ids: NodeId, running: bool = True) -> None:
        """These nodes say that they have it."""
        container = self.control.configuration.containers["db"]
        for node_id in node_ids:
            state = ContainerState(container, running)
            self.control.report(node_id, NodeState(containers=pmap({"db": state})))

    def test_last_lines(self) -> None:
        """The last lines, as text; a hundred unless it is said how many."""
        self.outputs.say("db", b"one\ntwo\n\xe2\x98\x83\n")
        reply = self.request("GET", LOGS)
        assert (reply.status, reply.content.decode()) == (200, "one\ntwo\n\N{SNOWMAN}\n")
        assert reply.headers["content-type"] == "text/plain; charset=utf-8"
        assert self.request("GET", f"{LOGS}?tail=1").content.decode() == "\N{SNOWMAN}\n"
        assert self.asked == [(NODE_1, "db", 100, False), (NODE_1, "db", 1, False)]
        assert all(each.is_closed for each in self.outputs.readers)

    def test_bad_queries(self) -> None:
        """There is a limit to the lines."""
        for query in ("tail=-1", "tail=10001", "tail=all", "follow=perhaps"):
            assert self.request("GET", f"{LOGS}?{query}").status == 400

    def test_unknown_container(self) -> None:
        """Of what is not there is nothing to be read."""
        reply = self.request("GET", "/v1/state/containers/nobody/logs")
        assert (reply.status, reply.body) == (404, {"description": "Container not found."})

    def test_where_it_runs(self) -> None:
        """While it moves, the node is asked that runs it; or the one that is named."""
        self.reported(NODE_2)
        self.reported(NODE_1, running=False)
        self.request("GET", LOGS)
        self.request("GET", f"{LOGS}?host={ADDRESS_1}")
        assert [node_id for node_id, *_ in self.asked] == [NODE_2, NODE_1]
        assert self.request("GET", f"{LOGS}?host=10.0.0.99").status == 400

    def test_refusals(self) -> None:
        """Each reason has its status."""
        for error, status in (
            (NoOutput("no"), 409),
            (OutputUnknown("old"), 501),
            (OutputAway("away"), 503),
            (TooManyReaders("many"), 503),
        ):
            self.opened = fail(error)
            reply = self.request("GET", LOGS)
            assert (reply.status, reply.body) == (status, {"description": str(error)})

    def test_head(self) -> None:
        """A HEAD reads nothing."""
        assert self.request("HEAD", LOGS).status == 200
        assert all(each.is_closed for each in self.outputs.readers)

    def test_follow(self) -> None:
        """What it says comes at once, until it ends."""
        self.reader.get(f"{LOGS}?follow=1")
        assert "200 OK" in self.reader.head
        self.outputs.say("db", b"one\n")
        assert self.reader.body == "one\n"
        self.outputs.say("db", b"two\n")
        assert self.reader.body == "two\n"
        self.outputs.end("db")
        assert self.reader.transport.disconnecting

    def test_hangs_up(self) -> None:
        """Nothing is read for a reader that has gone."""
        self.reader.get(f"{LOGS}?follow=1")
        self.reader.hang_up()
        assert all(each.is_closed for each in self.outputs.readers)

    def test_slow_reader(self) -> None:
        """While it does not read, nothing is asked for; when it reads again, all is there."""
        self.reader.get(f"{LOGS}?follow=1")
        self.outputs.say("db", b"one\n")
        self.reader.transport.producer.pauseProducing()
        self.outputs.say("db", b"two\n")
        self.outputs.say("db", b"three\n" * 100_000)
        # What was asked for before has come, and no more.
        assert self.reader.body == "one\ntwo\n"
        self.reader.transport.producer.resumeProducing()
        assert self.reader.body.count("three\n") == 100_000
        self.clock.advance(2 * logs.STALLED_SECONDS_MAX)
        assert self.reader.is_connected

    def test_reader_that_does_not_read(self) -> None:
        """It is cut off after a while."""
        self.reader.get(f"{LOGS}?follow=1")
        self.reader.transport.producer.pauseProducing()
        self.clock.advance(logs.STALLED_SECONDS_MAX - 1)
        assert self.reader.is_connected
        self.clock.advance(1)
        assert not self.reader.is_connected
        assert all(each.is_closed for each in self.outputs.readers)

    def test_breaks_off(self) -> None:
        """What is not whole does not look as if it were."""

        class Breaking(MemoryOutput):
            def read(self) -> Deferred[bytes]:
                return fail(OutputAway("gone"))

        self.opened = succeed(Breaking({}, "db", 0, True))
        self.reader.get(f"{LOGS}?follow=1")
        assert not self.reader.is_connected

    def test_most_bytes(self) -> None:
        """An answer that does not go on is cut at a limit, and says so."""
        self.patch(logs, "BYTES_MAX", 10)
        self.outputs.say("db", b"123456789\n123456789\n")
        content = self.request("GET", LOGS).content
        assert content.startswith(b"123456789\n\n[flocker_lite: the rest is left out")
