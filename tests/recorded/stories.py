"""The stories that are recorded: a container and its dataset are made, moved and deleted."""

from __future__ import annotations

import json
import os
from collections.abc import Callable
from dataclasses import replace
from functools import partial
from typing import Any

from pyrsistent import pmap
from twisted.internet.defer import Deferred
from twisted.internet.task import Clock
from twisted.internet.testing import StringTransport
from twisted.protocols import amp
from twisted.test.iosim import FakeTransport, connect

from flocker_lite.convergence.move_log import MoveLog
from flocker_lite.convergence.trials import Trials
from flocker_lite.interfaces import TrialDataset
from flocker_lite.interfaces.peer_requests import (
    Acquire,
    Copy,
    Finish,
    Hello,
    Lend,
    OfferLoan,
    Opened,
    Prepared,
    Prune,
    Recall,
    Receive,
    Serving,
)
from flocker_lite.model import edits
from flocker_lite.model.container_fields.resources import Ulimit
from flocker_lite.model.records import (
    Configuration,
    Container,
    Dataset,
    Edit,
    Move,
    NodeId,
    Port,
    RestartPolicy,
    Volume,
)
from flocker_lite.peers.argv import SshOptions
from flocker_lite.peers.client import SshPeer
from flocker_lite.peers.server import Receiver, Session
from flocker_lite.peers.service import PeerService
from flocker_lite.testing.cluster import MemoryCluster
from flocker_lite.testing.memory_fence import MemoryFence
from flocker_lite.testing.memory_storage import MemoryStorage
from flocker_lite.testing.stub_host import StubHost
from tests.recorded.conversation import Conversation

D = "c01dc0de-0000-4000-8000-000000000001"
SOURCE, DESTINATION = (f"00000000-0000-4000-8000-00000000000{number}" for number in (1, 2))
CLUSTER = "c1c1c1c1-0000-4000-8000-000000000000"
FIRST, LAST = "flocker-lite-1-1", "flocker-lite-1-2"
SHOP = Container(
    "shop",
    SOURCE,
    "shop:1",
    ports=(Port(80, 8080),),
    volumes=(Volume(D, "/data"),),
    environment=pmap({"COLOUR": "blue"}),
    restart_policy=RestartPolicy("on-failure", 5),
    command_line=("serve", "--all"),
    memory_limit=64 << 20,
)
SHOP_2 = replace(
    SHOP,
    entrypoint=("sh", "-c"),
    user="1000:1000",
    stop_timeout_seconds=90.0,
    ulimits=pmap({"nofile": Ulimit(1024, 65536)}),
    sysctls=pmap({"net.core.somaxconn": "1024"}),
    cpus=0.5,
)
"""With fields of protocol 2."""

CREATE_DATASET = partial(edits.create_dataset, dataset=Dataset(D, SOURCE, maximum_size=64 << 20))
MOVE = partial(edits.move_container, name="shop", where=DESTINATION)
DELETE_CONTAINER = partial(edits.delete_container, name="shop")
DELETE_DATASET = partial(edits.delete_dataset, dataset_id=D)
SECONDS = 3.0
QUESTION = Move("00000000-0000-4000-8000-00000000000f", SOURCE, DESTINATION, 0.0, "shop", (D,))


def asked_for(chapter: str, shop: Container) -> tuple[Callable[[Configuration], Edit], ...]:
    """What a user asks of the control service in a chapter, edit by edit."""
    return {
        "create": (CREATE_DATASET, partial(edits.create_container, container=shop)),
        "move": (MOVE,),
        "delete": (DELETE_CONTAINER, DELETE_DATASET),
    }.get(chapter, ())


class RecordedCluster(MemoryCluster):
    """A cluster whose control service and agents are overheard."""

    def __init__(self, conversation: Conversation) -> None:
        super().__init__(nodes=2)
        for node, node_id in zip(self.nodes, (SOURCE, DESTINATION), strict=True):
            node.node_id = node_id
        self.conversation = conversation

    def connect(self, node_id: NodeId, factory: Any) -> Any:
        client = super().connect(node_id, factory)
        self.conversation.listen(node_id, "control", client)
        return client

    def answering(self, node_id: NodeId) -> Any:
        server = super().answering(node_id)
        self.conversation.listen(node_id, "agent", server)
        return server


