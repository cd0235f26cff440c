"""Has grants move by what is reported, and what cannot be verified shown as claims."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterable, Mapping
from typing import Any

from twisted.internet.defer import Deferred
from twisted.logger import Logger

from flocker_lite.control.announcer import Announcer, datasets_of_move
from flocker_lite.control.interfaces import EditFunction
from flocker_lite.control.journal import Journal
from flocker_lite.errors import StoreError
from flocker_lite.model import edits
from flocker_lite.model.records import Change, Configuration, DatasetId, Edit, Grant

STORE_RETRY_SECONDS = 5.0


class GrantKeeper:
    """Judges datasets anew when something changed; `edit` makes an edit of the store durable."""

    log = Logger()

    def __init__(
        self,
        announcer: Announcer,
        journal: Journal,
        clock: Any,
        edit: Callable[[EditFunction], Awaitable[Edit]],
    ) -> None:
        self._announcer = announcer
        self._journal = journal
        self._clock = clock
        self._edit = edit
        self._stopped = False

    def configured(self, before: Configuration, changes: Iterable[Change]) -> None:
        """After an edit of this configuration."""
        concerned: set[DatasetId] = set()
        for change in changes:
            if change.kind == "moves":
                concerned |= datasets_of_move(change, before)
            elif change.kind in ("datasets", "grants"):
                concerned.add(change.identity)
        self.judge(concerned)

    def reported(self, changes: Iterable[Change]) -> None:
        """After a report, which the announcer has taken in."""
        self.judge({change.identity for change in changes if change.kind == "datasets"})

    def came_or_went(self) -> None:
        """An agent is connected, or is not any more: it may hold what others claim."""
        self.judge(tuple(self._announcer.cluster.claims))

    def stop(self) -> None:
        """Move nothing any more."""
        self._stopped = True

    def judge(self, dataset_ids: Iterable[DatasetId]) -> None:
        """Have those grants move that should, and the claims shown as they are now."""
        moved, claimed = self._announcer.judged(dataset_ids)
        self._journal.claimed(claimed)
        for dataset_id in claimed:
            self._tell(dataset_id)
        self._owe(moved)

    def _tell(self, dataset_id: DatasetId) -> None:
        for claim in self._announcer.cluster.claims.get(dataset_id, ()):
            self.log.warn(
                "node {node} says that {dataset} is its own as of epoch {epoch}, and is not "
                "believed: {reason}",
                node=claim.node_id,
                dataset=dataset_id,
                epoch=claim.epoch,
                reason=claim.reason,
            )

    def _owe(self, moved: Mapping[DatasetId, Grant]) -> None:
        if self._stopped:
            return
        for dataset_id, grant in moved.items():
            moving = Deferred.fromCoroutine(self._move(dataset_id, grant))
            moving.addErrback(lambda failure: self.log.failure("moving a grant failed", failure))

    async def _move(self, dataset_id: DatasetId, grant: Grant) -> None:
        """A report comes but once: what the store refuses now is tried again."""
        try:
            await self._edit(lambda before: edits.set_grant(before, dataset_id, grant))
        except edits.EditError as error:
            self.log.warn("grant of {dataset} not moved: {error}", dataset=dataset_id, error=error)
        except StoreError as error:
            self.log.error(
                "grant of {dataset} not moved, next try in {delay:g} s: {error}",
                dataset=dataset_id,
                error=error,
                delay=STORE_RETRY_SECONDS,
            )
            if not self._stopped:
                self._clock.callLater(STORE_RETRY_SECONDS, self._owe, {dataset_id: grant})
