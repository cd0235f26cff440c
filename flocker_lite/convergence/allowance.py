"""What this node's administrator lets containers have of it, whatever the configuration says."""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import dataclass

from flocker_lite.errors import ContainerError
from flocker_lite.model.allowance import (
    AGENT_FILE,
    Need,
    is_below,
    missing,
    needs,
    overlap,
    with_more,
)
from flocker_lite.model.records import Container


@dataclass(frozen=True, slots=True)
class Allowance:
    """The entries of `allow`, and the file that has them; `real_path` follows symbolic links.

    No container gets what is in `mount_root`, where the datasets are, or has it: it would have the
    data of others, and hold what is to move.
    """

    entries: tuple[str, ...] = ()
    file: str = AGENT_FILE
    mount_root: str | None = None
    real_path: Callable[[str], str] = os.path.realpath

    def require(self, container: Container) -> None:
        """ContainerError, with the line to write, when the container needs more."""
        lacks = missing(container, self.entries) or self._led_away(container)
        if lacks:
            raise ContainerError(
                f"this node does not allow {', '.join(need.word for need in lacks)}: write "
                f"`{with_more(self.entries, lacks)}` into {self.file}, and restart the agent"
            )
        for bind in container.bind_mounts:
            if self._has_datasets(bind.host_path):
                raise ContainerError(
                    f"{bind.host_path} has datasets, which are in {self.mount_root}: name them in "
                    "volumes"
                )

    def _has_datasets(self, path: str) -> bool:
        """Whether it has some in it, or is in one."""
        if self.mount_root is None:
            return False
        return overlap(self.real_path(path), self.real_path(self.mount_root))

    def _led_away(self, container: Container) -> tuple[Need, ...]:
        """What a symbolic link leads to, out of the directory that is allowed.

        A container that writes to the directory could make such a link. A path that is an entry
        itself may lead anywhere: the administrator named it.
        """
        directories = [self.real_path(entry) for entry in self.entries if entry.startswith("/")]
        found = [
            Need(need.field, self.real_path(need.word))
            for need in needs(container)
            if need.word.startswith("/") and need.word not in self.entries
        ]
        return tuple(
            need
            for need in found
            if need.word not in directories
            and not any(is_below(need.word, directory) for directory in directories)
        )
