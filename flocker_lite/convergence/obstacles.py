"""Who stands in the way of a dataset's unmount, or of a start on it: looked for, and named."""

from __future__ import annotations

from collections.abc import Iterable

from twisted.logger import Logger

from flocker_lite.errors import FlockerError, InUse
from flocker_lite.interfaces import IContainers, IStorage
from flocker_lite.model.records import DatasetId
from flocker_lite.model.state import Holder

NAMED_MAX = 4
"""More of them are counted: an error is to be read."""

CONTAINER_ID_CHARACTERS = 12

_log = Logger()


async def require_unmountable(
    storage: IStorage,
    containers: IContainers,
    container: str | None,
    dataset_ids: Iterable[DatasetId],
) -> None:
    """InUse when somebody else than the container keeps one of these from being unmounted."""
    own = await _instance(containers, container)
    for dataset_id in dataset_ids:
        found = await storage.holders(dataset_id)
        holding = [each for each in found if each.holds and not _is_of(each, own)]
        if holding:
            raise InUse(
                f"dataset {dataset_id} is in use on this node, so that it cannot be unmounted: "
                f"{await named(containers, holding)}. It is moved once that has ended; nothing was "
                "stopped for it"
            )


async def require_no_writer(
    storage: IStorage,
    containers: IContainers,
    container: str,
    instance: str,
    dataset_ids: Iterable[DatasetId],
) -> None:
    """InUse when somebody else than the container may write to one of these; readers are logged.

    `instance` is what waits to be let go as that container, "" when nothing does.
    """
    for dataset_id in dataset_ids:
        found = await storage.holders(dataset_id)
        others = [each for each in found if not _is_of(each, instance)]
        writers = [each for each in others if each.writes]
        if writers:
            raise InUse(
                f"container {container} is not started, for somebody else may write to its "
                f"dataset {dataset_id}: {await named(containers, writers)}. It is started once "
                "that has ended"
            )
        if others:
            _log.info(
                "{name} starts, though others have its dataset {dataset} in use: {who}",
                name=container,
                dataset=dataset_id,
                who=await named(containers, others),
            )


async def named(containers: IContainers, holders: Iterable[Holder]) -> str:
    """Who they are, in words; containers by the names that Docker has for them."""
    all_of_them = list(holders)
    words = [await _words(containers, holder) for holder in all_of_them[:NAMED_MAX]]
    more = len(all_of_them) - len(words)
    return "; ".join([*words, *([f"{more} more"] if more else [])])


async def _words(containers: IContainers, holder: Holder) -> str:
    if holder.container is None:
        return str(holder)
    try:
        name = await containers.called(holder.container)
    except FlockerError:
        name = None
    return f"container {name or holder.container[:CONTAINER_ID_CHARACTERS]}: {holder}"


async def _instance(containers: IContainers, container: str | None) -> str | None:
    local = await containers.look(container) if container is not None else None
    return local.instance if local is not None else None


def _is_of(holder: Holder, instance: str | None) -> bool:
    return holder.container is not None and holder.container == instance
