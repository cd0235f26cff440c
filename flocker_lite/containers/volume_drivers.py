"""Has this node's Docker use our volume driver once, because Swarm looks only at drivers in use."""

from __future__ import annotations

from flocker_lite.containers.connection import Connection
from flocker_lite.interfaces.threads import RunInThread


class VolumeDrivers:
    """The volume drivers of the Docker engine behind a Unix socket."""

    def __init__(self, run_in_thread: RunInThread, connection: Connection) -> None:
        self._run_in_thread = run_in_thread
        self._connection = connection

    def close(self) -> None:
        """Close the idle connections."""
        self._connection.close()

    async def use(self, name: str) -> bool:
        """Have Docker ask the driver for its volumes, unless it knows it; whether it does now.

        A Docker that was restarted knows no driver. ContainerError when Docker does not answer.
        """
        knows: bool = await self._run_in_thread(self._use, name)
        return knows

    def _use(self, name: str) -> bool:
        with self._connection.client_for("list its volume drivers") as client:
            if not self._knows(client.info(), name):
                client.volumes()
                return self._knows(client.info(), name)
        return True

    def _knows(self, info: dict[str, object], name: str) -> bool:
        plugins = info.get("Plugins")
        volumes = plugins.get("Volume") if isinstance(plugins, dict) else None
        return name in (volumes or ())
