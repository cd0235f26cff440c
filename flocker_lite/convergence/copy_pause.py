"""What the pauses of an adoption and of a release have in common: the last round, and the notes."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any

from twisted.internet.defer import CancelledError, Deferred
from twisted.internet.task import LoopingCall
from twisted.logger import Logger

from flocker_lite.convergence.context import AgentContext
from flocker_lite.convergence.copying import Way
from flocker_lite.errors import CopyFailed, MoveGivenUp
from flocker_lite.model.adoption import COPIED, STOPPED, STOPPING, AdoptionNote
from flocker_lite.model.move_progress import Round
from flocker_lite.model.records import DatasetId
from flocker_lite.model.state import NodeView
from flocker_lite.planner.adoption_changes import AdoptionChange
from flocker_lite.planner.adoption_plan import NOT_WANTED

LOOK_SECONDS = 0.5
"""How often the last round looks whether it is still wanted."""

_log = Logger()


class CopyPause:
    """Base of such a pause; every step of it is written down before the next one.

    `is_wanted` says whether a view still wants it.
    """

    def __init__(
        self,
        context: AgentContext,
        change: AdoptionChange,
        ways: Mapping[DatasetId, Way],
        is_wanted: Callable[[NodeView], bool],
    ) -> None:
        self._context = context
        self._change = change
        self._ways = ways
        self._is_wanted = is_wanted

    async def note_failure(self, error: Exception) -> None:
        """Write down why the service goes back, if it had been stopped."""
        note = self._context.adoption_notes.notes.get(self._change.name)
        if note is not None and note.step in (STOPPING, STOPPED, COPIED):
            await self._write(replace(note, why=str(error)))

    async def _copy_and_compare(self, writer: str) -> None:
        """The last round, and the proof that nothing is left; the `writer` is stopped."""
        context, directories = self._context, self._context.directories
        since = context.adoption_notes.notes[self._change.name].since
        for dataset_id, way in self._ways.items():
            began = context.clock.seconds()
            sent_bytes = await directories.copy(*way, since, lambda _: None, in_use=False)
            took = context.clock.seconds() - began
            context.moves.round(dataset_id, Round(sent_bytes, took))
        self._mark("send")
        for way in self._ways.values():
            differs = await directories.difference(*way)
            if differs is not None:
                raise CopyFailed(
                    f"{way.source} changes although {writer} is stopped ({differs}): see who else "
                    "writes there"
                )
        self._mark("verify")

    def _require_wanted(self) -> None:
        view = self._context.desired.view
        if view is None or not self._is_wanted(view):
            raise MoveGivenUp(NOT_WANTED)

    async def _unless_cancelled(self, doing: Any) -> Any:
        """The result; MoveGivenUp once it is not wanted any more."""
        going_on: Deferred[Any] = Deferred.fromCoroutine(doing)

        def look() -> None:
            try:
                self._require_wanted()
            except MoveGivenUp:
                going_on.cancel()

        watching = LoopingCall(look)
        watching.clock = self._context.clock
        watched = watching.start(LOOK_SECONDS, now=False)
        watched.addErrback(lambda failure: _log.failure("cannot watch a pause", failure))
        try:
            return await going_on
        except CancelledError:
            self._require_wanted()
            raise
        finally:
            if watching.running:
                watching.stop()

    def _begin_pause(self) -> None:
        for dataset_id in self._change.dataset_ids:
            self._context.moves.phase(dataset_id, "switching")
            self._context.moves.start_pause(dataset_id)

    def _mark(self, step: str) -> None:
        for dataset_id in self._change.dataset_ids:
            self._context.moves.mark(dataset_id, step)

    async def _note(self, step: str) -> None:
        note = self._context.adoption_notes.notes[self._change.name]
        await self._write(replace(note, step=step))

    async def _write(self, note: AdoptionNote) -> None:
        await self._context.adoption_notes.write(self._change.name, note)
