"""The notes of fences: a folder with a file for each container that a fence killed."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from flocker_lite.model.state import ContainerExit


class FenceNotes:
    """Reads the notes; without a `folder` there are none."""

    def __init__(self, folder: Path | None) -> None:
        self._folder = folder

    def applied(self, container_id: str, end: ContainerExit | None) -> ContainerExit | None:
        """How the container ended; if a fence killed it, it did not end by itself."""
        if end is None or self._folder is None or not (self._folder / container_id).exists():
            return end
        return replace(end, by_itself=False)

    def forget(self, container_id: str) -> None:
        """The container is started, so its note is out of date."""
        if self._folder is not None:
            (self._folder / container_id).unlink(missing_ok=True)
