"""The volumes of this node's Docker: what the driver sees of the node, and what it keeps up."""

from __future__ import annotations

from collections.abc import Coroutine, Mapping
from dataclasses import replace
from typing import Any, Protocol

from twisted.application.service import Service
from twisted.internet.defer import CancelledError, Deferred
from twisted.internet.task import LoopingCall, deferLater
from twisted.logger import Logger
from twisted.python.failure import Failure

from flocker_lite.convergence.context import AgentContext
from flocker_lite.convergence.loop import Loop
from flocker_lite.convergence.volume_gate import is_fenced, why_barred
from flocker_lite.convergence.volume_users import end_users, runs_of, start_stopped
from flocker_lite.errors import FlockerError, LeaseError
from flocker_lite.model.container_fields.failover import AUTOMATIC
from flocker_lite.model.fencing.names import volume_of, volume_unit
from flocker_lite.model.lease import Role
from flocker_lite.model.records import DatasetId
from flocker_lite.model.volumes import DESCRIBE, VolumeRequest, VolumeStatus
from flocker_lite.protocol.link import Link
from flocker_lite.protocol.volumes import ControlAway, ask
from flocker_lite.volumes.decisions import Facts
from flocker_lite.volumes.errors import VolumeError

REFRESH_SECONDS = 15.0
"""How old what is shown of a volume may be, while the control service answers."""

CONNECTED_SECONDS_MAX = 10.0
CONNECTED_LOOK_SECONDS = 0.25

KEEP_SECONDS = 2.0
"""How often we look whether a container that a move stopped is to be started again."""


class HasLoop(Protocol):
    """The agent, as its volumes see it."""

    loop: Loop
    control: Link | None
    is_connected: bool

    def next_step(self) -> Deferred[None]: ...  # pragma: no cover


