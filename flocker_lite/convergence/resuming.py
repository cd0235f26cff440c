"""Carrying a stream to another node to its end, and going on with one that was cut."""

from __future__ import annotations

from collections.abc import Awaitable, Callable

from twisted.logger import Logger

from flocker_lite.convergence.changes import Doors
from flocker_lite.errors import Conflict, FlockerError, ReaderGone
from flocker_lite.interfaces import IPeer, IReceiving
from flocker_lite.model.records import DatasetId
from flocker_lite.model.state import Round

_log = Logger()


async def carry(sending: Awaitable[None], receiving: IReceiving) -> None:
    """Wait for both ends of a stream; raises what went wrong, as the end says that knows why."""
    try:
        await sending
    except FlockerError as error:
        try:
            await receiving.finish()
        except FlockerError as theirs:
            if isinstance(error, ReaderGone):
                raise theirs from None
        raise
    await receiving.finish()


async def complete(
    doors: Doors,
    peer: IPeer,
    dataset_id: DatasetId,
    epoch: int,
    under_way: Callable[[IReceiving], None],
) -> Round | None:
    """Go on with a stream of the dataset that was cut; None when nothing came of it.

    Then the next stream begins anew, and has the peer throw the part away. One that came further
    and was cut again raises why: it is worth another try.
    """
    copy = await peer.copy(dataset_id)
    if copy.resume_token is None:
        return None
    base_guid = copy.newest.guid if copy.newest is not None else None
    receiving = await peer.receive(dataset_id, epoch, base_guid, resumes=True)
    began = doors.clock.seconds()
    try:
        under_way(receiving)
        sending = doors.storage.send_rest(dataset_id, copy.resume_token, receiving.fileno())
        await carry(sending, receiving)
        return Round(receiving.sent_bytes(), doors.clock.seconds() - began)
    except Conflict as error:
        _log.info("a stream of {dataset} begins anew: {why}", dataset=dataset_id, why=error)
        return None
    except FlockerError as error:
        if (await peer.copy(dataset_id)).resume_token != copy.resume_token:
            raise
        # Whatever ZFS says of it in words that nobody knows: it must not stay so for ever.
        _log.warn("{dataset} came no further, it begins anew: {why}", dataset=dataset_id, why=error)
        return None
    finally:
        receiving.abort()
