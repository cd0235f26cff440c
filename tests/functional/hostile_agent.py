"""A node's certificate in the wrong hands: speaks the agents' protocol, and lies.

    python -m tests.functional.hostile_agent OPTIONS

OPTIONS is a JSON object: `certificates`, a directory as flocker-ca makes it; `address`, that of the
control service; `me`, the address that it says it has; `datasets` and `containers`, those of others
that it says are its own. It lies until its stdin ends; how often is printed as JSON.
"""

from __future__ import annotations

import json
import sys
import time
from itertools import count
from pathlib import Path
from typing import Any
from uuid import uuid4

from pyrsistent import pmap
from twisted.internet.defer import Deferred, maybeDeferred
from twisted.internet.endpoints import TCP4ClientEndpoint
from twisted.internet.protocol import Factory, Protocol
from twisted.internet.stdio import StandardIO
from twisted.internet.task import deferLater, react

from flocker_lite.ca.claims import Kind
from flocker_lite.model import deltas
from flocker_lite.model.grants import Signed, Statement
from flocker_lite.model.lease import Lease, Role
from flocker_lite.model.records import Container, Port
from flocker_lite.model.state import ContainerState, DatasetState, NodeState
from flocker_lite.protocol.link import VERSIONS, Hello, Link
from flocker_lite.protocol.messages import Message, encode
from flocker_lite.tls.certificates import Certificates
from flocker_lite.tls.signer import Signer

AGENTS_PORT = 4524
BETWEEN_SECONDS = 0.05
ROLES = (Role.PRIMARY, Role.RELEASING, Role.LENT, Role.PRIMARY)
EPOCHS = (2, 3, 4, 99, 2**53, 2**60)


class Input(Protocol):
    """Whoever started it wants it to end."""

    def __init__(self) -> None:
        self.is_over = False

    def connectionLost(self, reason: Any = None) -> None:
        self.is_over = True


async def lie(reactor: Any, options: dict[str, Any]) -> int:
    """Say hello as who it is, and report what it is not; returns how many reports were taken in."""
    certificates = Certificates(
        Path(options["certificates"]), Kind.NODE, reactor, maybeDeferred, time.time
    )
    await certificates.open()
    signer, me, over = Signer(certificates), certificates.claims.name, Input()
    StandardIO(over, reactor=reactor)
    plain = TCP4ClientEndpoint(reactor, options["address"], AGENTS_PORT)
    endpoint = certificates.client(plain, (Kind.CONTROL,))
    link: Link = await endpoint.connect(Factory.forProtocol(lambda: Link(reactor)))
    link.attend(lambda _: None, lambda: None)
    answer = await link.callRemote(
        Hello,
        version=VERSIONS.newest,
        oldest=VERSIONS.oldest,
        node_id=me,
        address=options["me"],
        cluster_id="",
        era=str(uuid4()),
        session=str(uuid4()),
        signs=True,
    )
    for number in count(1):
        state = said(number, me, signer, answer["cluster_id"], options)
        await link.send(encode(Message(None, number, deltas.whole(state))))
        await deferLater(reactor, BETWEEN_SECONDS)
        if over.is_over:
            break
    link.hang_up()
    return number


def said(
    number: int, me: str, signer: Signer, cluster_id: str, options: dict[str, Any]
) -> NodeState:
    """One lie after the other."""
    role, epoch = ROLES[number % len(ROLES)], EPOCHS[number % len(EPOCHS)]
    peer = options["peer"] if role is not Role.PRIMARY else None
    held = Lease(role, epoch, peer, 30 if role is Role.LENT else None)
    datasets = {}
    for dataset_id in options["datasets"]:
        said_by = (options["peer"], me, None)[number % 3]
        statement = Statement(cluster_id, dataset_id, me, epoch, said_by, "1")
        proof: tuple[Signed, ...] = (signer.sign(statement),)
        datasets[dataset_id] = DatasetState(dataset_id, held, True, "/x", proof=proof)
    containers = {
        name: ContainerState(
            Container(name, me, "redis:latest", (Port(6379, port),)), True, serving=True
        )
        for name, port in options["containers"].items()
    }
    return NodeState(pmap(datasets), pmap(containers))


def main(reactor: Any) -> Deferred[None]:
    """Run it."""

    async def run() -> None:
        print(json.dumps(await lie(reactor, json.loads(sys.argv[1]))), flush=True)

    return Deferred.fromCoroutine(run())


if __name__ == "__main__":
    react(main)
