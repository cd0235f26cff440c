"""An agent that reports what it was told to, and does nothing; its argument is JSON."""

from __future__ import annotations

import json
import sys
from typing import Any

from twisted.internet import reactor as installed_reactor
from twisted.internet.defer import Deferred
from twisted.internet.endpoints import TCP4ClientEndpoint, connectProtocol
from twisted.internet.task import react

from flocker_lite.model import codec
from flocker_lite.model.state import NodeState
from flocker_lite.protocol.link import VERSIONS, Hello, Link
from flocker_lite.protocol.messages import Message, encode


async def report(reactor: Any, told: dict[str, Any]) -> None:
    """Say hello, report, and stay until the connection is lost."""
    lost: Deferred[None] = Deferred()
    link = Link(reactor)
    link.attend(lambda _: None, lambda: lost.callback(None))
    await connectProtocol(TCP4ClientEndpoint(reactor, "127.0.0.1", told["port"]), link)
    await link.callRemote(
        Hello,
        version=VERSIONS.newest,
        node_id=told["node_id"],
        address=told["address"],
        cluster_id="",
        era=told["era"],
        session="one",
    )
    changes = tuple(codec.change_from_json(NodeState, change) for change in told["changes"])
    await link.send(encode(Message(None, 1, changes)))
    await lost


def main() -> None:
    """Run it."""
    told = json.loads(sys.argv[1])
    react(lambda reactor: Deferred.fromCoroutine(report(reactor, told)), (), installed_reactor)


if __name__ == "__main__":
    main()
