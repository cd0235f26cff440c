"""Copies the data of a container of Docker's into datasets while it runs: half of an adoption.

A release copies in the same rounds, the other way.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import NamedTuple

from twisted.internet.defer import CancelledError
from twisted.internet.task import deferLater
from twisted.logger import Logger

from flocker_lite.convergence.container_executors import prepare_container
from flocker_lite.convergence.context import AgentContext, Executors
from flocker_lite.errors import ContainerError, MoveGivenUp
from flocker_lite.model.adoption import Adopting, AdoptionNote
from flocker_lite.model.allowance import ADOPT, Need, with_more
from flocker_lite.model.move_progress import Round
from flocker_lite.model.records import DatasetId, Move, MoveOptions
from flocker_lite.planner import switch_policy
from flocker_lite.planner.adoption_changes import AdoptionChange, CopyForeign
from flocker_lite.planner.changes import PrepareContainer
from flocker_lite.planner.pause_costs import ADOPTION_SECONDS

FIRST_EPOCH = 1
"""The datasets of an adoption are new."""

SINCE_SECONDS_MIN = 0.001
"""The least time between two rounds, even if somebody set the clock back."""

_log = Logger()


async def copy_foreign(change: CopyForeign, context: AgentContext) -> None:
    for dataset_id in change.dataset_ids:
        source, move_id = context.node_id, change.move.move_id
        context.moves.begin(dataset_id, FIRST_EPOCH, source, source, move_id)
        context.moves.phase(dataset_id, "preparing")
    try:
        await _require_allowed(change, context)
        await prepare_container(PrepareContainer(change.name, change.container), context)
        await context.directories.require()
        note = context.adoption_notes.notes.get(change.name)
        if note is None:
            note = await _begin(change, context)
        adopting = adopting_of(change.move)
        await Copying(context, change, ways_in(change.move, context), adopting.sizes).run(note)
    except CancelledError:
        raise
    except MoveGivenUp as error:
        await note_give_up(context, change, error)
        raise
    except Exception as error:
        tell_failure(context, change, "pushing", error)
        raise


async def note_give_up(context: AgentContext, change: AdoptionChange, error: MoveGivenUp) -> None:
    """Write down that the user wants no such stop, and with it that everything goes back."""
    note = context.adoption_notes.notes[change.name]
    await context.adoption_notes.write(change.name, replace(note, why=str(error)))


def tell_failure(
    context: AgentContext, change: AdoptionChange, phase: str, error: Exception
) -> None:
    """Report that an attempt failed; until the next one the adoption is in this phase."""
    for dataset_id in change.dataset_ids:
        context.moves.fail(dataset_id, phase, str(error))


def adopting_of(move: Move) -> Adopting:
    """What the move adopts."""
    assert move.adoption is not None
    return move.adoption


async def _require_allowed(change: CopyForeign, context: AgentContext) -> None:
    """Refuse what this node's administrator does not allow, whatever the control service says.

    The directories must be the container's own, and what was in the way of an adoption when the
    user asked may be there by now.
    """
    entries, file = context.allowance.entries, context.allowance.file
    if ADOPT not in entries:
        line = with_more(entries, [Need(ADOPT, ADOPT)])
        raise ContainerError(
            f"this node lets nobody adopt containers: write `{line}` into {file}, and restart the "
            "agent"
        )
    adopting = adopting_of(change.move)
    found = await context.foreign.adoption(adopting.instance, change.name, entries, measures=False)
    if found.hindrances:
        first = found.hindrances[0]
        raise ContainerError(f"it cannot be adopted: {first.field}: {first.text}")
    strange = set(adopting.paths.values()) - {each.path for each in found.sources if each.take}
    if strange or adopting.paths.keys() != set(change.dataset_ids):
        raise ContainerError(
            f"its data is no longer where it was when you asked ({', '.join(sorted(strange))}): "
            "cancel the adoption, and ask again"
        )


async def _begin(change: CopyForeign, context: AgentContext) -> AdoptionNote:
    """Only a directory of which this node knows that nobody else writes there is made like another.

    It must be empty at first, or the note of this adoption must be there.
    """
    directories, since = context.directories, float("inf")
    ways = ways_in(change.move, context)
    for dataset_id, way in ways.items():
        if not await directories.is_empty(way.destination):
            raise ContainerError(
                f"dataset {dataset_id} has data already, and this node does not know from "
                "where: cancel the adoption, and ask again"
            )
        since = min(since, await directories.settle(way.source))
    since = since if ways else 0.0
    note = AdoptionNote(change.move.move_id, adopting_of(change.move).instance, since=since)
    await context.adoption_notes.write(change.name, note)
    return note


class Way(NamedTuple):
    """From which directory of the node to which other one the data goes."""

    source: str
    destination: str


def ways_in(move: Move, context: AgentContext) -> dict[DatasetId, Way]:
    """The ways of an adoption: into the datasets."""
    paths = adopting_of(move).paths
    return {each: Way(path, context.storage.path(each)) for each, path in paths.items()}


class Copying:
    """The rounds of an adoption or a release: laps, each with a round of every directory.

    `sizes` are in bytes, as far as they are known.
    """

    def __init__(
        self,
        context: AgentContext,
        change: AdoptionChange,
        ways: Mapping[DatasetId, Way],
        sizes: Mapping[DatasetId, int],
    ) -> None:
        self._context = context
        self._change = change
        self._ways = ways
        self._sizes = sizes
        self._rounds: dict[DatasetId, tuple[Round, ...]] = dict.fromkeys(change.dataset_ids, ())
        self._began_at: dict[DatasetId, float] = {}

    async def run(self, note: AdoptionNote) -> None:
        """Copy until it is time to stop the container; MoveGivenUp if its user wants no such stop.

        `note` is that of this node.
        """
        for dataset_id in self._change.dataset_ids:
            self._context.moves.phase(dataset_id, "pushing")
        has_waited = False
        while True:
            note = await self._lap(note)
            decision = self._decide(has_waited)
            _log.info("{verdict}: {reason}", verdict=decision.verdict.value, reason=decision.reason)
            if decision.verdict is switch_policy.Verdict.GIVE_UP:
                raise MoveGivenUp(decision.reason)
            if decision.verdict is switch_policy.Verdict.SWITCH:
                return
            why = decision.reason if decision.is_missed else None
            for dataset_id in self._change.dataset_ids:
                self._context.moves.phase(dataset_id, "pushing", why)
            has_waited = decision.wait_seconds > 0
            if has_waited:
                await deferLater(self._context.clock, decision.wait_seconds)

    async def _lap(self, note: AdoptionNote) -> AdoptionNote:
        """One round of each directory; what changes after its beginning is for the next lap."""
        if not self._ways:
            return note
        settle = self._context.directories.settle
        began = [await settle(way.source) for way in self._ways.values()]
        for dataset_id, way in self._ways.items():
            await self._round(dataset_id, way, note.since)
        note = replace(note, since=min(began))
        await self._context.adoption_notes.write(self._change.name, note)
        return note

    async def _round(self, dataset_id: DatasetId, way: Way, since: float) -> None:
        context, now = self._context, self._context.clock.seconds()
        before = self._began_at.get(dataset_id)
        since_seconds = max(now - before, SINCE_SECONDS_MIN) if before is not None else 0.0
        self._began_at[dataset_id] = now
        if before is None:
            context.moves.expect(dataset_id, self._sizes.get(dataset_id))
        sent_bytes = await context.directories.copy(
            *way,
            since,
            lambda copied: context.moves.sent(dataset_id, copied),
            self._options().bandwidth_limit,
        )
        done = Round(sent_bytes, context.clock.seconds() - now, since_seconds)
        self._rounds[dataset_id] = (*self._rounds[dataset_id], done)
        context.moves.round(dataset_id, done)

    def _decide(self, has_waited: bool) -> switch_policy.Decision:
        if not self._rounds:
            return switch_policy.Decision(switch_policy.Verdict.SWITCH, "there is no data")
        seen = self._outlook()
        if seen is not None:
            for dataset_id in self._change.dataset_ids:
                self._context.moves.predict(dataset_id, seen.pause_seconds)
        elapsed_seconds = self._context.moves.elapsed_seconds(self._change.dataset_ids[0])
        return switch_policy.decide(
            self._progress(), seen, self._options(), elapsed_seconds, has_waited
        )

    def _outlook(self) -> switch_policy.Outlook | None:
        return switch_policy.outlook(self._progress(), ADOPTION_SECONDS)

    def _progress(self) -> tuple[switch_policy.Progress, ...]:
        now = self._context.clock.seconds()
        return tuple(
            switch_policy.Progress(rounds, max(now - self._began_at.get(dataset_id, now), 0.0))
            for dataset_id, rounds in self._rounds.items()
        )

    def _options(self) -> MoveOptions:
        view = self._context.desired.view
        move = view.adoptions.get(self._change.name) if view is not None else None
        return move.options if move is not None else MoveOptions()


EXECUTORS: Executors = {CopyForeign: copy_foreign}
