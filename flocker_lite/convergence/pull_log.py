"""The progress of this node's image pulls, as it is reported, while they go on."""

from __future__ import annotations

from collections.abc import Callable

from pyrsistent import PMap, pmap

from flocker_lite.model.state import ImagePull


class PullLog:
    """The progress of the running pulls, by image."""

    def __init__(self, changed: Callable[[], None] = lambda: None) -> None:
        self.pulls: PMap[str, ImagePull] = pmap()
        self._changed = changed

    def note(self, image: str, progress: ImagePull | None) -> None:
        """The pull has this progress; None: it is over, well or badly."""
        before = self.pulls
        if progress is None:
            self.pulls = before.discard(image)
        else:
            self.pulls = before.set(image, progress)
        if self.pulls != before:
            self._changed()
