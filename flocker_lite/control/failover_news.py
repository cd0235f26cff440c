"""Notes in the change feed when a container would fail over by itself, or would not any more.

That depends on more than the container: on its standbys, on what they have, on who is connected,
and on how old their data is. Of the containers that a change may concern, all are looked at
together a moment later.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable

from twisted.internet.interfaces import IDelayedCall, IReactorTime

from flocker_lite.control.change_feed import ChangeFeed
from flocker_lite.model.records import Change, Configuration, NodeId
from flocker_lite.model.uses import uses_of

LOOK_SECONDS = 0.25
"""How long after a change the containers that it may concern are looked at."""


class FailoverNews:
    """Knows what was last said of each container that is watched; `shown` says what is so now."""

    def __init__(
        self,
        configuration: Callable[[], Configuration],
        shown: Callable[[str], object],
        change_feed: ChangeFeed,
        clock: IReactorTime,
    ) -> None:
        self._configuration = configuration
        self._shown = shown
        self._change_feed = change_feed
        self._clock = clock
        self._said: dict[str, object] = {}
        self._of_node: dict[NodeId, set[str]] = {}
        self._nodes: dict[str, frozenset[NodeId]] = {}
        self._to_look_at: dict[str, None] = {}
        self._looking: IDelayedCall | None = None
        change_feed.noted.append(self._noted)

    def stop(self) -> None:
        """Look at nothing any more."""
        self._change_feed.noted.remove(self._noted)
        if self._looking is not None:
            self._looking.cancel()

    def look_at(self, names: Iterable[str]) -> None:
        """Something changed that may matter for these containers."""
        self._to_look_at |= dict.fromkeys(names)
        if self._to_look_at and self._looking is None:
            self._looking = self._clock.callLater(LOOK_SECONDS, self._look)

    def configured(self, changes: Iterable[Change]) -> None:
        """An edit made these changes, of which the change feed does not show all."""
        for change in changes:
            if change.kind == "fencings":
                self.look_at([change.identity])
            elif change.kind in ("datasets", "grants"):
                self._dataset_changed(change.identity)

    def _noted(self, items: Iterable[tuple[str, str]]) -> None:
        for collection, identity in items:
            if collection == "state/datasets":
                self._dataset_changed(identity)
            elif collection == "state/nodes":
                self.look_at(sorted(self._of_node.get(identity, ())))

    def _dataset_changed(self, dataset_id: str) -> None:
        user = uses_of(self._configuration()).datasets.get(dataset_id)
        if user in self._said:
            self.look_at([user])

    def _look(self) -> None:
        self._looking = None
        names, self._to_look_at = self._to_look_at, {}
        changed = [name for name in names if self._is_news(name)]
        self._change_feed.shown_otherwise(("containers", name) for name in changed)

    def _is_news(self, name: str) -> bool:
        said, shown = self._said.pop(name, None), self._shown(name)
        for node_id in self._nodes.pop(name, ()):
            self._of_node[node_id].discard(name)
        if shown is not None:
            self._said[name] = shown
            self._nodes[name] = _nodes(self._configuration(), name)
            for node_id in self._nodes[name]:
                self._of_node.setdefault(node_id, set()).add(name)
        return said != shown


def _nodes(configuration: Configuration, name: str) -> frozenset[NodeId]:
    """The nodes whose coming and going may matter: its own, and the standbys that it counts."""
    container, fencing = configuration.containers[name], configuration.fencings.get(name)
    return frozenset({container.node, *(fencing.witnesses if fencing is not None else ())})
