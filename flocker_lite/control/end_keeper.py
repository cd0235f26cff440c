"""Has what agents report of the ends of containers kept with the configuration."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterable
from typing import Any

from twisted.internet.defer import Deferred
from twisted.logger import Logger

from flocker_lite.control.grant_keeper import STORE_RETRY_SECONDS
from flocker_lite.control.interfaces import EditFunction
from flocker_lite.errors import StoreError
from flocker_lite.model import endings
from flocker_lite.model.records import Change, Configuration, Edit, NodeId
from flocker_lite.model.state import ContainerState


class EndKeeper:
    """Notes each end durably; `edit` makes an edit of the store so. A report comes but once."""

    log = Logger()

    def __init__(self, clock: Any, edit: Callable[[EditFunction], Awaitable[Edit]]) -> None:
        self._clock = clock
        self._edit = edit
        self._stopped = False

    def reported(
        self, configuration: Configuration, node_id: NodeId, changes: Iterable[Change]
    ) -> None:
        """After a report of this node."""
        for change in changes:
            name, state = change.identity, change.record
            if not isinstance(state, ContainerState):
                continue
            is_news = endings.news(configuration, name, state)
            if is_news and endings.may_tell(configuration, name, node_id):
                self._owe(name, state)

    def stop(self) -> None:
        """Note nothing any more."""
        self._stopped = True

    def _owe(self, name: str, state: ContainerState) -> None:
        if not self._stopped:
            Deferred.fromCoroutine(self._note(name, state)).addErrback(
                lambda failure: self.log.failure("noting an end failed", failure)
            )

    async def _note(self, name: str, state: ContainerState) -> None:
        try:
            await self._edit(lambda before: endings.noted(before, name, state))
        except StoreError as error:
            self.log.error(
                "the end of {name} not noted, next try in {delay:g} s: {error}",
                name=name,
                delay=STORE_RETRY_SECONDS,
                error=error,
            )
            if not self._stopped:
                self._clock.callLater(STORE_RETRY_SECONDS, self._owe, name, state)
