"""Images that nodes should have in advance: what a user may do about them, as pure functions."""

from __future__ import annotations

from uuid import UUID, uuid5

from flocker_lite.model.editing import Missing, edited
from flocker_lite.model.nodes import find_node
from flocker_lite.model.records import Change, Configuration, Edit, Image

_IMAGES = UUID("0d3c5f0c-5f5b-4b6e-9a38-6f0a5f5f7c11")


def find_image(configuration: Configuration, where: str, image: str) -> Image | None:
    """The wish that this node has this image; None when there is none."""
    node = find_node(configuration, where)
    for wish in configuration.images.values():
        if (wish.node, wish.image) == (node, image):
            return wish
    return None


def want_image(configuration: Configuration, where: str, image: str) -> Edit:
    """Have an image on a node in advance; wanting it again changes nothing."""
    if find_image(configuration, where, image) is not None:
        return Edit(configuration)
    node = find_node(configuration, where)
    wish = Image(str(uuid5(_IMAGES, f"{node} {image}")), node, image)
    return edited(configuration, [Change("images", wish.image_id, wish)])


def forget_image(configuration: Configuration, image_id: str) -> Edit:
    """Want it no more; what the node has of it, it keeps."""
    if image_id not in configuration.images:
        raise Missing("Image not found.")
    return edited(configuration, [Change("images", image_id, None)])
