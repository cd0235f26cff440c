"""The digests by which registries know the images of containers; Docker's list lacks them."""

from __future__ import annotations

import threading
from collections.abc import Mapping
from typing import Any

from docker import APIClient
from docker import errors as docker_errors

IMAGES_MAX = 1000


class ImageDigests:
    """Asks Docker once for each image; for several threads at once.

    An image that was built here gets its digest later, when it is pushed. We see that when we next
    inspect the image for another reason.
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._known: dict[str, tuple[str, ...]] = {}

    def remember(self, image_id: str, digests: tuple[str, ...]) -> None:
        """Keep what Docker said of an image just now, and forget the oldest of too many."""
        with self._lock:
            self._known.pop(image_id, None)
            self._known[image_id] = digests
            if len(self._known) > IMAGES_MAX:
                del self._known[next(iter(self._known))]

    def of(self, image_id: str, client: APIClient) -> tuple[str, ...]:
        """Each as "repository@sha256:..."; none if the image was removed by force."""
        known = self._known.get(image_id)
        if known is None:
            try:
                known = digests_in(client.inspect_image(image_id))
            except docker_errors.NotFound:
                known = ()
            except docker_errors.APIError:
                return ()  # all else that we know of the container is worth more
            self.remember(image_id, known)
        return known


def digests_in(details: Mapping[str, Any]) -> tuple[str, ...]:
    """The digests in Docker's "inspect" of an image, in order."""
    return tuple(sorted(details.get("RepoDigests") or ()))
