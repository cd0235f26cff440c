"""The control service is opened some records at a time, and knows as much as if at once."""

from __future__ import annotations

from twisted.internet.defer import Deferred
from twisted.internet.task import Clock, deferLater

from flocker_lite.control import opening
from flocker_lite.control.service import ControlService
from flocker_lite.control.view_publisher import ViewPublisher
from flocker_lite.model import deltas
from flocker_lite.testing.memory_store import MemoryDisk, MemoryStore
from tests.control.test_scale import configuration, node

SIZE = 400


def test_others_run_meanwhile() -> None:
    """The reactor runs between the pieces, so that a lease can be renewed."""
    clock = Clock()
    found: list[ControlService] = []
    store = MemoryStore(MemoryDisk(configuration(SIZE)))

    async def pause() -> None:
        await deferLater(clock, 1)

    Deferred.fromCoroutine(opening.open_control(store, clock, pause=pause)).addCallback(
        found.append
    )
    turns = 0
    while not found:
        clock.advance(1)
        turns += 1
    records = deltas.count(found[0].configuration)
    assert turns == -(-records // opening.RECORDS_AT_ONCE)
    assert turns > 2


def test_what_the_nodes_are_told() -> None:
    """All nodes are told the same, whether it was worked out in pieces or at once."""
    wanted = configuration(SIZE)
    found: list[ControlService] = []
    store = MemoryStore(MemoryDisk(wanted))
    Deferred.fromCoroutine(opening.open_control(store, Clock())).addCallback(found.append)
    at_once = ViewPublisher()
    at_once.configured(wanted, deltas.whole(wanted))
    for number in range(SIZE):
        node_id = node(number).node_id
        in_pieces = found[0]._view_publisher.whole(node_id)
        assert set(in_pieces) == set(at_once.whole(node_id))
