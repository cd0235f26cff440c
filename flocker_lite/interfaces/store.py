"""The door to where the configuration is kept."""

from __future__ import annotations

from collections.abc import Awaitable

from zope.interface import Attribute, Interface

from flocker_lite.model.records import Change, Configuration


class IStore(Interface):
    """Where the configuration is kept; what was committed is on disk."""

    cluster_id = Attribute("UUID of the cluster, made when the store was.")
    generation = Attribute(
        "Number of the last commit that changed anything but grants; grows, over restarts as well."
    )

    def load() -> Awaitable[Configuration]:
        """The whole configuration as it was last committed."""

    def commit(*edits: tuple[Change, ...]) -> Awaitable[tuple[int, ...]]:
        """Make the changes of these edits durable, all or none, and in order.

        Returns the generation after each edit; StoreError when it was not possible.
        """

    def close() -> Awaitable[None]:
        """Let go of the store."""
