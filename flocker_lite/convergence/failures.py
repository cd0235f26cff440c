"""The failed changes of a node, until they succeed or the configuration changes."""

from __future__ import annotations

from collections.abc import Collection, Iterable
from dataclasses import replace

from pyrsistent import PMap, pmap

from flocker_lite.errors import DockerAway, InUse
from flocker_lite.model.identities import DatasetId
from flocker_lite.model.records import Container, Registry
from flocker_lite.model.registries import login_for
from flocker_lite.model.state import NodeView
from flocker_lite.planner.backoff import Failed, failed_once_more
from flocker_lite.planner.changes import ChangeKey, IStateChange, key
from flocker_lite.planner.resources import (
    ContainerResource,
    CopyResource,
    DatasetResource,
    ImageResource,
    Resource,
)


class Failures:
    """The changes that failed, by their keys.

    `now` are those that wait or are tried again. `shown` also has the last error of a container
    whose next change is another one: until a change succeeds, that error is what users need.
    """

    def __init__(self) -> None:
        self.now: PMap[ChangeKey, Failed] = pmap()
        self._past: PMap[ChangeKey, Failed] = pmap()

    @property
    def shown(self) -> PMap[ChangeKey, Failed]:
        """The failures that users see; a present one takes the place of an earlier one."""
        return self._past.update(self.now)

    def waiting(self, now_seconds: float) -> frozenset[ChangeKey]:
        """The keys of the changes that must not be tried again yet."""
        return frozenset(
            name for name, failed in self.now.items() if failed.until_seconds > now_seconds
        )

    def next_seconds(self, now_seconds: float) -> list[float]:
        """How long each failed change still waits."""
        waits = (failed.until_seconds - now_seconds for failed in self.now.values())
        return [seconds for seconds in waits if seconds > 0]

    def begins(self, change: IStateChange) -> None:
        """The change is tried again."""
        failed = self.now.get(key(change))
        if failed is not None:
            self.now = self.now.set(key(change), replace(failed, until_seconds=0.0))

    def fails(
        self, change: IStateChange, error: BaseException | None, desired: object, now_seconds: float
    ) -> Failed:
        """The change failed; `desired` is what `desired_of` its resources was at its start."""
        failed = failed_again(self.now.get(key(change)), error, now_seconds)
        failed = replace(failed, desired=desired)
        self.now = self.now.set(key(change), failed)
        self._past = self._past.discard(key(change))
        return failed

    def succeeds(self, change: IStateChange) -> None:
        """The change succeeded."""
        self.now = self.now.discard(key(change))

    def begin_anew(self, view: NodeView) -> None:
        """Forget the failures of resources that users have edited since: nothing waits for them."""
        for failures in (self.now, self._past):
            for failing, failed in failures.items():
                desired = desired_of(view, failing.resources)
                if failed.desired is not None and failed.desired != desired:
                    self.now = self.now.discard(failing)
                    self._past = self._past.discard(failing)

    def keep(self, keys: Collection[ChangeKey], going_on: Iterable[IStateChange]) -> None:
        """Keep the failures of the changes that are still planned.

        A failure that a container's next change replaces is still shown while that is `going_on`.
        """
        busy = {
            resource
            for change in going_on
            if not change.transfers
            for resource in change.resources
            if isinstance(resource, ContainerResource)
        }
        for failing, failed in self.now.items():
            if failing not in keys:
                self.now = self.now.discard(failing)
                past = replace(failed, until_seconds=0.0, is_past=True)
                self._past = self._past.set(failing, past)
        for failing in self._past:
            if busy.isdisjoint(failing.resources):
                self._past = self._past.discard(failing)


def failed_again(before: Failed | None, error: BaseException | None, now_seconds: float) -> Failed:
    """The failure after this error: it waits longer than `before`."""
    text = str(error) or type(error).__name__
    return failed_once_more(before, text, now_seconds, isinstance(error, (DockerAway, InUse)))


def desired_of(view: NodeView, resources: Iterable[Resource]) -> tuple[object, ...]:
    """The configuration of these resources, to compare: a different value means a user's edit.

    With what the node logs in to the registry of an image is a part of it.
    """
    found: list[object] = []
    for resource in sorted(resources, key=str):
        match resource:
            case ContainerResource(name):
                container = view.containers.get(name)
                found.append(None if container is None else (container, _login(view, container)))
            case DatasetResource(dataset_id):
                desired = view.datasets.get(dataset_id)
                users = _users(view, dataset_id)
                retried = sum(container.retry_generation for container in users)
                logins = [_login(view, container) for container in users]
                edited = None if desired is None else (desired.dataset, desired.move)
                found.append(None if edited is None else (*edited, retried, logins))
            case CopyResource(dataset_id, node_id):
                desired = view.datasets.get(dataset_id)
                copied = desired.dataset if desired is not None else None
                found.append((copied, node_id in view.away))
            case ImageResource(image):
                is_desired = any(each.image == image for each in view.images.values())
                found.append((is_desired, login_for(image, view.logins.values())))
    return tuple(found)


def _users(view: NodeView, dataset_id: DatasetId) -> list[Container]:
    """The container that uses the dataset; both, while one takes it over from another."""
    return [
        container
        for _, container in sorted(view.containers.items())
        if any(volume.dataset_id == dataset_id for volume in container.volumes)
    ]


def _login(view: NodeView, container: Container) -> Registry | None:
    return login_for(container.image, view.logins.values())
