"""A control service in memory, as the REST API sees one, and a client for it without a network."""

from __future__ import annotations

import json
from dataclasses import dataclass, replace
from typing import Any

from treq.testing import StubTreq
from twisted.internet.defer import Deferred
from twisted.internet.task import Clock
from twisted.internet.testing import StringTransport
from twisted.trial.unittest import SynchronousTestCase
from twisted.web.resource import IResource

from flocker_lite.control.http.app import RESTAPI
from flocker_lite.control.service import ControlService
from flocker_lite.control.view_publisher import ViewPublisher
from flocker_lite.interfaces import ISigner
from flocker_lite.model import deltas, edits
from flocker_lite.model.records import Change, Configuration, Node, NodeId
from flocker_lite.model.state import NodeState
from flocker_lite.protocol.link import VERSIONS, Link
from flocker_lite.protocol.messages import Message, encode
from flocker_lite.testing.memory_store import MemoryDisk, MemoryStore
from tests.control.http.documented import DOCUMENTED

NODE_1 = "11111111-1111-4111-8111-111111111111"
NODE_2 = "22222222-2222-4222-8222-222222222222"
ADDRESS_1 = "10.77.0.11"
ADDRESS_2 = "10.77.0.12"


def two_nodes() -> Configuration:
    """An otherwise empty configuration of two nodes."""
    configuration = Configuration()
    for node_id, address in ((NODE_1, ADDRESS_1), (NODE_2, ADDRESS_2)):
        node = Node(node_id, address, protocol=VERSIONS.newest)
        configuration = edits.announce_node(configuration, node).configuration
    return configuration


class Refusing(MemoryStore):
    """A store of which a test may have that commits are slow, or fail with `error`."""

    slow: Deferred[None] | None = None
    error: Exception | None = None

    async def commit(self, *edits: tuple[Change, ...]) -> tuple[int, ...]:
        """Commit, after `slow` when that is set."""
        if self.slow is not None:
            await self.slow
        if self.error is not None:
            raise self.error
        return await super().commit(*edits)


class MemoryControl(ControlService):
    """A control service in memory; `store` may be told to refuse."""

    def __init__(
        self, configuration: Configuration, clock: Clock, signer: ISigner | None = None
    ) -> None:
        self.store = Refusing(MemoryDisk(configuration))
        view_publisher = ViewPublisher()
        view_publisher.configured(configuration, deltas.whole(configuration))
        super().__init__(self.store, view_publisher, clock, signer)

    def report(self, node_id: NodeId, state: NodeState, era: str = "") -> Link:
        """An agent reports this, and is connected from now on; returns its connection."""
        link = Link(self._clock)
        link.makeConnection(StringTransport())
        node = Node(node_id, self.configuration.nodes[node_id].address, protocol=VERSIONS.newest)
        connecting = Deferred.fromCoroutine(self.connect(node, "", link, era))
        assert connecting.called
        link.part(encode(Message(None, 1, deltas.whole(state))), last=True)
        return link


@dataclass(frozen=True)
class Reply:
    """An answer as a client sees it; `body` is the JSON value, or the bytes when it is no JSON."""

    status: int
    body: Any
    headers: dict[str, str]
    content: bytes


class RESTTestCase(SynchronousTestCase):
    """A test with a control service in memory and the REST API before it."""

    def setUp(self) -> None:
        self.clock = Clock()
        self.clock.advance(1.7e9)
        self.control = MemoryControl(two_nodes(), self.clock)
        self.hosts: dict[str, tuple[str, ...]] = {}
        self.treq: Any = self.client()

    def client(self) -> Any:
        """A client of what is served now."""
        return StubTreq(self.resource())

    def resource(self) -> IResource:
        """What is served."""
        return self.api().resource()

    def api(self, **options: Any) -> RESTAPI:
        """The REST API before the control service; `hosts` are the host names that it knows."""

        async def resolve(name: str) -> tuple[str, ...]:
            return self.hosts.get(name, ())

        return RESTAPI(self.control, self.clock, resolve, **options)

    def allow(self, *entries: str) -> None:
        """The first node lets containers have these."""
        node = replace(self.control.configuration.nodes[NODE_1], allow=entries)
        self.successResultOf(
            Deferred.fromCoroutine(
                self.control.edit(lambda before: edits.announce_node(before, node))
            )
        )

    def request(self, method: str, path: str, **options: Any) -> Reply:
        """Whatever a client may send; `path` begins after the host."""
        return self.reply(self.begin(method, path, **options), method, path)

    def begin(self, method: str, path: str, **options: Any) -> Deferred[Any]:
        """The same, and do not wait for the answer."""
        sent: Deferred[Any] = self.treq.request(method, f"http://control{path}", **options)
        return sent

    def reply(self, sent: Deferred[Any], method: str, path: str) -> Reply:
        """The answer, which must be there."""
        response = self.successResultOf(sent)
        content: bytes = self.successResultOf(response.content())
        headers = {
            name.decode().lower(): values[0].decode()
            for name, values in response.headers.getAllRawHeaders()
        }
        body = None
        if method != "HEAD" and headers["content-type"] == "application/json":
            body = json.loads(content)
            DOCUMENTED.check(method, path, response.code, body)
        return Reply(response.code, body, headers, content)

    def get(self, path: str) -> Any:
        """The JSON of a GET that must succeed."""
        reply = self.request("GET", f"/v1{path}")
        assert reply.status == 200, reply.content
        return reply.body

    def post(self, path: str, body: Any, **options: Any) -> Reply:
        """POST a JSON value."""
        return self.request("POST", f"/v1{path}", json=body, **options)

    def delete(self, path: str, **options: Any) -> Reply:
        """DELETE."""
        return self.request("DELETE", f"/v1{path}", **options)

    def created(self, path: str, body: Any) -> Any:
        """The JSON that a POST answers which must create something."""
        reply = self.post(path, body)
        assert reply.status == 201, reply.content
        return reply.body

    def assert_refused(self, reply: Reply, status: int, description: str) -> None:
        """The answer is this error and nothing else, but for what explains it to a person."""
        said = {key: value for key, value in reply.body.items() if key != "problems"}
        assert (reply.status, said) == (status, {"description": description})
        assert reply.headers["content-type"] == "application/json"

    def assert_invalid(self, reply: Reply, *errors: str) -> None:
        """The schema refused the body, with one message for each violation."""
        assert reply.status == 400, reply.content
        assert reply.body["description"] == "The provided JSON doesn't match the required schema."
        assert set(reply.body) == {"description", "errors", "problems"}
        assert reply.body["problems"]
        if errors:
            assert tuple(reply.body["errors"]) == errors
        else:
            assert len(reply.body["errors"]) == 1, reply.body["errors"]
