"""What answers peers' requests with: the agent, as `PeerService` sees it."""

from __future__ import annotations

from collections.abc import Awaitable
from typing import Protocol

from flocker_lite.model.exact_images import ExactImage
from flocker_lite.model.records import DatasetId


class Host(Protocol):
    """What the service needs from its agent."""

    def dataset_changed(self, dataset_id: DatasetId) -> None:
        """The service changed the lease of a copy."""

    def copy_set_aside(self, dataset_id: DatasetId) -> None:
        """The service set aside a copy, or a part of one."""

    async def prepared(self, name: str, image: ExactImage | None, has_ended: bool) -> None:
        """Wait until the container is created here."""

    async def serving(self, name: str) -> None:
        """Wait until the container serves."""

    async def tried(self, name: str) -> None:
        """Wait until the container is healthy on trial; PeerRefused once its trial is over."""

    def next_step(self) -> Awaitable[None]:
        """Wait until something about this node may have changed."""
