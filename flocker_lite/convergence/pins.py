"""Which exact image a container is to be made from: the one that it runs with where it comes from.

A tag may mean an older version on the destination, and a database does not survive that. So the
source names the image with its request that the container be prepared, before anything is stopped.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping

from pyrsistent import PMap, pmap

from flocker_lite.errors import ImageError
from flocker_lite.interfaces import IContainers
from flocker_lite.model.exact_images import ExactImage, short
from flocker_lite.model.records import Container, NodeId


class Pins:
    """The images that were named, by the container's name in the API; `changed` is told of it."""

    def __init__(self) -> None:
        self.changed: Callable[[], None] = lambda: None
        self.pinned: PMap[str, ExactImage] = pmap()

    def pin(self, name: str, image: ExactImage | None) -> None:
        """From now on the container is made from this one; None: from what its tag means here."""
        if image == self.pinned.get(name):
            return
        self.pinned = self.pinned.discard(name) if image is None else self.pinned.set(name, image)
        self.changed()

    def keep(self, wanted: Mapping[str, Container], me: NodeId) -> None:
        """Forget what was named for containers that are not wanted here, as far as is known now."""
        for name in self.pinned:
            container = wanted.get(name)
            if container is None or container.node != me:
                self.pinned = self.pinned.discard(name)


async def have_exactly(
    containers: IContainers, pull: Callable[[str], Awaitable[None]], name: str, pin: ExactImage
) -> str:
    """Have the pinned image here, by its id, a digest or its tag; ImageError with both ids."""
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
    """Why a container cannot be made here as it is where it comes from, with both ids."""
    other = f"{pin.image} is {short(here.image_id)} here" if here is not None else "none is here"
    way = why or "no registry has it by a digest"
    return ImageError(
        f"container {name} runs with image {pin.image} {short(pin.image_id)}, and {other}; {way}: "
        f"`docker save` it there and `docker load` it here, or move with image_may_differ"
    )
