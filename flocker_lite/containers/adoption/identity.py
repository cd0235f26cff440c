"""What a container is: its name, its image and its labels; and who manages it today."""

from __future__ import annotations

import re
from collections.abc import Mapping

from flocker_lite.containers import platforms, translate
from flocker_lite.containers.adoption.draft import NONE_OF, Draft, Inspected
from flocker_lite.model.container_fields.identity import tagged

_OURS = "flocker-lite."
_COMPOSE = "com.docker.compose."
_OF_OTHERS: Mapping[str, str] = {
    "com.docker.swarm.": "it is a task of a Swarm service, which would start another one in its "
    "place: run it as a plain container first",
    "io.kubernetes.": "Kubernetes manages it, and would start another one in its place: it cannot "
    "be adopted",
}
_NO_NAME = re.compile("[^a-zA-Z0-9_-]")


def plain_name(docker_name: str) -> str:
    """A name of a container here that is as close to Docker's as possible."""
    return _NO_NAME.sub("-", docker_name)


def add_identity(found: Inspected, draft: Draft) -> None:
    """Its name, image, platform and labels."""
    draft.keep(name=draft.name)
    if draft.name != found.docker_name:
        draft.lose("name", f"{found.docker_name} in Docker would be {draft.name} here")
    _add_image(found, draft)
    _add_labels(found, draft)
    try:
        ours = translate.our_name(found.details)
    except KeyError:
        ours = None
    if ours is not None:
        draft.hinder("labels", f"it is container {ours} of flocker_lite already")


def _add_image(found: Inspected, draft: Draft) -> None:
    image = str(found.config["Image"])
    names = [*(found.image.get("RepoTags") or ()), *(found.image.get("RepoDigests") or ())]
    if _is_id(image, found):
        if not names:
            draft.hinder(
                "image",
                f"its image has no name, by which another node could pull it: `docker tag {image} "
                "NAME:TAG`, push it to a registry, and make the container from that",
            )
            return
        image = names[0]
    elif names and _plain(image) not in map(_plain, names):
        draft.lose(
            "image",
            f"{tagged(image)} is another image by now than the one it runs ({names[0]}, "
            f"{found.details['Image']}): the container here would be made of the newer one",
        )
    elif not found.image:
        draft.lose(
            "image",
            f"the image that it runs ({found.details['Image']}) is no longer on the node: what the "
            f"image gives cannot be told from the container's own, and {tagged(image)} may be "
            "another image by now",
        )
    draft.keep(image=tagged(image))
    own = platforms.platform_of(found.image)
    if own and found.node_platform and not platforms.is_same(own, found.node_platform):
        draft.keep(platform=own)


def _is_id(image: str, found: Inspected) -> bool:
    """Whether the container was made from an id of its image, whole or shortened."""
    identity = str(found.details.get("Image", "")).removeprefix("sha256:")
    return len(image) >= 12 and identity.startswith(image.removeprefix("sha256:"))


def _plain(image: str) -> str:
    """The name of an image without what Docker adds when it is missing."""
    for prefix in ("docker.io/", "index.docker.io/", "library/"):
        image = image.removeprefix(prefix)
    return tagged(image)


def _add_labels(found: Inspected, draft: Draft) -> None:
    labels = found.config.get("Labels") or NONE_OF
    of_image = found.image_config.get("Labels") or NONE_OF
    own = {key: value for key, value in labels.items() if of_image.get(key) != value}
    for prefix, text in _OF_OTHERS.items():
        if any(key.startswith(prefix) for key in own):
            draft.hinder("labels", text)
    project = own.get(f"{_COMPOSE}project")
    if project is not None:
        service = own.get(f"{_COMPOSE}service", "it")
        draft.lose(
            "labels",
            f"Compose manages it, as service {service} of project {project}, by labels that are "
            "left out: take the service out of the Compose file, or `docker compose up` makes "
            "another one beside ours",
        )
    left_out = (_OURS, _COMPOSE)
    draft.keep(labels={key: each for key, each in own.items() if not key.startswith(left_out)})
