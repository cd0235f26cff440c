"""What fences leave in a folder: files, whose names are the ids of the containers they killed."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from flocker_lite.model.state import End


class FenceNotes:
    """Reads them; without a `folder` there are none."""

    def __init__(self, folder: Path | None) -> None:
        self._folder = folder

    def applied(self, container_id: str, end: End | None) -> End | None:
        """How the container ended; by a fence it did not end by itself."""
        if end is None or self._folder is None or not (self._folder / container_id).exists():
            return end
        return replace(end, by_itself=False)

    def forget(self, container_id: str) -> None:
        """It is started: what ended it before is no news any more."""
        if self._folder is not None:
            (self._folder / container_id).unlink(missing_ok=True)
