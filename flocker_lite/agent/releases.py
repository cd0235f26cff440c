"""Tells the control service what a container of this node would become if it were released."""

from __future__ import annotations

from dataclasses import replace

from flocker_lite.convergence.context import AgentContext
from flocker_lite.convergence.releasing import require_allowed
from flocker_lite.errors import ContainerError, CopyFailed
from flocker_lite.model import dataset_names
from flocker_lite.model.adoption import Release, Remark
from flocker_lite.model.records import Container
from flocker_lite.protocol.adoptions import AdoptionForbidden, NoSuchContainer


class Releases:
    """Looks at containers of ours, where this node's administrator allows plain ones."""

    def __init__(self, context: AgentContext) -> None:
        self._context = context

    async def look(self, name: str, docker_name: str | None) -> Release:
        """What it would become; `docker_name` is what it is to be called, as here if None."""
        context = self._context
        try:
            require_allowed(context)
        except ContainerError as error:
            raise AdoptionForbidden(f"{str(error).capitalize()}.") from None
        container = context.desired.container(name)
        have = await context.containers.look(name)
        if container is None or have is None:
            raise NoSuchContainer(f"Container {name} is not on its node yet: ask again.")
        found = await context.foreign.release(
            container, self._names(container), docker_name, have.stays_behind
        )
        hindrances = [*found.hindrances]
        if not have.running or have.paused:
            hindrances.append(Remark("running", "it does not run: start it, or unpause it, first"))
        if container.volumes:
            try:
                await context.directories.require()
            except CopyFailed as error:
                hindrances.append(Remark("volumes", str(error)))
        return replace(found, hindrances=tuple(hindrances))

    def _names(self, container: Container) -> dict[str, str]:
        """The names of its datasets, as far as they have one."""
        view = self._context.desired.view
        known = {} if view is None else view.datasets
        return {
            volume.dataset_id: known[volume.dataset_id].dataset.metadata[dataset_names.NAME]
            for volume in container.volumes
            if volume.dataset_id in known
            and dataset_names.NAME in known[volume.dataset_id].dataset.metadata
        }