def record_cluster() -> Conversation:
    """A control service with two agents."""
    conversation = Conversation()
    cluster = RecordedCluster(conversation)
    cluster.disk.cluster_id = CLUSTER
    conversation.begin("start")
    cluster.start()
    control = cluster.control
    assert control is not None

    def do(doing: Any) -> None:
        done: list[Any] = []
        Deferred.fromCoroutine(doing).addCallback(done.append)
        cluster.run(SECONDS)
        assert done

    for chapter in ("create", "forecast", "move", "delete"):
        conversation.begin(chapter)
        if chapter == "forecast":
            do(control.forecast(QUESTION))
        for edit in asked_for(chapter, SHOP_2):
            do(control.edit(edit))
        if chapter == "create":
            cluster.nodes[0].write("shop", "sold")
        if chapter == "move":
            (past,) = control.configuration.past_moves.values()
            assert past.verdict == "done"
            conversation.facts["move_id"] = past.move_id
    assert not control.configuration.containers
    return conversation


class Peers:
    """The storage of two nodes, and a session between their agents."""

    def __init__(self) -> None:
        self.clock = Clock()
        self.mine, self.theirs = MemoryStorage(), MemoryStorage()
        fence = MemoryFence(lambda _: None, self.clock)
        trials = Trials(self.clock, self.clock.seconds, fence)
        service = PeerService(DESTINATION, self.theirs, MoveLog(self.clock), trials, StubHost())
        self.receiver = Receiver(DESTINATION, lambda: CLUSTER, lambda _: service)
        entrance: Any = self
        self.server = Session(self.receiver, entrance, None)

    def session_over(self) -> None:
        """As the entrance of a session hears it."""

    def stream(self, token: str, data: bytes) -> None:
        """What the ssh of a stream brings."""
        entrance = self.receiver.buildProtocol(None)
        entrance.makeConnection(StringTransport())
        content, nothing = os.memfd_create("stream"), os.memfd_create("nothing")
        os.write(content, data)
        os.lseek(content, 0, os.SEEK_SET)
        entrance.fileDescriptorReceived(content)
        entrance.fileDescriptorReceived(nothing)
        entrance.dataReceived(f"stream {token}\n".encode())


class SessionWithoutSsh:
    """What an `SshPeer` speaks by, without a process."""

    stderr_tail = b""

    def __init__(self, protocol: amp.AMP) -> None:
        self.amp = protocol

    def end(self) -> None:
        """There is nothing to end."""


def peer_on(protocol: amp.AMP, clock: Any) -> SshPeer:
    """The agent at the other end of a protocol."""
    session: Any = SessionWithoutSsh(protocol)
    return SshPeer(clock, SshOptions(), "10.0.0.2", session)


def stream(base: str | None, name: str, guid: str) -> bytes:
    """What `MemoryStorage` sends of a dataset."""
    told = {"base": base, "name": name, "guid": guid, "content": ["sold"]}
    return json.dumps(told).encode() + b"\n"


def record_peers() -> Conversation:
    """A handoff, from the session's first word to its last."""
    conversation, peers, client = Conversation(), Peers(), amp.AMP()
    conversation.listen("session", "source", peers.server)
    conversation.listen("session", "destination", client)
    conversation.begin("handoff")
    pump = connect(
        peers.server,
        FakeTransport(peers.server, True),
        client,
        FakeTransport(client, False),
        greet=False,
    )
    peer = peer_on(client, peers.clock)

    def get(doing: Any) -> Any:
        answers: list[Any] = []
        Deferred.fromCoroutine(doing).addBoth(answers.append)
        pump.flush()
        return answers[0]

    async def hand_over() -> None:
        await peer.ask(Hello(1, SOURCE, CLUSTER))
        await peer.ask(Copy(D))
        for base, name, guid in ((None, FIRST, "g1"), ("g1", LAST, "g2")):
            token = await peer.ask(Receive(D, 1, base, resumes=False))
            conversation.facts[f"token {guid}"] = token
            opened = Deferred.fromCoroutine(peer.ask(Opened(token)))
            peers.stream(token, stream(base, name, guid))
            await opened
            await peer.ask(Finish(token))
        await peer.ask(Copy(D))
        await peer.ask(Prepared("shop"))
        await peer.ask(Prune(D, frozenset({"g2"})))
        await peer.ask(Recall((D,)))
        await peer.ask(OfferLoan("shop", (D,), 20.0))
        await peer.ask(Lend("shop", (TrialDataset(D, 2, "g2"),)))
        await peer.ask(Acquire(D, 2, "g2"))
        await peer.ask(Serving("shop"))

    result = get(hand_over())
    if result is not None:
        result.raiseException()
    return conversation
