"""The notes of what fencing ended: a folder with files named by the ids of containers.

A fence leaves an empty one for a container that it kills. What the agent stops has one of its own,
which says which run that is, and until when the stop will have ended it. So the note means nothing
to a run that somebody starts later, nor to one that goes on because the stop never happened.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import replace
from pathlib import Path

from twisted.logger import Logger

from flocker_lite import durable
from flocker_lite.model.state import ContainerExit

STOP_SUFFIX = ".stop"
STOP_MARGIN_SECONDS = 60.0
"""How much longer than its time-out a stop may take: Docker has as long to answer."""


class FenceNotes:
    """Reads the notes, and writes those of the agent's stops; without a `folder` there are none."""

    _log = Logger()

    def __init__(self, folder: Path | None, now: Callable[[], float] = time.time) -> None:
        """`now` is in seconds since 1970, as the times at which containers end."""
        self._folder = folder
        self._now = now

    def stops(self, container_id: str, started: str, timeout_seconds: float) -> None:
        """Note, before the stop, that we stop this run; `started` is its start in Docker's words.

        What must be stopped is stopped also when this cannot be written down.
        """
        if self._folder is None:
            return
        until = self._now() + timeout_seconds + STOP_MARGIN_SECONDS
        try:
            durable.write(self._stop_of(self._folder, container_id), f"{until:.3f} {started}")
        except OSError as error:
            self._log.error(
                "cannot note that the agent stops a container; that will count as its own exit",
                container_id=container_id,
                error=str(error),
            )

    def applied(
        self, container_id: str, end: ContainerExit | None, started: str | None = None
    ) -> ContainerExit | None:
        """How the container ended; if fencing ended it, it did not end by itself.

        `started` is when that run started, in Docker's words; None when nobody can tell.
        """
        if end is None or self._folder is None:
            return end
        is_killed = (self._folder / container_id).exists()
        if is_killed or self._is_stopped(self._folder, container_id, end, started):
            return replace(end, by_itself=False)
        return end

    def forget(self, container_id: str) -> None:
        """The container is started, or is no more, so its notes are out of date."""
        if self._folder is not None:
            (self._folder / container_id).unlink(missing_ok=True)
            self._stop_of(self._folder, container_id).unlink(missing_ok=True)

    def _is_stopped(
        self, folder: Path, container_id: str, end: ContainerExit, started: str | None
    ) -> bool:
        with suppress(OSError, ValueError):
            until, _, run = self._stop_of(folder, container_id).read_text("utf-8").partition(" ")
            return end.finished_at <= float(until) and started in (None, run)
        return False

    def _stop_of(self, folder: Path, container_id: str) -> Path:
        return folder / f"{container_id}{STOP_SUFFIX}"
