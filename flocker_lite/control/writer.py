"""Writes edits to the store: edits that arrive during a commit go into the next one together.

So many clients that write at once wait for a few commits, not for one each. An edit that nobody
waits for waits itself: for the next commit of others, behind their edits, or for a moment.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, replace

from twisted.internet.defer import Deferred
from twisted.internet.interfaces import IDelayedCall, IReactorTime
from twisted.logger import Logger
from twisted.python.failure import Failure

from flocker_lite.control.etag import require_tag, tag_of
from flocker_lite.control.interfaces import EditFunction
from flocker_lite.interfaces import IStore
from flocker_lite.logs.bound_fields import bound_fields, only
from flocker_lite.model.records import Configuration, Edit

TOGETHER_MAX = 32
"""Edits per commit; preparing and announcing them blocks everything else."""

COMPANY_SECONDS = 0.05
"""How long an edit that may wait does so before it makes a commit of its own."""


@dataclass(frozen=True, slots=True)
class PendingEdit:
    """An edit whose caller waits for it; see `IControl.edit`. `fields` were bound there."""

    function: EditFunction
    tags: Collection[str]
    then: EditFunction
    done: Deferred[Edit]
    fields: Mapping[str, str]


class Writer:
    """The durable configuration, and the only way to change it.

    `planned(configuration, function, then)` makes the edit; `durable(before, edit)` is called for
    each edit that changes anything, in order, once it is on disk.
    """

    _log = Logger()

    def __init__(
        self,
        clock: IReactorTime,
        store: IStore,
        configuration: Configuration,
        planned: Callable[[Configuration, EditFunction, EditFunction], Edit],
        durable: Callable[[Configuration, Edit], None],
    ) -> None:
        self.configuration = configuration
        self._clock = clock
        self._store = store
        self._planned = planned
        self._durable = durable
        self._waiting: deque[PendingEdit] = deque()
        self._without_hurry: deque[PendingEdit] = deque()
        self._hurry: IDelayedCall | None = None
        self._alone = 0
        self._writing = False
        self.tag = tag_of(store.cluster_id, store.generation)

    async def edit(self, function: EditFunction, tags: Collection[str], then: EditFunction) -> Edit:
        """See IControl."""
        done: Deferred[Edit] = Deferred()
        self._waiting.append(PendingEdit(function, tags, then, done, bound_fields()))
        self._begin()
        return await done

    async def edit_without_hurry(self, function: EditFunction) -> Edit:
        """Make an edit with the next commit of others, or within COMPANY_SECONDS."""
        done: Deferred[Edit] = Deferred()
        self._without_hurry.append(PendingEdit(function, (), Edit, done, bound_fields()))
        if self._hurry is None:
            self._hurry = self._clock.callLater(COMPANY_SECONDS, self._hurried)
        return await done

    def stop(self) -> None:
        """Begin no commit for edits that wait without hurry; they are not made."""
        if self._hurry is not None:
            self._hurry.cancel()
            self._hurry = None

    def _hurried(self) -> None:
        self._hurry = None
        self._take_along(len(self._without_hurry))
        if self._waiting:
            self._begin()

    def _take_along(self, count_max: int) -> None:
        """Let the first of those without hurry go behind everybody else's edits."""
        for _ in range(min(count_max, len(self._without_hurry))):
            self._waiting.append(self._without_hurry.popleft())

    def _begin(self) -> None:
        if not self._writing:
            # Detached: this caller must not wait for the edits of later callers.
            Deferred.fromCoroutine(self._write()).addErrback(
                lambda failure: self._log.failure("edits are not written", failure)
            )

    async def _write(self) -> None:
        self._writing = True
        try:
            while self._waiting:
                await self._write_some()
        finally:
            self._writing = False

    async def _write_some(self) -> None:
        """Prepare the next edits and make them durable with one commit."""
        together = self._next_together()
        changes = [edit.changes for _, edit in together if isinstance(edit, Edit) and edit.changes]
        generations: list[int] = []
        if changes:
            try:
                generations = list(await self._store.commit(*changes))
            except Exception:
                self._refused([pending for pending, _ in together], Failure())
                return
        for pending, edit in together:
            if isinstance(edit, Edit):
                with only(pending.fields):
                    outcome = self._made(edit, generations)
                pending.done.callback(outcome)
            else:
                pending.done.errback(edit)

    def _next_together(self) -> list[tuple[PendingEdit, Edit | Failure]]:
        together: list[tuple[PendingEdit, Edit | Failure]] = []
        configuration = self.configuration
        room = 1 if self._alone else TOGETHER_MAX
        self._take_along(room - len(self._waiting))
        while self._waiting and len(together) < room:
            # A tag can only be compared with the tag of a durable configuration.
            if self._waiting[0].tags and configuration is not self.configuration:
                break
            pending = self._waiting.popleft()
            try:
                require_tag(pending.tags, self.tag)
                edit = self._planned(configuration, pending.function, pending.then)
            except Exception:
                together.append((pending, Failure()))
            else:
                together.append((pending, edit))
                configuration = edit.configuration
        self._alone = max(0, self._alone - len(together))
        return together

    def _refused(self, refused: list[PendingEdit], failure: Failure) -> None:
        """Retry each of several edits alone: a commit fails as a whole, and one may be to blame."""
        if len(refused) == 1:
            refused[0].done.errback(failure)
            return
        self._waiting.extendleft(reversed(refused))
        self._alone += len(refused)

    def _made(self, edit: Edit, generations: list[int]) -> Edit | Failure:
        if not edit.changes:
            return replace(edit, tag=self.tag)
        before, self.configuration = self.configuration, edit.configuration
        self.tag = tag_of(self._store.cluster_id, generations.pop(0))
        try:
            self._durable(before, edit)
        except Exception:
            return Failure()
        return replace(edit, tag=self.tag)
