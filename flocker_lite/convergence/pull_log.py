"""How far the pulls of this node are, as it is reported; there only while they go on."""

from __future__ import annotations

from collections.abc import Callable

from pyrsistent import PMap, pmap

from flocker_lite.model.state import ImagePull


class PullLog:
    """The pulls that are going on, by image."""

    def __init__(self, changed: Callable[[], None] = lambda: None) -> None:
        self.pulls: PMap[str, ImagePull] = pmap()
        self.changed = changed

    def note(self, image: str, progress: ImagePull | None) -> None:
        """The pull is that far; None: it is over, well or badly."""
        before = self.pulls
        if progress is None:
            self.pulls = before.discard(image)
        else:
            self.pulls = before.set(image, progress)
        if self.pulls != before:
            self.changed()
