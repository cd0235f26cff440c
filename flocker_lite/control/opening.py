"""Opens the control service on what its store holds.

What each node is told of ten thousand containers takes seconds to work out on a busy machine. It is
done some records at a time, so that meanwhile one of several control services renews its lease.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable

from twisted.internet.interfaces import IReactorTime

from flocker_lite.control.change_feed import ChangeFeed
from flocker_lite.control.service import ControlService
from flocker_lite.control.view_publisher import ViewPublisher
from flocker_lite.interfaces import ISigner, IStore
from flocker_lite.model import deltas
from flocker_lite.model.records import Change, Configuration
from flocker_lite.model.uses import uses_of

RECORDS_AT_ONCE = 500


async def _at_once() -> None:
    """Let nothing else run."""


async def open_control(
    store: IStore,
    clock: IReactorTime,
    signer: ISigner | None = None,
    change_feed: ChangeFeed | None = None,
    pause: Callable[[], Awaitable[None]] = _at_once,
) -> ControlService:
    """The control service on what the store holds; without a `signer` it believes agents' names.

    `pause` is awaited now and then, and lets others run.
    """
    configuration = await store.load()
    view_publisher = ViewPublisher(configuration=configuration)
    records = _ordered(configuration)
    for first in range(0, len(records), RECORDS_AT_ONCE):
        view_publisher.configured(configuration, records[first : first + RECORDS_AT_ONCE])
        await pause()
    return ControlService(store, view_publisher, clock, signer, change_feed)


def _ordered(configuration: Configuration) -> list[Change]:
    """All records, those of a container and its datasets one after the other.

    What is told of a container follows from all of them, and is to be worked out once.
    """
    users = uses_of(configuration).datasets

    def place(change: Change) -> str:
        is_of_dataset = change.kind in ("datasets", "grants", "leases")
        return users.get(change.identity, "") if is_of_dataset else change.identity

    return sorted(deltas.whole(configuration), key=place)
