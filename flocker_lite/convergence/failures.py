"""What failed on a node, until it works again or something else is wanted instead."""

from __future__ import annotations

from collections.abc import Collection, Iterable
from dataclasses import replace

from pyrsistent import PMap, pmap

from flocker_lite.convergence.changes import (
    IStateChange,
    container_resource,
    dataset_resource,
    image_resource,
    key,
)
from flocker_lite.convergence.pacing import Failed, failed_again
from flocker_lite.model.state import NodeView

_CONTAINER = container_resource("")
_DATASET = dataset_resource("")
_IMAGE = image_resource("")


class Failures:
    """The changes that failed, by their keys.

    `now` are those that wait or are tried again. `shown` has besides what a container failed with
    before its next change is another one: until something works, that is what is wrong with it.
    """

    def __init__(self) -> None:
        self.now: PMap[str, Failed] = pmap()
        self._past: PMap[str, Failed] = pmap()

    @property
    def shown(self) -> PMap[str, Failed]:
        """What is to be told, the present failures last."""
        return self._past.update(self.now)

    def waiting(self, now_seconds: float) -> frozenset[str]:
        """The keys of those that are not to be tried again yet."""
        return frozenset(
            name for name, failed in self.now.items() if failed.until_seconds > now_seconds
        )

    def next_seconds(self, now_seconds: float) -> list[float]:
        """How long each of these still waits."""
        waits = (failed.until_seconds - now_seconds for failed in self.now.values())
        return [seconds for seconds in waits if seconds > 0]

    def begins(self, change: IStateChange) -> None:
        """It is tried again."""
        failed = self.now.get(key(change))
        if failed is not None:
            self.now = self.now.set(key(change), replace(failed, until_seconds=0.0))

    def fails(
        self, change: IStateChange, error: BaseException | None, wanted: object, now_seconds: float
    ) -> Failed:
        """It failed; `wanted` is what was `wanted_of` its resources when it began."""
        failed = failed_again(self.now.get(key(change)), error, now_seconds)
        failed = replace(failed, wanted=wanted)
        self.now = self.now.set(key(change), failed)
        self._past = self._past.discard(key(change))
        return failed

    def succeeds(self, change: IStateChange) -> None:
        """It is done."""
        self.now = self.now.discard(key(change))

    def begin_anew(self, view: NodeView) -> None:
        """Forget what failed with things that are wanted otherwise now: nothing of it waits."""
        for failures in (self.now, self._past):
            for name, failed in failures.items():
                if failed.wanted is not None and failed.wanted != wanted_of(view, resources(name)):
                    self.now = self.now.discard(name)
                    self._past = self._past.discard(name)

    def keep(self, keys: Collection[str], going_on: Iterable[IStateChange]) -> None:
        """An error is history when its change is wanted no more, and nothing else is `going_on`."""
        busy = {
            name
            for change in going_on
            if not change.transfers
            for name in change.resources
            if name.startswith(_CONTAINER)
        }
        for name, failed in self.now.items():
            if name not in keys:
                self.now = self.now.discard(name)
                self._past = self._past.set(name, replace(failed, until_seconds=0.0, is_past=True))
        for name in self._past:
            if busy.isdisjoint(resources(name)):
                self._past = self._past.discard(name)


def resources(name: str) -> tuple[str, ...]:
    """What a change of this key works on."""
    return tuple(name.split(" ")[1:])


def wanted_of(view: NodeView, names: Iterable[str]) -> tuple[object, ...]:
    """What the user wants of these resources: another answer means that it was edited."""
    found: list[object] = []
    for name in sorted(names):
        if name.startswith(_CONTAINER):
            found.append(view.containers.get(name.removeprefix(_CONTAINER)))
        elif name.startswith(_DATASET):
            wanted = view.datasets.get(name.removeprefix(_DATASET))
            found.append(None if wanted is None else (wanted.dataset, wanted.move))
        elif name.startswith(_IMAGE):
            image = name.removeprefix(_IMAGE)
            found.append(any(wish.image == image for wish in view.images.values()))
    return tuple(found)
