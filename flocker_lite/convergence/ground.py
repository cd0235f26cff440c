"""Whether containers have the data that they should: a mount may die, or be covered."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

from pyrsistent import PMap, pmap

from flocker_lite.convergence import restarts
from flocker_lite.convergence.changes import container_resource
from flocker_lite.convergence.groups import Local
from flocker_lite.interfaces import IStorage
from flocker_lite.model.records import DatasetId
from flocker_lite.model.state import LocalContainer, LocalDataset, Place


class Ground:
    """What the storage of one node says of that.

    `busy` are the resources that are worked on, `again` has everything looked at once more, a
    little later.
    """

    def __init__(
        self, storage: IStorage, busy: Callable[[], set[str]], again: Callable[[], None]
    ) -> None:
        self._storage = storage
        self._busy = busy
        self._again = again
        self._suspects: frozenset[tuple[str, str]] = frozenset()
        self._bereft: dict[str, float] = {}

    async def without_zfs(self, local: Local) -> Local:
        """What was known, with what there is now where it is mounted."""
        places = await self._storage.places() if local.datasets else {}
        datasets = pmap(
            {
                dataset_id: copy.at(places.get(dataset_id, Place(warning=copy.warning)))
                for dataset_id, copy in local.datasets.items()
            }
        )
        blind = await self.blind(datasets, local.containers)
        return replace(local, datasets=datasets, blind=blind)

    async def blind(
        self, datasets: PMap[DatasetId, LocalDataset], containers: PMap[str, LocalContainer]
    ) -> frozenset[str]:
        """The names of those that run without what is mounted here now.

        `containers` were looked at before: who was let go then had its data by then. It takes two
        looks: one may meet a container that is just being restarted.
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
            if container_resource(local.container.name) not in busy
            and local.instance in seen
            and any(
                volume.dataset_id in datasets and volume.dataset_id not in seen[local.instance]
                for volume in local.container.volumes
            )
        )
        if not self._suspects <= before:
            self._again()
        return frozenset(name for name, _ in self._suspects & before)

    async def ended(
        self,
        before: PMap[DatasetId, LocalDataset],
        containers: PMap[str, LocalContainer],
        endings: restarts.Endings,
    ) -> list[str]:
        """The names of those that ended because their data went away: not by themselves.

        `before` is how the datasets were when they still ran.
        """
        ended = {
            name: local
            for name, local in containers.items()
            if local.end is not None
            and local.container.volumes
            and not restarts.has_ended(endings.get(name), local)
        }
        self._bereft = {
            name: finished_at
            for name, finished_at in self._bereft.items()
            if name in ended and _finished_at(ended[name]) == finished_at
        }
        if ended.keys() - self._bereft.keys():
            places = await self._storage.places()
            lost = {
                dataset_id
                for dataset_id, copy in before.items()
                if copy.mounted or copy.is_dead or copy.obstacle is not None
                if not places.get(dataset_id, Place()).is_mounted
            }
            for name, local in ended.items():
                if any(volume.dataset_id in lost for volume in local.container.volumes):
                    self._bereft[name] = _finished_at(local)
        return list(self._bereft)


def _finished_at(local: LocalContainer) -> float:
    return local.end.finished_at if local.end is not None else 0.0
