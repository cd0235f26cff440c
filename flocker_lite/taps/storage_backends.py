"""The storage backends, by their names in `storage:` of agent.yml."""

from __future__ import annotations

from collections.abc import Awaitable
from pathlib import Path
from typing import Protocol

from flocker_lite.errors import ConfigurationFileError
from flocker_lite.interfaces import StorageBackend
from flocker_lite.interfaces.reactor import IReactor
from flocker_lite.interfaces.threads import RunInThread
from flocker_lite.processes import Run
from flocker_lite.zfs.backend import open_zfs


class OpenBackend(Protocol):
    """Opens a backend; FlockerError, which says what to do, when its pool is missing.

    `pool` says where the data is kept, in words that the backend defines. A dataset is mounted
    below `mount_root`. A fence that kills a container leaves a file in the folder `fenced`, named
    by the container's id. Fences that outlive the agent have their sockets in the folder `fences`;
    they keep the device `watchdog`, if one is named, while a deadline is armed. `run` runs a
    command, `run_in_thread` a function that blocks.
    """

    def __call__(
        self,
        *,
        pool: str,
        mount_root: str,
        fenced: Path,
        fences: Path,
        watchdog: str | None,
        run: Run,
        run_in_thread: RunInThread,
        reactor: IReactor,
    ) -> Awaitable[StorageBackend]: ...


BACKENDS: dict[str, OpenBackend] = {"zfs": open_zfs}


def backend_named(name: str) -> OpenBackend:
    """The backend of that name; ConfigurationFileError, with all names, if there is none."""
    if name not in BACKENDS:
        raise ConfigurationFileError(
            f"`storage` should be one of {', '.join(sorted(BACKENDS))}, and is {name!r}"
        )
    return BACKENDS[name]
