"""The secrets of containers on this node: variables, and files that containers see read-only.

Docker keeps the variables with the container, and the files are below a directory that root alone
may enter. So both are there again after the node restarts, and go with the container.
"""

from __future__ import annotations

import os
import shutil
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from flocker_lite.containers.arguments.merging import HOST
from flocker_lite.errors import ContainerError
from flocker_lite.model.records import Container

DIRECTORY_MODE = 0o700


class SecretFiles:
    """The files, below `folder` of the engine's machine; `root` is where that machine is seen."""

    def __init__(self, folder: str, root: Path = Path("/")) -> None:
        self._folder = folder
        self._root = root

    def write(self, container: Container, values: Mapping[str, bytes]) -> dict[str, str]:
        """Write the files of a container; for each path inside, where the file is here."""
        self.forget(container.name)
        here = self._here(container.name)
        try:
            here.parent.mkdir(parents=True, exist_ok=True, mode=DIRECTORY_MODE)
            here.mkdir(mode=DIRECTORY_MODE)
            for number, file in enumerate(container.secrets):
                path = here / str(number)
                with open(path, "xb", opener=_private) as opened:
                    opened.write(values[file.secret])
                if (file.uid, file.gid) != (0, 0):
                    os.chown(path, file.uid, file.gid)
                path.chmod(file.mode)
        except OSError as error:
            raise ContainerError(
                f"cannot write the secrets of container {container.name}: {error}"
            ) from None
        return {
            file.path: f"{self._folder}/{container.name}/{number}"
            for number, file in enumerate(container.secrets)
        }

    def forget(self, name: str) -> None:
        """Remove those of a container that is no more."""
        shutil.rmtree(self._here(name), ignore_errors=True)

    def _here(self, name: str) -> Path:
        return self._root / self._folder.lstrip("/") / name


@dataclass(frozen=True, slots=True)
class Secrets:
    """What a container is to get, and the values by the names of the secrets."""

    container: Container
    values: Mapping[str, bytes] = field(repr=False)

    def added_to(self, arguments: Mapping[str, Any], files: SecretFiles | None) -> dict[str, Any]:
        """The same body of "create a container" with them, after its files are written."""
        container = self.container
        variables = [
            f"{variable}={self.values[name].decode()}"
            for variable, name in sorted(container.environment_secret.items())
        ]
        host = arguments[HOST]
        if container.secrets and files is None:
            raise ContainerError(f"container {container.name}: there is no place for its secrets")
        written = files.write(container, self.values) if container.secrets and files else {}
        mounts = [
            {"Type": "bind", "Source": source, "Target": target, "ReadOnly": True}
            for target, source in written.items()
        ]
        return {
            **arguments,
            "Env": [*arguments["Env"], *variables],
            HOST: {**host, "Mounts": [*host["Mounts"], *mounts]},
        }


def _private(path: str, flags: int) -> int:
    return os.open(path, flags, 0o600)
