"""The way between agents without ssh: `flocker-lite-receive` itself, on the machine of the test."""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import Any, cast

from twisted.internet import reactor as installed_reactor
from twisted.internet.endpoints import UNIXServerEndpoint

from flocker_lite.interfaces import IPeer, IPeerService
from flocker_lite.peers.argv import SshOptions
from flocker_lite.peers.client import SshPeers
from flocker_lite.peers.server import Receiver
from flocker_lite.receive import SOCKET_VARIABLE

CLUSTER = "cccccccc-0000-4000-8000-000000000001"
CHECKOUT = Path(__file__).resolve().parents[2]


class WithoutSsh:
    """The reactor, but for ssh: at once it starts what that would start at the other end."""

    def __init__(self, socket: Path) -> None:
        self._socket = socket

    def __getattr__(self, name: str) -> Any:
        return getattr(installed_reactor, name)

    def spawnProcess(
        self, protocol: Any, executable: str, args: tuple[str, ...], env: Any, **options: Any
    ) -> Any:
        words = args[args.index("--") + 2 :]
        argv = (sys.executable, "-m", "flocker_lite.receive", *words)
        env = {**env, SOCKET_VARIABLE: str(self._socket), "PYTHONPATH": str(CHECKOUT)}
        reactor: Any = installed_reactor
        return reactor.spawnProcess(protocol, argv[0], argv, env, **options)


async def peer_of(me: str, node_id: str, service: IPeerService, folder: Path) -> tuple[IPeer, Any]:
    """`me` speaks to the agent of `node_id`, which has this service; and the port to close."""
    socket = folder / "agent.sock"
    receiver = Receiver(node_id, lambda: CLUSTER, lambda _: service)
    endpoint = UNIXServerEndpoint(cast(Any, installed_reactor), os.fspath(socket))
    port = await endpoint.listen(receiver)
    peers = SshPeers(cast(Any, WithoutSsh(socket)), SshOptions(), me, lambda: CLUSTER)
    return await peers.connect(node_id, "127.0.0.1"), port
