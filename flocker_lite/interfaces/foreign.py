"""The interface to the containers of a node that flocker_lite did not make."""

from __future__ import annotations

from collections.abc import Awaitable, Collection, Mapping

from zope.interface import Interface

from flocker_lite.model.adoption import Adoption, ForeignContainer, Release, RestartByDocker
from flocker_lite.model.records import Container, DatasetId, HealthCheck


class IForeignContainers(Interface):
    """All containers of one node, whoever made them. An adoption stops and renames one of them.

    A release makes one.

    Methods that take an `instance`, the whole id of a container in Docker, raise NotFound when
    there is none, unless they say otherwise. All raise ContainerError when Docker does not answer.
    """

    def adoption(
        container: str, name: str | None, allow: Collection[str], measures: bool = True
    ) -> Awaitable[Adoption]:
        """What a container would become, on this node, which allows that.

        `container` is its name or its id in Docker, `name` what it is to be called; as in Docker
        if that is None. If it `measures`, it does so for a few seconds at most. NotFound when there
        is no such container.
        """

    def data(
        kind: str, name: str, allow: Collection[str], measures: bool = True
    ) -> Awaitable[Adoption]:
        """What a volume of Docker's ("volume") or a directory ("bind") would become by itself.

        `name` is that of the volume, or the path; `allow` is what this node allows. It has one
        source and no fields. NotFound when there is no such volume.
        """

    def look(instance: str) -> Awaitable[ForeignContainer | None]:
        """The container as it is now; None when there is none."""

    def stop(instance: str) -> Awaitable[None]:
        """Stop it, with SIGKILL after its own time-out; then it has no process. Idempotent."""

    def start(instance: str) -> Awaitable[None]:
        """Start it. Idempotent."""

    def rename(instance: str, name: str) -> Awaitable[None]:
        """Give it that name in Docker; Conflict when another container has the name. Idempotent."""

    def set_restart_policy(instance: str, policy: RestartByDocker) -> Awaitable[None]:
        """Have Docker restart it by that policy from now on. Idempotent."""

    def release(
        container: Container,
        datasets: Mapping[DatasetId, str],
        docker_name: str | None,
        stays_behind: Collection[str],
    ) -> Awaitable[Release]:
        """What a container of ours would become, under names that are free on this node.

        `datasets` has the names of its datasets, `docker_name` what it is to be called; as here if
        that is None. `stays_behind` are the paths of its volumes of Docker's that are no datasets.
        """

    def make_volume(name: str, mark: str) -> Awaitable[str]:
        """Make an empty volume with this mark, and return the path of its directory on the node.

        Conflict when there is one of that name without the mark. Idempotent.
        """

    def remove_volume(name: str, mark: str) -> Awaitable[None]:
        """Remove the volume of that name if it has the mark. Idempotent."""

    def make(
        name: str,
        container: Container,
        volumes: Mapping[DatasetId, str],
        address: str,
        image_id: str | None,
        secrets: Mapping[str, bytes],
    ) -> Awaitable[str]:
        """Create a plain container like this one of ours, under this name; its id.

        It has these volumes for its datasets, by their names, no restart policy, and nothing of
        ours. `address`, `image_id` and `secrets` are as in `IContainers.prepare`. A container of
        that name is replaced.
        """

    def remove(container: str) -> Awaitable[None]:
        """Remove the container of that name or id with its processes, but not its data.

        Idempotent.
        """

    def answers(
        instance: str, check: HealthCheck | None, timeout_seconds: float
    ) -> Awaitable[str | None]:
        """Wait until the container serves: see `IContainers.answers`, with this health check."""
