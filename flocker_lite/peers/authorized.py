"""Checks each request against the policy for the peer that sent it, before the service sees it."""

from __future__ import annotations

from collections.abc import Awaitable, Container, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, Protocol

from pyrsistent import PMap
from twisted.logger import Logger
from zope.interface import implementer

from flocker_lite.convergence.belonging import move_id_of
from flocker_lite.interfaces import IPeerService
from flocker_lite.interfaces.peer_requests import Receive
from flocker_lite.interfaces.request import PeerRequest
from flocker_lite.logs.bound_fields import MOVE, bound
from flocker_lite.model.records import DatasetId, NodeId
from flocker_lite.model.state import LastSender, NodeView
from flocker_lite.peers.policy import PeerPolicy
from flocker_lite.planner.groups import Local
from flocker_lite.planner.resources import ContainerResource, DatasetResource, Resource

_log = Logger()
_DATASETS, _CONTAINERS = ("dataset_id", "coordinator"), ("name", "container")


class AgentKnowledge(Protocol):
    """What the agent is told and has discovered; see `Loop`."""

    @property
    def view(self) -> NodeView | None: ...  # pragma: no cover

    @property
    def local(self) -> Local: ...  # pragma: no cover


class LastSenders(Protocol):
    """Which node sent this node's copy of each dataset; see `LastSendersFile`."""

    @property
    def remembered(self) -> PMap[DatasetId, LastSender]: ...  # pragma: no cover

    def note(
        self, dataset_id: DatasetId, sender: LastSender, present: Container[DatasetId]
    ) -> Awaitable[None]: ...  # pragma: no cover


@implementer(IPeerService)
@dataclass(frozen=True)
class AuthorizedPeerService:
    """The service of node `me` for one peer, which asks `PeerPolicy` at each request.

    A refused request has no effect: the service never even looked at the copy here.
    """

    me: NodeId
    peer: NodeId
    service: IPeerService
    knowledge: AgentKnowledge
    last_senders: LastSenders

    async def answer(self, request: PeerRequest[Any]) -> Any:
        request.require(self._policy())
        with self._lines_about(*_resources_of(request)):
            answer = await self.service.answer(request)
        if isinstance(request, Receive):
            await self._note_sender(request.dataset_id, LastSender(self.peer, request.epoch))
        return answer

    async def receive(self, dataset_id: DatasetId, epoch: int, fd: int) -> None:
        """Receive a stream; the policy was asked before, when the peer sent `Receive`."""
        with self._lines_about(DatasetResource(dataset_id)):
            try:
                await self.service.receive(dataset_id, epoch, fd)
            except Exception as error:
                _log.warn(
                    "a stream of {dataset_id} was not received: {reason}",
                    dataset_id=dataset_id,
                    reason=str(error) or repr(error),
                )
                raise

    @contextmanager
    def _lines_about(self, *resources: Resource) -> Iterator[None]:
        """The lines of the block have the id of the move that these are a part of."""
        with bound({MOVE: move_id_of(self.knowledge.view, resources)}):
            yield

    async def _note_sender(self, dataset_id: DatasetId, sender: LastSender) -> None:
        if self.last_senders.remembered.get(dataset_id) != sender:
            view, present = self.knowledge.view, set(self.knowledge.local.datasets)
            present |= set(view.datasets) if view is not None else set()
            await self.last_senders.note(dataset_id, sender, present)

    def _policy(self) -> PeerPolicy:
        knowledge, remembered = self.knowledge, self.last_senders.remembered
        return PeerPolicy(
            self.me, self.peer, knowledge.view, knowledge.local.containers, remembered
        )


def _resources_of(request: PeerRequest[Any]) -> list[Resource]:
    """What the request is about, by the names of its fields."""
    datasets = (getattr(request, name, None) for name in _DATASETS)
    names = (getattr(request, name, None) for name in _CONTAINERS)
    return [
        *(DatasetResource(each) for each in datasets if each is not None),
        *(ContainerResource(each) for each in names if each is not None),
    ]
