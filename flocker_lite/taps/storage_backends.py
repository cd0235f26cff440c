"""The storage backends by the names that `storage:` in agent.yml has for them."""

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
    """Opens a backend, and raises FlockerError that says what to do when its place is not there.

    `pool` says where the data is kept, in words that the backend defines. A dataset is mounted
    below `mount_root`. In the folder `fenced` a file's name is the id of a container that a fence
    killed. `run` runs a command, `run_in_thread` a function that blocks.
    """

    def __call__(
        self,
        *,
        pool: str,
        mount_root: str,
        fenced: Path,
        run: Run,
        run_in_thread: RunInThread,
        reactor: IReactor,
    ) -> Awaitable[StorageBackend]: ...


BACKENDS: dict[str, OpenBackend] = {"zfs": open_zfs}


def backend_named(name: str) -> OpenBackend:
    """The backend of that name; ConfigurationFileError with those that there are."""
    if name not in BACKENDS:
        raise ConfigurationFileError(
            f"`storage` should be one of {', '.join(sorted(BACKENDS))}, and is {name!r}"
        )
    return BACKENDS[name]