class AgentVolumes(Service):
    """The node of the volume driver (`volumes.driver.INode`)."""

    _log = Logger()

    def __init__(self, agent: HasLoop, context: AgentContext) -> None:
        self._agent = agent
        self._context = context
        self._records = context.volume_records
        self._statuses: dict[DatasetId, VolumeStatus] = {}
        self._at_work: set[DatasetId] = set()
        self._unfenced: frozenset[DatasetId] = frozenset()
        self._calls = [
            (LoopingCall(self._refresh), REFRESH_SECONDS),
            (LoopingCall(self._keep), KEEP_SECONDS),
        ]
        for call, _ in self._calls:
            call.clock = context.clock

    def startService(self) -> None:
        super().startService()
        for call, seconds in self._calls:
            call.start(seconds).addErrback(self._broken)

    def stopService(self) -> None:
        for call, _ in self._calls:
            if call.running:
                call.stop()
        super().stopService()

    def path(self, dataset_id: DatasetId) -> str:
        return self._context.storage.path(dataset_id)

    async def facts(self, dataset_id: DatasetId, status: VolumeStatus | None) -> Facts:
        context = self._context
        try:
            copy = await context.storage.look(dataset_id)
        except LeaseError as error:
            raise VolumeError(str(error)) from None
        return Facts(
            context.node_id,
            copy,
            context.desired.dataset(dataset_id),
            context.desired.view is not None or self._agent.loop.is_forgotten,
            status,
            context.awaited_mounts.is_leaving(dataset_id),
            context.awaited_mounts.is_returning(dataset_id),
            self._container_with(dataset_id),
            self._why_barred(dataset_id),
        )

    def _why_barred(self, dataset_id: DatasetId) -> str | None:
        """Why no fence would end in time what uses it, though its volume has a failover."""
        context, known = self._context, self._statuses.get(dataset_id)
        has_failover = known is not None and known.failover is not None
        is_told = context.desired.view is not None
        if has_failover and is_told and not is_fenced(context, dataset_id):
            return "this node is about to be told of its fencing deadline"
        return why_barred(context, dataset_id)

    async def mount(self, dataset_id: DatasetId, mount_id: str) -> None:
        context = self._context
        await context.storage.mount(dataset_id)
        runs = await runs_of(context, dataset_id)
        if (why := why_barred(context, dataset_id)) is not None:
            if not context.renewals.armed.get(volume_unit(dataset_id), False):
                # The deadline passed before it was mounted, so the fence does not unmount it.
                await context.storage.unmount(dataset_id)
            raise VolumeError(f"the volume is not mounted: {why}")
        context.awaited_mounts.answering(dataset_id, mount_id, runs)
        known = self._statuses.get(dataset_id)
        if known is not None and known.owner != context.node_id:
            self._statuses[dataset_id] = replace(
                known,
                owner=context.node_id,
                node=context.address,
                taken_at=None,
                moves_to=None,
                error=None,
                standbys=(),
            )

    async def ask(self, request: VolumeRequest) -> tuple[VolumeStatus, ...]:
        link = await self._connected()
        answer = await ask(link, self._context.clock, request)
        self._statuses.update({each.dataset_id: each for each in answer.statuses})
        return answer.statuses

    async def _connected(self) -> Link:
        """The link to the control service; an agent that has just started is about to have it."""
        clock = self._context.clock
        ends = clock.seconds() + CONNECTED_SECONDS_MAX
        while self._agent.control is None or not self._agent.is_connected:
            if clock.seconds() >= ends:
                raise ControlAway("the control service is away: try again when it is back")
            await deferLater(clock, CONNECTED_LOOK_SECONDS)
        return self._agent.control

    def changed(self, seconds_max: float) -> Deferred[Any]:
        step = self._agent.next_step()
        return step.addTimeout(seconds_max, self._context.clock, lambda _, __: None)

    def expect(self, dataset_id: DatasetId, mount_id: str) -> None:
        self._context.awaited_mounts.expect(dataset_id, mount_id)

    def drop(self, dataset_id: DatasetId, mount_id: str) -> None:
        self._context.awaited_mounts.forget(dataset_id, mount_id)

    def is_mounted(self, dataset_id: DatasetId) -> bool:
        local = self._agent.loop.local.datasets.get(dataset_id)
        return local is not None and local.mounted

    def remembered(self, dataset_id: DatasetId) -> Mapping[str, Any]:
        told: dict[str, Any] = {}
        status = self._statuses.get(dataset_id)
        if status is not None:
            told["node"] = status.node
            if status.standbys:
                told["standbys"] = list(status.standbys)
            if status.taken_at is not None:
                told["lag_seconds"] = round(self._context.clock.seconds() - status.taken_at, 1)
            if status.failover is not None:
                told["failover"] = f"{AUTOMATIC}, after {status.failover.after_seconds} s"
                why = self._why_barred(dataset_id)
                if status.owner == self._context.node_id and why is not None:
                    told["waits"] = why
            if status.maximum_size is not None:
                told["maximum_size"] = status.maximum_size
            if status.moves_to is not None:
                done = f", {status.percent} %" if status.percent is not None else ""
                told["moves"] = f"to {status.moves_to}{done}"
            if status.error is not None:
                told["error"] = status.error
        return told

    def _container_with(self, dataset_id: DatasetId) -> str | None:
        """The container of flocker_lite's that has the dataset on this node."""
        view, local = self._agent.loop.view, self._agent.loop.local
        desired = view.containers.values() if view is not None else ()
        here = (each.container for each in local.containers.values())
        for container in (*desired, *here):
            if any(volume.dataset_id == dataset_id for volume in container.volumes):
                return container.name
        return None

    async def _refresh(self) -> None:
        """Ask anew what is shown of the volumes; what was remembered stays when nobody answers."""
        ids = tuple(sorted({each.dataset_id for each in self._records.known.values()}))
        if not ids or not self._agent.is_connected:
            return
        try:
            await self.ask(VolumeRequest(DESCRIBE, dataset_ids=ids))
        except FlockerError as error:
            self._log.debug("cannot ask about volumes: {why}", why=error)

    async def _keep(self) -> None:
        """Start again what a move had stopped before it failed, and keep the fence informed."""
        for dataset_id in sorted(set(self._records.stopped) - self._at_work):
            copy = self._agent.loop.local.datasets.get(dataset_id)
            if self._context.awaited_mounts.is_leaving(dataset_id) or copy is None:
                continue
            if copy.lease is None or copy.lease.role is not Role.PRIMARY:
                continue
            self._work(dataset_id, start_stopped(self._context, dataset_id))
        unfenced = frozenset(filter(None, map(volume_of, self._context.renewals.to_stop)))
        # The fence itself may be about to end them: it takes a moment.
        for dataset_id in sorted((unfenced & self._unfenced) - self._at_work):
            self._work(dataset_id, end_users(self._context, dataset_id))
        self._unfenced = unfenced
        await self._fence_users()

    async def _fence_users(self) -> None:
        """Have the fence know the containers that use volumes with a failover.

        It would end them at the deadline all the same; so it knows how many processes that are.
        """
        view, context = self._agent.loop.view, self._context
        for name in view.fencings if view is not None else ():
            dataset_id = volume_of(name)
            if dataset_id is None or not self.is_mounted(dataset_id):
                continue
            try:
                for holder in await context.storage.holders(dataset_id):
                    if holder.container is not None:
                        await context.renewals.fence_instance(name, holder.container)
            except FlockerError as error:
                self._log.debug(
                    "cannot have the fence know who uses {name}: {why}", name=name, why=error
                )

    def _work(self, dataset_id: DatasetId, work: Coroutine[Any, Any, None]) -> None:
        """Have this go on by itself; there is one such work for a dataset at a time."""
        self._at_work.add(dataset_id)
        working = Deferred.fromCoroutine(work)
        working.addErrback(self._failed, dataset_id)
        working.addCallback(lambda _: self._at_work.discard(dataset_id))

    def _failed(self, failure: Failure, dataset_id: DatasetId) -> None:
        if failure.check(CancelledError):
            return
        if not failure.check(FlockerError):
            self._log.failure("work on the volume of {id} failed", failure, id=dataset_id)
            return
        self._log.warn("the volume of dataset {id}: {why}", id=dataset_id, why=failure.value)

    def _broken(self, failure: Failure) -> None:
        self._log.failure("the volumes of Docker are kept up no more", failure)
