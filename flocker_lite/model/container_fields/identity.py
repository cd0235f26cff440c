"""What a container is: its name, where it runs, its image, and what Docker calls it by."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from pyrsistent import pmap

from flocker_lite.model.fields import Schema, described, exactly, reference


@dataclass(frozen=True, slots=True)
class Membership:
    """Which service of which application a container is."""

    name: str
    service: str


APPLICATION_NAME: Schema = {
    "type": "string",
    "x-words": "a name of 1 to 63 lower-case letters, digits, hyphens and underscores, which "
    "begins with a letter or a digit",
    "pattern": r"^[a-z0-9][a-z0-9_-]{0,62}$(?!\n)",
}
SERVICE_NAME: Schema = {
    "type": "string",
    "x-words": "a name of 1 to 63 letters, digits, dots, hyphens and underscores",
    "pattern": r"^[A-Za-z0-9_][A-Za-z0-9._-]{0,62}$(?!\n)",
}


def tagged(image: str) -> str:
    """The image with the tag `latest` when there is no colon in it.

    "registry:5000/name" is answered as it came, as ever; Docker takes it for its `latest`.
    """
    return image if ":" in image else f"{image}:latest"


NAME = described(
    "What it is called in the cluster.",
    reference("ContainerName"),
    identity=True,
    required=True,
)
NODE = described(
    "The node on which it runs: its address, host name or UUID.",
    reference("NodeName"),
    reference("Address"),
    name="host",
    parse=str,
    is_node=True,
    leads=True,
    required=True,
)
IMAGE = described(
    "What it is made of, as Docker calls it.",
    reference("Image"),
    parse=tagged,
    required=True,
)
PLATFORM = described(
    "The platform of its image, where it is not the node's own, such as ``linux/arm64/v8``.",
    {
        "description": "Docker's `--platform`: an operating system, an architecture and perhaps "
        "its variant.\nWithout it an image is pulled for the node's own platform.\n",
        "type": "string",
        "x-words": 'a platform such as "linux/amd64" or "linux/arm64/v8"',
        "pattern": r"^[a-z0-9]{1,32}/[a-z0-9_]{1,32}(/[a-z0-9.]{1,32})?$(?!\n)",
    },
    protocol=2,
)
LABELS = described(
    "Labels that Docker shows of it, besides those of its image.",
    {
        "description": "Labels that Docker shows of it, besides those of its image. Names "
        "that begin with flocker-lite. are taken.",
        "type": "object",
        "x-words": "an object of at most 256 labels, each with a text",
        "x-key-words": "the name of a label, of 1 to 256 characters in one line, that does "
        "not begin with flocker-lite.",
        "maxProperties": 256,
        "patternProperties": {
            r"^(?!flocker-lite\.)[^\u0000\n]{1,256}$(?!\n)": {
                "type": "string",
                "x-words": "a text of at most 16384 characters without a NUL",
                "maxLength": 16384,
                "pattern": r"^[^\u0000]*$",
            }
        },
        "additionalProperties": False,
    },
    parse=pmap,
    render=dict,
)


def _membership(body: Mapping[str, str]) -> Membership:
    """Of what passed the schema."""
    return Membership(body["name"], body["service"])


def _membership_body(membership: Membership) -> dict[str, str]:
    """As JSON."""
    return {"name": membership.name, "service": membership.service}


APPLICATION = described(
    "The application, and which of its services it is; `applications <applications.rst>`_ have it.",
    {
        "description": "The application that it belongs to, and which of its services it is.",
        "x-words": 'an object such as {"name": "shop", "service": "db"}',
        **exactly(name=APPLICATION_NAME, service=SERVICE_NAME),
    },
    parse=_membership,
    render=_membership_body,
)
