"""What an edit did to an application, of the configurations before and after it; pure."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace

from flocker_lite.applications import membership
from flocker_lite.model.dataset_names import NAME
from flocker_lite.model.fields import rows
from flocker_lite.model.records import Configuration, Container, Dataset, DatasetId, NodeId

CREATED, CHANGED, MOVED, REMOVED, UNCHANGED = "created", "changed", "moved", "removed", "unchanged"
REPLICATED, USED, STAYS = "replicated", "used", "stays"


@dataclass(frozen=True, slots=True)
class ContainerChange:
    """What becomes of a container: one of CREATED, MOVED, CHANGED, REMOVED and UNCHANGED.

    One that is `source` MOVED comes from there. The `fields` are those that change besides.
    """

    container: Container
    action: str
    source: NodeId | None = None
    fields: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class DatasetChange:
    """What becomes of a dataset: it is CREATED or USED, or it STAYS without a container.

    One that was there before and has other standbys now is REPLICATED.
    """

    dataset: Dataset
    action: str

    @property
    def name(self) -> str | None:
        """The name in its metadata."""
        return self.dataset.metadata.get(NAME)


def containers(
    before: Configuration, after: Configuration, name: str
) -> tuple[ContainerChange, ...]:
    """What becomes of each container of an application, in order of their names."""
    old, new = _by_name(before, name), _by_name(after, name)
    return tuple(
        _container(old.get(each), new.get(each)) for each in sorted(old.keys() | new.keys())
    )


def datasets(before: Configuration, after: Configuration, name: str) -> tuple[DatasetChange, ...]:
    """What becomes of the datasets that an application has or had, in order of their names."""
    used = _used(after, name)
    ids = used | _used(before, name)
    ids |= {dataset.dataset_id for dataset in membership.owned(after, name)}
    found = [
        _dataset(before.datasets.get(dataset_id), after.datasets[dataset_id], dataset_id in used)
        for dataset_id in ids
        if dataset_id in after.datasets
    ]
    return tuple(sorted(found, key=lambda each: (each.name or "", each.dataset.dataset_id)))


def _dataset(old: Dataset | None, new: Dataset, is_used: bool) -> DatasetChange:
    if old is None:
        return DatasetChange(new, CREATED)
    if not is_used:
        return DatasetChange(new, STAYS)
    return DatasetChange(new, USED if old.replicas == new.replicas else REPLICATED)


def _by_name(configuration: Configuration, name: str) -> Mapping[str, Container]:
    return {each.name: each for each in membership.everyone(configuration, name)}


def _used(configuration: Configuration, name: str) -> set[DatasetId]:
    found = membership.everyone(configuration, name)
    return {volume.dataset_id for container in found for volume in container.volumes}


def _container(old: Container | None, new: Container | None) -> ContainerChange:
    if old is None:
        assert new is not None
        return ContainerChange(new, CREATED)
    if new is None:
        return ContainerChange(old, REMOVED)
    fields = tuple(
        row.name
        for row in rows(Container)
        if row.about.request is not None
        and not row.about.is_node
        and getattr(old, row.attribute) != getattr(new, row.attribute)
    )
    if old.node != new.node:
        return ContainerChange(new, MOVED, old.node, fields)
    unlike = old != replace(new, ended=old.ended)
    return ContainerChange(new, CHANGED if fields or unlike else UNCHANGED, None, fields)
