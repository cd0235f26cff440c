"""The interface to the store of the configuration."""

from __future__ import annotations

from collections.abc import Awaitable

from zope.interface import Attribute, Interface

from flocker_lite.model.records import Change, Configuration


class IStore(Interface):
    """Stores the configuration durably."""

    cluster_id = Attribute("UUID of the cluster, made together with the store.")
    generation = Attribute(
        "Number of the last commit that changed more than grants; it grows, over restarts too."
    )

    def load() -> Awaitable[Configuration]:
        """The whole configuration as of the last commit."""

    def commit(*edits: tuple[Change, ...]) -> Awaitable[tuple[int, ...]]:
        """Make the changes of these edits durable in order, all or none.

        Returns the generation after each edit; raises StoreError when that fails.
        """

    def close() -> Awaitable[None]:
        """Close the store."""
