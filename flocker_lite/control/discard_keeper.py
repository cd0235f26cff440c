"""Ends the wish that something set aside be destroyed once its nodes report that it is gone."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any

from pyrsistent import pmap
from twisted.internet.defer import Deferred
from twisted.logger import Logger

from flocker_lite.control.cluster_state import ClusterState
from flocker_lite.control.grant_keeper import STORE_RETRY_SECONDS
from flocker_lite.control.interfaces import EditFunction
from flocker_lite.errors import StoreError
from flocker_lite.model import discards
from flocker_lite.model.records import Configuration, Edit, NodeId


class DiscardKeeper:
    """Ends each durably; `edit` makes an edit of the store so. There are few, if any at all."""

    log = Logger()

    def __init__(self, clock: Any, edit: Callable[[EditFunction], Awaitable[Edit]]) -> None:
        self._clock = clock
        self._edit = edit
        self._stopped = False

    def look(self, configuration: Configuration, cluster: ClusterState) -> None:
        """After a report or an edit. A node of which nothing is known may have it still."""
        for name, wish in configuration.discards.items():
            holders = cluster.set_aside.get(name, pmap())
            gone = {node for node in wish.nodes if node in cluster.nodes and node not in holders}
            if gone:
                self._end(name, frozenset(gone))

    def stop(self) -> None:
        """End nothing any more."""
        self._stopped = True

    def _end(self, name: str, nodes: frozenset[NodeId]) -> None:
        if not self._stopped:
            Deferred.fromCoroutine(self._ended(name, nodes)).addErrback(
                lambda failure: self.log.failure("ending a wish to destroy failed", failure)
            )

    async def _ended(self, name: str, nodes: frozenset[NodeId]) -> None:
        try:
            await self._edit(lambda before: discards.discarded(before, name, nodes))
        except StoreError as error:
            self.log.error(
                "{name} is destroyed, and that is not noted, next try in {delay:g} s: {error}",
                name=name,
                delay=STORE_RETRY_SECONDS,
                error=error,
            )
            if not self._stopped:
                self._clock.callLater(STORE_RETRY_SECONDS, self._end, name, nodes)
