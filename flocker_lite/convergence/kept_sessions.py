"""Sessions with the agents of standbys: what is sent to a node within a minute shares one.

To open one, with its exchange of keys, costs more than a small increment does. None is used for
long, so that what the control service says of keys and addresses counts; nor after an error.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from functools import partial
from typing import TypeVar

from twisted.internet.interfaces import IDelayedCall, IReactorTime
from zope.interface import implementer

from flocker_lite.errors import PeerUnreachable
from flocker_lite.interfaces import IPeer, IPeers, IReceiving
from flocker_lite.interfaces.request import PeerRequest
from flocker_lite.model.records import DatasetId, NodeId
from flocker_lite.shared_asking import SharedAsking

SESSION_SECONDS_MAX = 60.0
"""After so long a session is left as soon as nobody uses it."""

Where = tuple[NodeId, str]
A = TypeVar("A")


class KeptSessions:
    """Gives out sessions; each may be used by several at the same time."""

    def __init__(self, peers: IPeers, clock: IReactorTime) -> None:
        self._peers = peers
        self._clock = clock
        self._opening = SharedAsking(self._open)
        self._kept: dict[Where, _Kept] = {}
        self._is_stopped = False

    async def connect(self, node_id: NodeId, address: str) -> IPeer:
        """The session that is open, or a new one; closing it only says that one is done with it."""
        where = node_id, address
        kept = self._kept.get(where) or await self._opening.answer(where)
        return _Share(kept, partial(self._leave, where))

    def stop(self) -> None:
        """Leave all sessions."""
        self._is_stopped = True
        for where, kept in list(self._kept.items()):
            self._leave(where, kept)

    async def _open(self, where: Where) -> _Kept:
        kept = _Kept(await self._peers.connect(*where, carries_streams=True))
        kept.leaving = self._clock.callLater(SESSION_SECONDS_MAX, self._leave, where, kept)
        self._kept[where] = kept
        if self._is_stopped:
            self._leave(where, kept)
        return kept

    def _leave(self, where: Where, kept: _Kept) -> None:
        """Give this session to nobody any more."""
        if self._kept.get(where) is kept:
            del self._kept[where]
        kept.leave()


@dataclass(eq=False)
class _Kept:
    """A session, by how many it is used now, and whether nobody else will."""

    peer: IPeer
    users: int = 0
    is_left: bool = False
    leaving: IDelayedCall | None = field(default=None)

    def leave(self) -> None:
        if self.leaving is not None and self.leaving.active():
            self.leaving.cancel()
        self.is_left = True
        self.close_if_done()

    def close_if_done(self) -> None:
        if self.is_left and self.users == 0:
            self.peer.close()


@implementer(IPeer)
class _Share:
    """A session as one of its users has it; `leave` is called once it has failed."""

    def __init__(self, kept: _Kept, leave: Callable[[_Kept], None]) -> None:
        self._kept = kept
        self._leave = leave
        self._is_open = True
        kept.users += 1

    async def ask(self, request: PeerRequest[A]) -> A:
        try:
            return await self._kept.peer.ask(request)
        except PeerUnreachable:
            self._leave(self._kept)
            raise

    async def receive(
        self, dataset_id: DatasetId, epoch: int, base_guid: str | None, resumes: bool = False
    ) -> IReceiving:
        try:
            return await self._kept.peer.receive(dataset_id, epoch, base_guid, resumes)
        except PeerUnreachable:
            self._leave(self._kept)
            raise

    def close(self) -> None:
        if self._is_open:
            self._is_open = False
            self._kept.users -= 1
            self._kept.close_if_done()
