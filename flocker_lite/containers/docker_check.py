"""Checks that Docker answers, and which version it is."""

from __future__ import annotations

from pathlib import Path

from zope.interface import implementer

from flocker_lite.containers.connection import Connection
from flocker_lite.errors import DockerAway
from flocker_lite.interfaces.checks import Checked, ICheck
from flocker_lite.interfaces.threads import RunInThread
from flocker_lite.model.diagnosis import Finding

NAME = "docker"


@implementer(ICheck)
class DockerCheck:
    """Asks the engine behind a Unix socket."""

    name = NAME

    def __init__(
        self, run_in_thread: RunInThread, socket_path: str, root: Path = Path("/")
    ) -> None:
        """`root` is where we see the file system of the engine's machine."""
        self._run_in_thread = run_in_thread
        self._connection = Connection(root / socket_path.lstrip("/"))

    async def look(self) -> Checked:
        return await self._run_in_thread(self._look)

    def _look(self) -> Checked:
        try:
            with self._connection.client_for("say its version") as client:
                told = client.version()
        except DockerAway as error:
            remedy = "start it (systemctl start docker), and see its log (journalctl -u docker)"
            return Checked("away", (Finding(NAME, str(error), remedy),))
        finally:
            self._connection.close()
        return Checked(str(told.get("Version", "unknown")))
