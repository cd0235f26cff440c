"""The change feed: which items of which collections changed, in order.

A watcher asks for the items that changed since a generation, and then reads them as they are now.
So an item that changes often is in the feed once, and a slow reader costs no memory. Generations
also grow across restarts: the first one is the time in microseconds.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, Iterable, Iterator
from itertools import islice, takewhile
from typing import NamedTuple

from twisted.internet.defer import Deferred

from flocker_lite.applications import membership
from flocker_lite.model.records import Change, Configuration, Dataset, DatasetId, Node, NodeId

ENTRIES_MAX = 20_000
"""Items whose last change is remembered; a watcher that is further behind starts over."""

_MICROSECONDS = 1_000_000
_SHOWN = {
    **{
        kind: f"configuration/{kind}"
        for kind in ("datasets", "containers", "leases", "images", "secrets", "registries", "nodes")
    },
    **dict.fromkeys(("moves", "past_moves"), "state/moves"),
    "discards": "state/set_aside",
    "forgotten": "state/forgotten_nodes",
}

_PARTS_OF_NODES = frozenset({"ports", "kept", "machine"})
"""Kinds of reports that the API shows as a part of the node."""


class Entry(NamedTuple):
    """The latest change of an item: the path of its collection under /v1, and its id in it."""

    generation: int
    collection: str
    identity: str


class ChangeFeed:
    """The changes since this process started; `now` is in seconds since 1970."""

    @classmethod
    def of_term(cls, number: int) -> ChangeFeed:
        """The feed of a leader: its generations come after those of all leaders before."""
        return cls(number / _MICROSECONDS)

    def __init__(self, now: float, entries_max: int = ENTRIES_MAX) -> None:
        self.generation = int(now * _MICROSECONDS)
        self._known_since = self.generation
        self._entries: OrderedDict[tuple[str, str], int] = OrderedDict()
        self._entries_max = entries_max
        self._changed_at: dict[str, int] = {}
        self._unseen_until = self.generation
        self._waiting: set[Deferred[None]] = set()
        self.edited: list[Callable[[tuple[Change, ...]], None]] = []
        """Called with the changes of each edit, once it is durable."""
        self.noted: list[Callable[[tuple[tuple[str, str], ...]], None]] = []
        """Called with the items that changed: the collection of each, and its id in it."""

    def configured(self, before: Configuration, changes: Iterable[Change]) -> None:
        """An edit changed the configuration, which was `before`."""
        changes = tuple(changes)
        for edited in self.edited:
            edited(changes)
        if any(_is_readdressed(before, change) for change in changes):
            self.reset()
        self._note(
            (_SHOWN[change.kind], change.identity) for change in changes if change.kind in _SHOWN
        )
        self._note(("state/datasets", each) for each in _datasets_with_copies(before, changes))
        concerned = {name: None for change in changes for name in _applications(before, change)}
        self._note(("configuration/applications", name) for name in concerned)
        self._note(("state/nodes", change.identity) for change in changes if change.kind == "nodes")

    def reported(self, node_id: NodeId, changes: Iterable[Change], came_or_went: bool) -> None:
        """A node's state changed; `came_or_went` if the node became known or was forgotten."""
        changes = tuple(changes)
        changed = [
            _reported_item(change) for change in changes if change.kind not in _PARTS_OF_NODES
        ]
        is_node_changed = came_or_went or any(c.kind in _PARTS_OF_NODES for c in changes)
        self._note([*changed, *([("state/nodes", node_id)] if is_node_changed else [])])

    def shown_otherwise(self, things: Iterable[tuple[str, str]]) -> None:
        """The state that is shown of these (kind, identity) changed."""
        self._note((f"state/{kind}", identity) for kind, identity in things)

    def claimed(self, dataset_ids: Iterable[DatasetId]) -> None:
        """The claims on these datasets changed."""
        self._note(("state/datasets", dataset_id) for dataset_id in dataset_ids)

    def reset(self) -> None:
        """Everything may have changed: all watchers start over."""
        self.generation += 1
        self._known_since = self._unseen_until = self.generation
        self._entries.clear()
        self._wake()

    def since(self, generation: int, count_max: int) -> list[Entry] | None:
        """The first items that changed after that generation, in order.

        None if they are not known: the generation is too old, or of another feed.
        """
        if not self._known_since <= generation <= self.generation:
            return None
        newer = takewhile(lambda item: item[1] > generation, reversed(self._entries.items()))
        entries = [Entry(number, *key) for key, number in newer]
        entries.reverse()
        return list(islice(entries, count_max))

    def has_changed(self, collection: str, generation: int) -> bool:
        """Whether the collection has changed since that generation, as far as is known."""
        changed_at = max(self._changed_at.get(collection, 0), self._unseen_until)
        return changed_at > generation or generation > self.generation

    @property
    def waiting_count(self) -> int:
        """How many watchers wait for the next change."""
        return len(self._waiting)

    def next_change(self) -> Deferred[None]:
        """Fires when anything changes; may be cancelled."""
        waiting: Deferred[None] = Deferred(self._waiting.discard)
        self._waiting.add(waiting)
        return waiting

    def _note(self, changed: Iterable[tuple[str, str]]) -> None:
        before, changed = self.generation, tuple(changed)
        for key in changed:
            self.generation += 1
            self._entries[key] = self.generation
            self._entries.move_to_end(key)
            self._changed_at[key[0]] = self.generation
        while len(self._entries) > self._entries_max:
            _, self._known_since = self._entries.popitem(last=False)
        if self.generation != before:
            for noted in self.noted:
                noted(changed)
            self._wake()

    def _wake(self) -> None:
        waiting, self._waiting = self._waiting, set()
        for deferred in waiting:
            deferred.callback(None)


def _applications(before: Configuration, change: Change) -> Iterator[str]:
    """The applications that what changed belonged to, or belongs to now."""
    if change.kind in ("containers", "datasets"):
        for record in (getattr(before, change.kind).get(change.identity), change.record):
            name = membership.application_of(record)
            if name is not None:
                yield name


def _datasets_with_copies(before: Configuration, changes: Iterable[Change]) -> Iterator[DatasetId]:
    """The datasets whose state shows other copies: others stand by, or are to be dropped."""
    for change in changes:
        if change.kind == "discards" and change.identity in before.datasets:
            yield change.identity
        elif change.kind == "datasets":
            known = before.datasets.get(change.identity)
            now = change.record if isinstance(change.record, Dataset) else None
            if (known.replicas if known else None) != (now.replicas if now else None):
                yield change.identity


def _reported_item(change: Change) -> tuple[str, str]:
    """The item that shows what a node reports; its dataset shows a replication."""
    if change.kind == "replications":
        return "state/datasets", change.identity.partition("/")[0]
    return f"state/{change.kind}", change.identity


def _is_readdressed(before: Configuration, change: Change) -> bool:
    """Whether the address of a known node changed, which many items show."""
    if change.kind != "nodes" or not isinstance(change.record, Node):
        return False
    known = before.nodes.get(change.identity)
    return known is not None and known.address != change.record.address
