"""Whether containers see the data that they should: a mount may die, or be covered."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

from pyrsistent import PMap, pmap

from flocker_lite.interfaces import IStorage
from flocker_lite.model.records import DatasetId
from flocker_lite.model.state import LocalContainer, LocalDataset, MountStatus
from flocker_lite.planner import restart_policy
from flocker_lite.planner.groups import Local
from flocker_lite.planner.resources import ContainerResource, Resource


class MountHealth:
    """Compares the mounts of containers with the mounts of the node.

    `busy` returns the resources that changes work on; `again` asks for a discovery a little later.
    """

    def __init__(
        self, storage: IStorage, busy: Callable[[], set[Resource]], again: Callable[[], None]
    ) -> None:
        self._storage = storage
        self._busy = busy
        self._again = again
        self._suspects: frozenset[tuple[str, str]] = frozenset()
        self._lost_their_data: dict[str, float] = {}

    async def without_zfs(self, local: Local) -> Local:
        """The last discovery, with the present state of the mounts."""
        statuses = await self._storage.mount_statuses() if local.datasets else {}
        datasets = pmap(
            {
                dataset_id: copy.at(statuses.get(dataset_id, MountStatus(warning=copy.warning)))
                for dataset_id, copy in local.datasets.items()
            }
        )
        with_stale_mounts = await self.containers_with_stale_mounts(datasets, local.containers)
        return replace(local, datasets=datasets, with_stale_mounts=with_stale_mounts)

    async def containers_with_stale_mounts(
        self, datasets: PMap[DatasetId, LocalDataset], containers: PMap[str, LocalContainer]
    ) -> frozenset[str]:
        """The names of the running containers that do not see the present mounts of their datasets.

        `containers` must have been inspected before this call: a container that was running then
        has its mounts by now. Only a container that two looks in a row find is named, because one
        look may meet a container that is just being restarted.
        """
        busy = self._busy()
        with_data = [
            local for local in containers.values() if local.running and local.container.volumes
        ]
        seen = await self._storage.seen() if with_data else {}
        busy |= self._busy()
        before = self._suspects
        self._suspects = frozenset(
            (local.container.name, local.instance)
            for local in with_data
            if ContainerResource(local.container.name) not in busy
            and local.instance in seen
            and any(
                volume.dataset_id in datasets and volume.dataset_id not in seen[local.instance]
                for volume in local.container.volumes
            )
        )
        if not self._suspects <= before:
            self._again()
        return frozenset(name for name, _ in self._suspects & before)

    async def ended_without_data(
        self,
        before: PMap[DatasetId, LocalDataset],
        containers: PMap[str, LocalContainer],
        histories: restart_policy.RestartHistories,
    ) -> list[str]:
        """The names of the containers that ended because their data disappeared, not by themselves.

        `before` are the datasets as of the last discovery, when these containers still ran.
        """
        ended = {
            name: local
            for name, local in containers.items()
            if local.last_exit is not None
            and local.container.volumes
            and not restart_policy.has_ended(histories.get(name), local)
        }
        self._lost_their_data = {
            name: finished_at
            for name, finished_at in self._lost_their_data.items()
            if name in ended and _finished_at(ended[name]) == finished_at
        }
        if ended.keys() - self._lost_their_data.keys():
            statuses = await self._storage.mount_statuses()
            lost = {
                dataset_id
                for dataset_id, copy in before.items()
                if copy.mounted or copy.is_dead or copy.obstacle is not None
                if not statuses.get(dataset_id, MountStatus()).is_mounted
            }
            for name, local in ended.items():
                if any(volume.dataset_id in lost for volume in local.container.volumes):
                    self._lost_their_data[name] = _finished_at(local)
        return list(self._lost_their_data)


def _finished_at(local: LocalContainer) -> float:
    return local.last_exit.finished_at if local.last_exit is not None else 0.0
