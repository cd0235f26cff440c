"""Sends a stream to another node, or resumes one that was interrupted."""

from __future__ import annotations

from collections.abc import Awaitable, Callable

from twisted.logger import Logger

from flocker_lite.convergence.context import AgentContext
from flocker_lite.errors import Conflict, FlockerError, ReaderGone
from flocker_lite.interfaces import IPeer, IReceiving
from flocker_lite.interfaces.peer_requests import Copy
from flocker_lite.model.records import DatasetId
from flocker_lite.model.state import Round

_log = Logger()


async def carry(sending: Awaitable[None], receiving: IReceiving) -> None:
    """Wait for both ends of a stream; raises the error of the end that caused the failure."""
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
    context: AgentContext,
    peer: IPeer,
    dataset_id: DatasetId,
    epoch: int,
    under_way: Callable[[IReceiving], None],
) -> Round | None:
    """Resume an interrupted stream of the dataset; None when that is not possible.

    The next stream then starts from its beginning, and the peer discards the partial one. If the
    stream made progress and was interrupted again, the error is raised: it is worth another try.
    """
    copy = await peer.ask(Copy(dataset_id))
    if copy.resume_token is None:
        return None
    base_guid = copy.newest.guid if copy.newest is not None else None
    receiving = await peer.receive(dataset_id, epoch, base_guid, resumes=True)
    began = context.clock.seconds()
    try:
        under_way(receiving)
        sending = context.storage.send_rest(dataset_id, copy.resume_token, receiving.fileno())
        await carry(sending, receiving)
        return Round(receiving.sent_bytes(), context.clock.seconds() - began)
    except Conflict as error:
        _log.info(
            "the stream of {dataset} cannot be resumed, sending it again: {why}",
            dataset=dataset_id,
            why=error,
        )
        return None
    except FlockerError as error:
        if (await peer.ask(Copy(dataset_id))).resume_token != copy.resume_token:
            raise
        # ZFS may have failed for a reason that we do not know: do not repeat that for ever.
        _log.warn(
            "the stream of {dataset} made no progress, sending it again: {why}",
            dataset=dataset_id,
            why=error,
        )
        return None
    finally:
        receiving.abort()
