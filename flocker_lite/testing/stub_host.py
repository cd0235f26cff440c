"""A stub of the agent for `PeerService`; it answers everything at once."""

from __future__ import annotations

from dataclasses import dataclass, field

from twisted.internet.defer import Deferred, succeed

from flocker_lite.model.exact_images import ExactImage
from flocker_lite.model.records import DatasetId


@dataclass
class StubHost:
    """Records the datasets that changed; `tried` raises `trial` if it is set."""

    changed: list[DatasetId] = field(default_factory=list)
    trial: Exception | None = None

    def dataset_changed(self, dataset_id: DatasetId) -> None:
        self.changed.append(dataset_id)

    def copy_set_aside(self, dataset_id: DatasetId) -> None:
        self.changed.append(dataset_id)

    async def prepared(
        self, name: str, image: ExactImage | None = None, has_ended: bool = False
    ) -> None:
        """Return at once."""

    async def serving(self, name: str) -> None:
        """Return at once."""

    async def tried(self, name: str) -> None:
        if self.trial is not None:
            raise self.trial

    def next_step(self) -> Deferred[None]:
        return succeed(None)
