"""Gives a new dataset the owner that its place in the image has, as Docker does with a new volume.

Otherwise a program that does not begin as root could not write to it. Docker shows what an image
has at a path only in a container, and in ours the dataset is there; so we ask one that is made for
that, without datasets, and never started.
"""

from __future__ import annotations

import stat
import tarfile
from collections.abc import Callable, Iterable, Sequence
from contextlib import suppress
from os import chown
from pathlib import Path
from typing import Any

from docker import APIClient
from docker import errors as docker_errors

from flocker_lite.containers.data_binds import DataBind

NAME_PREFIX = "flocker-owners--"
NEW_MODE = 0o755
"""That of a dataset that was just created."""

WORLD_WRITABLE = stat.S_ISVTX | stat.S_IWOTH
"""What no dataset gets: users of the node could write to it."""


def new_ones(binds: Iterable[DataBind], here: Callable[[str], Path]) -> tuple[DataBind, ...]:
    """Those whose dataset, which is mounted, is empty and root's, as when it was created."""
    return tuple(bind for bind in binds if bind.subpath is None and _is_new(here(bind.root)))


def give(
    client: APIClient,
    name: str,
    image_id: str,
    binds: Sequence[DataBind],
    here: Callable[[str], Path],
) -> None:
    """Give each dataset the owner and the mode of the directory at that path of the image.

    Where the image has no directory, the dataset stays as it is. Docker's errors pass through.
    """
    aside = f"{NAME_PREFIX}{name}"
    _remove(client, aside)
    client.create_container(image_id, command=["-"], name=aside)
    try:
        for bind in binds:
            owner = _directory(client, aside, bind.target)
            if owner is not None:
                path = here(bind.root)
                chown(path, owner.uid, owner.gid)
                path.chmod(owner.mode & ~WORLD_WRITABLE)
    finally:
        _remove(client, aside)


def _is_new(path: Path) -> bool:
    try:
        found = path.stat()
        is_roots = (found.st_uid, found.st_gid, stat.S_IMODE(found.st_mode)) == (0, 0, NEW_MODE)
        return is_roots and not any(path.iterdir())
    except OSError:
        return False  # its storage went away


def _directory(client: APIClient, container: str, path: str) -> tarfile.TarInfo | None:
    """The directory at a path of a container; None if there is none.

    The answer has all that is in it. We read the beginning, which the client's own `get_archive`
    could not do without leaving a connection to the garbage collector.
    """
    response: Any = client.get(
        f"{client.base_url}/v{client.api_version}/containers/{container}/archive",
        params={"path": f"{path}/."},
        headers={"Accept-Encoding": "identity"},
        stream=True,
        timeout=client.timeout,
    )
    try:
        if not response.ok:
            return None
        archive = tarfile.open(fileobj=response.raw, mode="r|", bufsize=tarfile.BLOCKSIZE)  # noqa: SIM115
        found = archive.next()
        return found if found is not None and found.isdir() else None
    finally:
        response.close()


def _remove(client: APIClient, container: str) -> None:
    with suppress(docker_errors.NotFound):
        client.remove_container(container, v=True, force=True)
