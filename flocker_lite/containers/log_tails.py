"""The last lines of containers that ended with an error; blocks, so use it in threads."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import replace

from flocker_lite.containers import output
from flocker_lite.containers.connection import Connection
from flocker_lite.errors import ContainerError
from flocker_lite.model.state import LocalContainer

LINES_MAX = 20
BYTES_MAX = 4096
"""The limit of these lines together, since each report of the container has them."""

READ_BYTES_MAX = 1024 * 1024
"""We stop reading here, even if the lines are longer."""


class LogTails:
    """Asks Docker once for each end of a container."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection
        self._known: dict[tuple[str, float], tuple[str, ...]] = {}

    def added(self, local: LocalContainer) -> LocalContainer:
        """The container, with its last lines if it ended by itself and with an error."""
        end = local.last_exit
        if end is None or end.exit_code == 0 or not end.by_itself:
            return local
        key = local.instance, end.finished_at
        if key not in self._known:
            self._known[key] = self._asked(local.instance)
        return replace(local, last_exit=replace(end, output=self._known[key]))

    def keep(self, instances: Collection[str]) -> None:
        """Forget the lines of all other containers."""
        for key in list(self._known):
            if key[0] not in instances:
                self._known.pop(key, None)

    def _asked(self, container_id: str) -> tuple[str, ...]:
        """The last lines; none if Docker cannot read them, since not every log driver can."""
        try:
            with self._connection.client_for("read the last output of a container") as client:
                reader = output.begin(client, container_id, LINES_MAX, follow=False)
            try:
                said = b""
                while len(said) < READ_BYTES_MAX and (chunk := reader.read()):
                    said += chunk
            finally:
                reader.close()
        except ContainerError:
            return ()
        return last_lines(said)


def last_lines(said: bytes) -> tuple[str, ...]:
    """As many of the last lines as we may keep; of a line that is too long, its end."""
    kept = said[-BYTES_MAX:]
    lines = kept.decode("utf-8", "replace").splitlines()
    is_cut = len(kept) < len(said) and said[-BYTES_MAX - 1 : -BYTES_MAX] != b"\n"
    if is_cut and len(lines) > 1:
        lines = lines[1:]
    return tuple(lines[-LINES_MAX:])
