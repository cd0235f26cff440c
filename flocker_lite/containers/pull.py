"""One pull of an image by the Docker engine; its steps block, so use them in threads."""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping
from typing import Any

from docker import errors as docker_errors

from flocker_lite.containers import pull_progress
from flocker_lite.containers.errors import UNREACHABLE, words
from flocker_lite.errors import ImageError
from flocker_lite.model.state import ImagePull

PROGRESS_SECONDS = 0.5


class Pull:
    """A pull, with Docker's lines about it; Docker aborts it when nobody reads them any more."""

    def __init__(self, image: str, lines: Iterator[Mapping[str, Any]]) -> None:
        self._image = image
        self._lines = lines
        self._layers = pull_progress.Layers()

    def advance(self) -> ImagePull | None:
        """Block for a moment and return the progress; None when it is complete.

        ImageError if it failed.
        """
        tell_at = time.monotonic() + PROGRESS_SECONDS
        failed: str | None = None
        try:
            # An error is Docker's last line. We read to the end, so that the connection can be
            # used again.
            for line in self._lines:
                failed = line.get("error", failed)
                self._layers.take(line)
                if failed is None and time.monotonic() >= tell_at:
                    return self._layers.progress
        except docker_errors.APIError as error:
            raise ImageError(pull_progress.pull_error(self._image, words(error))) from error
        except UNREACHABLE as error:
            raise ImageError(
                f"image {self._image} could not be pulled: Docker does not answer ({error})"
            ) from error
        if failed is not None:
            raise ImageError(pull_progress.pull_error(self._image, failed))
        return None
