"""Who asks, before what is asked: each peer's own gate, which lets it do what is its business."""

from __future__ import annotations

from collections.abc import Awaitable, Container
from dataclasses import dataclass
from typing import Protocol

from pyrsistent import PMap
from zope.interface import implementer

from flocker_lite.agent.authority import Authority
from flocker_lite.convergence.groups import Local
from flocker_lite.interfaces import IGate, Lent, PeerCopy, Released
from flocker_lite.model.exact_images import ExactImage
from flocker_lite.model.grants import Signed
from flocker_lite.model.properties import Properties
from flocker_lite.model.records import DatasetId, NodeId
from flocker_lite.model.state import NodeView, Origin


class Sight(Protocol):
    """What the agent is told and sees; `Loop` has it."""

    view: NodeView | None
    local: Local


class Origins(Protocol):
    """Which node sent what is here of each dataset; see `OriginsFile`."""

    @property
    def remembered(self) -> PMap[DatasetId, Origin]: ...  # pragma: no cover

    def note(
        self, dataset_id: DatasetId, origin: Origin, present: Container[DatasetId]
    ) -> Awaitable[None]: ...  # pragma: no cover


@implementer(IGate)
@dataclass(frozen=True)
class Guard:
    """The gate of node `me` for one peer, by what `agent.authority` says at each request.

    What is refused has had no effect: the gate has not even looked at the copy here.
    """

    me: NodeId
    peer: NodeId
    gate: IGate
    sight: Sight
    origins: Origins

    async def copy(self, dataset_id: DatasetId) -> PeerCopy:
        self._authority.require_known(dataset_id)
        return await self.gate.copy(dataset_id)

    async def may_receive(
        self, dataset_id: DatasetId, epoch: int, base_guid: str | None, resumes: bool = False
    ) -> None:
        self._authority.require_announced(dataset_id, epoch)
        await self.gate.may_receive(dataset_id, epoch, base_guid, resumes)
        origin = Origin(self.peer, epoch)
        if self.origins.remembered.get(dataset_id) != origin:
            view, present = self.sight.view, set(self.sight.local.datasets)
            present |= set(view.datasets) if view is not None else set()
            await self.origins.note(dataset_id, origin, present)

    async def receive(self, dataset_id: DatasetId, epoch: int, fd: int) -> None:
        """The peer was told that it may: see `may_receive`."""
        await self.gate.receive(dataset_id, epoch, fd)

    async def prepared(
        self, name: str, image: ExactImage | None = None, has_ended: bool = False
    ) -> None:
        self._authority.require_a_volume(name)
        await self.gate.prepared(name, image, has_ended)

    async def set_aside(self, dataset_id: DatasetId, base_guid: str | None = None) -> None:
        self._authority.require_announced(dataset_id)
        await self.gate.set_aside(dataset_id, base_guid)

    async def prune(self, dataset_id: DatasetId, keep_guids: frozenset[str]) -> None:
        self._authority.require_known(dataset_id)
        await self.gate.prune(dataset_id, keep_guids)

    async def set_properties(
        self, dataset_id: DatasetId, properties: Properties
    ) -> tuple[str, ...]:
        self._authority.require_announced(dataset_id)
        return await self.gate.set_properties(dataset_id, properties)

    async def acquire(
        self, dataset_id: DatasetId, epoch: int, guid: str, proof: tuple[Signed, ...] = ()
    ) -> None:
        self._authority.require_epoch(dataset_id, epoch)
        await self.gate.acquire(dataset_id, epoch, guid, proof)

    async def acquire_group(self, coordinator: DatasetId, items: tuple[Released, ...]) -> None:
        authority = self._authority
        for item in items:
            authority.require_epoch(item.dataset_id, item.epoch)
        await self.gate.acquire_group(coordinator, items)

    async def offer_loan(
        self, container: str, dataset_ids: tuple[DatasetId, ...], seconds: float
    ) -> None:
        self._authority.require_container(container, dataset_ids)
        await self.gate.offer_loan(container, dataset_ids, seconds)

    async def lend(self, container: str, lent: tuple[Lent, ...]) -> None:
        authority = self._authority
        authority.require_container(container, {item.dataset_id for item in lent})
        for item in lent:
            authority.require_epoch(item.dataset_id, item.epoch)
        await self.gate.lend(container, lent)

    async def recall(self, dataset_ids: tuple[DatasetId, ...]) -> None:
        for dataset_id in dataset_ids:
            self._authority.require_known(dataset_id)
        await self.gate.recall(dataset_ids)

    async def serving(self, name: str) -> None:
        self._authority.require_a_volume(name)
        await self.gate.serving(name)

    @property
    def _authority(self) -> Authority:
        sight = self.sight
        return Authority(
            self.me, self.peer, sight.view, sight.local.containers, self.origins.remembered
        )
