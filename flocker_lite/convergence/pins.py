"""Pins: the exact image with which a container that moves here runs at its source.

The tag may be an older version on the destination, and a database does not survive that. So the
source names the image when it asks the destination to prepare the container, before any stop.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping

from pyrsistent import PMap, pmap

from flocker_lite.errors import ImageError
from flocker_lite.interfaces import IContainers
from flocker_lite.model.exact_images import ExactImage, short
from flocker_lite.model.records import Container, NodeId


class Pins:
    """The pinned images, by the container's name; `changed` is called when one changes."""

    def __init__(self, changed: Callable[[], None] = lambda: None) -> None:
        self._changed = changed
        self.pinned: PMap[str, ExactImage] = pmap()

    def pin(self, name: str, image: ExactImage | None) -> None:
        """Create the container from this image from now on; None: from its tag."""
        if image == self.pinned.get(name):
            return
        self.pinned = self.pinned.discard(name) if image is None else self.pinned.set(name, image)
        self._changed()

    def keep(self, desired: Mapping[str, Container], me: NodeId) -> None:
        """Forget the pins of containers that, by this configuration, do not belong to this node."""
        for name in self.pinned:
            container = desired.get(name)
            if container is None or container.node != me:
                self.pinned = self.pinned.discard(name)


async def pull_exactly(
    containers: IContainers, pull: Callable[[str], Awaitable[None]], name: str, pin: ExactImage
) -> str:
    """Get the pinned image by its id, a digest or its tag, and return its id; else ImageError."""
    if await containers.image(pin.image_id) is not None:
        return pin.image_id
    why = ""
    for digest in pin.digests:
        try:
            await pull(digest)
        except ImageError as error:
            why = str(error)
        else:
            found = await containers.image(digest)
            if found is not None and found.image_id == pin.image_id:
                return pin.image_id
    if await containers.image(pin.image) is None:
        try:
            await pull(pin.image)
        except ImageError as error:
            why = str(error)
    here = await containers.image(pin.image)
    if here is None or here.image_id != pin.image_id:
        raise _refusal(name, pin, here, why)
    return pin.image_id


def _refusal(name: str, pin: ExactImage, here: ExactImage | None, why: str) -> ImageError:
    """The error, with the ids of the pinned image and of the one that is here."""
    other = f"{pin.image} is {short(here.image_id)} here" if here is not None else "none is here"
    way = why or "no registry has it by a digest"
    return ImageError(
        f"container {name} runs with image {pin.image} {short(pin.image_id)}, and {other}; {way}: "
        f"`docker save` it there and `docker load` it here, or move with image_may_differ"
    )
