"""The record of a drain: a user's request that everything leaves a node."""

from __future__ import annotations

from dataclasses import dataclass

from flocker_lite.model.identities import DatasetId, NodeId

MOVING = "moving"
DONE = "done"
FAILED = "failed"

PARALLEL_DEFAULT = 2


@dataclass(frozen=True, slots=True)
class DrainItem:
    """What leaves the node as one: a container, an application, or a lone dataset.

    `application` names what all of its `containers` on the node belong to; None for a container
    by itself. With a `dataset_id` there are no containers. `phase` is "moving", "done" or "failed";
    `error` says why it could not go.
    """

    containers: tuple[str, ...] = ()
    application: str | None = None
    dataset_id: DatasetId | None = None
    destination: NodeId | None = None
    phase: str = MOVING
    error: str | None = None

    @property
    def key(self) -> tuple[str | None, ...]:
        """The same for the same thing, however far it is."""
        if self.application is not None:
            return ("application", self.application)
        return (self.dataset_id, *self.containers)


@dataclass(frozen=True, slots=True)
class Drain:
    """At most `parallel` items move at a time; none begins after `deadline_at`.

    Times are in seconds since 1970. With `max_pause_seconds` an item stays, and counts as failed,
    if its pause would be longer. `items` are those that have begun, in order. The drain is over
    once `ended_at` is set.
    """

    began_at: float
    parallel: int = PARALLEL_DEFAULT
    deadline_at: float | None = None
    max_pause_seconds: float | None = None
    items: tuple[DrainItem, ...] = ()
    ended_at: float | None = None

    @property
    def goes_on(self) -> bool:
        return self.ended_at is None

    def with_phase(self, phase: str) -> list[DrainItem]:
        """The items in this phase."""
        return [item for item in self.items if item.phase == phase]
