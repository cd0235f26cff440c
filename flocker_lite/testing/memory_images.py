"""The images of containers in memory: those of a node, and those that its registry has."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping

from flocker_lite.errors import ImageError
from flocker_lite.model.exact_images import ExactImage
from flocker_lite.model.registries import registry_of
from flocker_lite.testing.made_containers import made_up_id

LAYER_BYTES = 1000
PLATFORM = "linux/amd64"
"""What all nodes, and all images, are for."""


def exact_image(
    image: str, pulled: Iterable[str], ids: Mapping[str, str], by_digest: Mapping[str, str]
) -> ExactImage | None:
    """The image of this name or id among those `pulled`; `by_digest` are the ids of the rest."""
    for name in pulled:
        image_id = ids.get(name, made_up_id(name))
        if image in (name, image_id):
            at = (digest for digest, known in by_digest.items() if known == image_id)
            return ExactImage(image, image_id, tuple(at))
    return None


def require_published(
    image: str, published: Collection[str] | None, private: Collection[str], platform: str | None
) -> None:
    """ImageError unless whoever may not see `private` registries gets it for that platform."""
    is_hidden = registry_of(image) in private
    if is_hidden or (published is not None and image not in published):
        raise ImageError(f"image {image} could not be pulled: there is none")
    if platform not in (None, PLATFORM):
        raise ImageError(f"image {image} is not for platform {platform}: it is for {PLATFORM}")
