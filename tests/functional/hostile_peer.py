"""An agent's keys in the wrong hands: asks another node for all that there is to ask.

    python -m tests.functional.hostile_peer OPTIONS

OPTIONS is a JSON object; what became of each request is printed as one, by its name.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Awaitable
from typing import Any

from twisted.internet.defer import Deferred
from twisted.internet.task import react

from flocker_lite.errors import FlockerError
from flocker_lite.interfaces import IPeer, TrialDataset
from flocker_lite.interfaces.peer_requests import (
    Acquire,
    Copy,
    Lend,
    OfferLoan,
    Prepared,
    Prune,
    Recall,
    Serving,
    SetAside,
    SetProperties,
)
from flocker_lite.peers.argv import Pin, SshOptions
from flocker_lite.peers.client import SshPeers

STATE = "/var/lib/flocker-lite"


async def outcome(doing: Awaitable[Any]) -> str:
    """What came of it, in words."""
    try:
        return f"done: {await doing}"
    except FlockerError as error:
        return f"{type(error).__name__}: {error}"


async def ask_all(reactor: Any, options: dict[str, Any]) -> dict[str, str]:
    """Say who this is, as who it is not, and ask for what is another's."""
    target, address, cluster = options["target"], options["address"], options["cluster_id"]
    way = SshOptions(
        identity_file=f"{STATE}/ssh/id_ed25519", pin=Pin(f"{STATE}/ssh/known_hosts", target)
    )

    def peers(me: str) -> SshPeers:
        return SshPeers(reactor, way, me, lambda: cluster)

    said = {"as another": await outcome(peers(target).connect(target, address))}
    peer: IPeer = await peers(options["me"]).connect(target, address)
    dataset_id, guid, name = options["dataset_id"], options["guid"], options["container"]
    requests: dict[str, Awaitable[Any]] = {
        "copy": peer.ask(Copy(dataset_id)),
        "receive": peer.receive(dataset_id, 1, None),
        "prepared": peer.ask(Prepared(name)),
        "set_aside": peer.ask(SetAside(dataset_id)),
        "prune": peer.ask(Prune(dataset_id, frozenset())),
        "set_properties": peer.ask(SetProperties(dataset_id, {"sync": "disabled"})),
        "acquire": peer.ask(Acquire(dataset_id, 2, guid)),
        "offer_trial": peer.ask(OfferLoan(name, (dataset_id,), 30)),
        "lend": peer.ask(Lend(name, (TrialDataset(dataset_id, 2, guid),))),
        "recall": peer.ask(Recall((dataset_id,))),
        "serving": peer.ask(Serving(name)),
        "no dataset": peer.ask(Copy("../../etc")),
    }
    for what, doing in requests.items():
        said[what] = await outcome(doing)
    peer.close()
    return said


def main(reactor: Any) -> Deferred[None]:
    """Run it."""

    async def run() -> None:
        print(json.dumps(await ask_all(reactor, json.loads(sys.argv[1]))), flush=True)

    return Deferred.fromCoroutine(run())


if __name__ == "__main__":
    react(main)
