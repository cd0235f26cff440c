"""Which processes stand in the way of an unmount or of a start, and what errors call them."""

from __future__ import annotations

from collections.abc import Iterable

from twisted.logger import Logger

from flocker_lite.errors import FlockerError, InUse
from flocker_lite.interfaces import IContainers, IStorage
from flocker_lite.model.records import DatasetId
from flocker_lite.model.state import Holder

NAMED_MAX = 4
"""An error names this many processes and counts the others, so that it stays readable."""

CONTAINER_ID_CHARACTERS = 12

_log = Logger()


async def require_unmountable(
    storage: IStorage,
    containers: IContainers,
    container: str | None,
    dataset_ids: Iterable[DatasetId],
) -> None:
    """InUse when a process outside the container keeps one of these from being unmounted."""
    own = await _instance(containers, container)
    for dataset_id in dataset_ids:
        found = await storage.holders(dataset_id)
        holding = [each for each in found if each.holds and not _is_of(each, own)]
        if holding:
            raise InUse(
                f"dataset {dataset_id} cannot be unmounted on this node, because it is in use: "
                f"{await named(containers, holding)}. It is moved once that use has ended; until "
                "then its container keeps running"
            )


async def require_no_writer(
    storage: IStorage,
    containers: IContainers,
    container: str,
    instance: str,
    dataset_ids: Iterable[DatasetId],
) -> None:
    """InUse when a process outside the container may write to one of these; readers are logged.

    `instance` is the prestarted instance of the container, "" when there is none.
    """
    for dataset_id in dataset_ids:
        found = await storage.holders(dataset_id)
        others = [each for each in found if not _is_of(each, instance)]
        writers = [each for each in others if each.writes]
        if writers:
            raise InUse(
                f"container {container} is not started, because another process may write to its "
                f"dataset {dataset_id}: {await named(containers, writers)}. It is started once "
                "that process has ended"
            )
        if others:
            _log.info(
                "{name} starts although others read its dataset {dataset}: {who}",
                name=container,
                dataset=dataset_id,
                who=await named(containers, others),
            )


async def named(containers: IContainers, holders: Iterable[Holder]) -> str:
    """The holders in words, containers by their names in Docker."""
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
