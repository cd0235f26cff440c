"""The interface to what a node has written down of the volumes of its Docker."""

from __future__ import annotations

from collections.abc import Awaitable, Collection, Mapping

from pyrsistent import PMap
from zope.interface import Attribute, Interface

from flocker_lite.model.records import DatasetId
from flocker_lite.model.volumes import KnownVolume


class IVolumeRecords(Interface):
    """The records of one node, which outlive reboots; ConfigurationFileError if a write fails."""

    known: PMap[str, KnownVolume] = Attribute("The volumes, by the names that Docker has for them.")
    stopped: PMap[DatasetId, tuple[str, ...]] = Attribute(
        "The ids of Docker's containers that a move has stopped for a dataset."
    )

    awaited: Mapping[DatasetId, Mapping[str, Collection[str] | None]] = Attribute(
        "The awaited mounts of this boot, each with the runs that had the dataset before."
    )

    def note_awaited(
        awaited: Mapping[DatasetId, Mapping[str, Collection[str] | None]],
    ) -> None:
        """Replace the awaited mounts at once; they outlive the agent, and not the machine."""

    def write(volume: KnownVolume) -> Awaitable[None]:
        """Replace what is known of the volume of that name."""

    def forget(name: str) -> Awaitable[None]:
        """Remove the volume of that name. Idempotent."""

    def note_stopped(dataset_id: DatasetId, instances: tuple[str, ...]) -> Awaitable[None]:
        """Replace the containers that were stopped for a dataset; none removes them."""
