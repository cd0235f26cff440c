"""Edits of which images nodes should have in advance, as pure functions."""

from __future__ import annotations

from uuid import UUID, uuid5

from flocker_lite.errors import NotFound
from flocker_lite.model.editing import edited
from flocker_lite.model.nodes import find_node
from flocker_lite.model.records import Change, Configuration, Edit, Image

_IMAGES = UUID("0d3c5f0c-5f5b-4b6e-9a38-6f0a5f5f7c11")


def find_image(configuration: Configuration, where: str, image: str) -> Image | None:
    """The record that this node should have this image; None when there is none."""
    node = find_node(configuration, where)
    for found in configuration.images.values():
        if (found.node, found.image) == (node, image):
            return found
    return None


def want_image(configuration: Configuration, where: str, image: str) -> Edit:
    """Have a node pull an image in advance; asking for it again changes nothing."""
    if find_image(configuration, where, image) is not None:
        return Edit(configuration)
    node = find_node(configuration, where)
    desired = Image(str(uuid5(_IMAGES, f"{node} {image}")), node, image)
    return edited(configuration, [Change("images", desired.image_id, desired)])


def forget_image(configuration: Configuration, image_id: str) -> Edit:
    """Stop asking for the image; a node that already has it keeps it."""
    if image_id not in configuration.images:
        raise NotFound("Image not found.")
    return edited(configuration, [Change("images", image_id, None)])
