"""The interface to what a node has written down of the copies of datasets."""

from __future__ import annotations

from collections.abc import Awaitable, Collection, Mapping

from pyrsistent import PMap
from zope.interface import Attribute, Interface

from flocker_lite.model.records import DatasetId
from flocker_lite.model.replication import StandbyBase
from flocker_lite.model.snapshot_sets import SnapshotSet


class ICopyNotes(Interface):
    """The notes of one node, as a standby and as a primary; each write is durable.

    Writes raise ConfigurationFileError if nothing can be written.
    """

    sets: PMap[DatasetId, SnapshotSet] = Attribute("The newest set that is complete here.")
    bases: PMap[str, StandbyBase] = Attribute("What its standbys have, by `replication_key`.")

    def note_set(complete: SnapshotSet, present: Collection[DatasetId]) -> Awaitable[None]:
        """The set is complete: it replaces the last one of each of its datasets.

        Sets of datasets that are not `present` are forgotten.
        """

    def note_bases(
        bases: Mapping[str, StandbyBase], present: Collection[DatasetId]
    ) -> Awaitable[None]:
        """Standbys have these now.

        What is known of datasets that are not `present` is forgotten.
        """
