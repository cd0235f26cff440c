"""Remembers what the agents say of the moves under way, and tells which of these are over.

An agent forgets its account when it restarts; here the last one is kept until the move is over.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import replace
from typing import Any

from pyrsistent import pmap
from twisted.internet.interfaces import IDelayedCall

from flocker_lite.control.cluster_state import ClusterState
from flocker_lite.model.accounts import MoveState
from flocker_lite.model.moves import DONE, belongs, is_complete, outcome
from flocker_lite.model.open_moves import move_of_container, move_of_dataset
from flocker_lite.model.records import Change, Configuration, DatasetId, Move, NodeId

ACCOUNTS_SECONDS_MAX = 10.0
"""How long a move that is done waits for the rest of what both sides have to say of it."""


class MoveKeeper:
    """The accounts of the moves under way; `look_again(move_id)` is called when one may be over."""

    def __init__(self, clock: Any, look_again: Callable[[str], None]) -> None:
        self._clock = clock
        self._look_again = look_again
        self._accounts: dict[str, dict[tuple[NodeId, DatasetId], MoveState]] = {}
        self._waits: dict[str, IDelayedCall] = {}

    def accounts(self, move_id: str) -> tuple[MoveState, ...]:
        """What was said last of a move under way."""
        return tuple(self._accounts.get(move_id, {}).values())

    def configured(self, configuration: Configuration, changes: Iterable[Change]) -> None:
        """After an edit, which these changes made."""
        concerned: dict[str, None] = {}
        for change in changes:
            if change.kind == "moves" and change.record is None:
                self._forget(change.identity)
            elif change.kind == "moves":
                concerned[change.identity] = None
            elif change.kind == "grants":
                move = move_of_dataset(configuration, change.identity)
                concerned |= {} if move is None else {move.move_id: None}
        self._look_at(concerned)

    def reported(
        self, configuration: Configuration, node_id: NodeId, changes: Iterable[Change]
    ) -> None:
        """After a node's report of these changes; the cost is that of the changes."""
        concerned: dict[str, None] = {}
        for change in changes:
            move = None
            if change.kind == "containers":
                move = move_of_container(configuration, change.identity)
            elif change.kind == "datasets":
                move = move_of_dataset(configuration, change.identity)
            elif isinstance(change.record, MoveState):
                move = self._take(configuration, node_id, change.record)
            concerned |= {} if move is None else {move.move_id: None}
        self._look_at(concerned)

    def outcome(
        self, configuration: Configuration, cluster: ClusterState, move_id: str
    ) -> str | None:
        """How the move has ended; None when it goes on, or when there is more to be heard of it."""
        move = configuration.moves.get(move_id)
        if move is None:
            return None
        accounts = self.accounts(move_id)
        reports = cluster.containers.get(move.container or "", pmap())
        verdict = outcome(configuration, move, accounts, reports)
        if verdict != DONE or is_complete(move, accounts):
            return verdict
        if move_id not in self._waits:
            self._waits[move_id] = self._clock.callLater(
                ACCOUNTS_SECONDS_MAX, self._look_again, move_id
            )
        return None if self._waits[move_id].active() else verdict

    def stop(self) -> None:
        """Wait for nothing any more."""
        for move_id in list(self._waits):
            self._forget(move_id)

    def _take(
        self, configuration: Configuration, node_id: NodeId, account: MoveState
    ) -> Move | None:
        move = (
            move_of_dataset(configuration, account.dataset_id)
            if account.move_id is None
            else configuration.moves.get(account.move_id)
        )
        if move is None or not belongs(configuration, move, node_id, account):
            return None
        known = self._accounts.setdefault(move.move_id, {})
        known[node_id, account.dataset_id] = account
        return move

    def _look_at(self, move_ids: Iterable[str]) -> None:
        for move_id in move_ids:
            self._look_again(move_id)

    def _forget(self, move_id: str) -> None:
        self._accounts.pop(move_id, None)
        wait = self._waits.pop(move_id, None)
        if wait is not None and wait.active():
            wait.cancel()


def as_shown(configuration: Configuration, changes: Iterable[Change]) -> list[Change]:
    """What was reported, each account under the id of the move that it is shown with."""
    return [
        replace(change, identity=_move_id(configuration, change))
        if change.kind == "moves"
        else change
        for change in changes
    ]


def _move_id(configuration: Configuration, change: Change) -> str:
    told = change.record.move_id if isinstance(change.record, MoveState) else None
    move = move_of_dataset(configuration, change.identity)
    return told or (move.move_id if move is not None else change.identity)
