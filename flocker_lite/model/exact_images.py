"""Which image exactly a container was made from: a tag may mean another one on each node."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class ExactImage:
    """What `image`, "repository:tag", means on one node.

    `image_id` is Docker's, the same wherever it is the same image. `digests` are what a registry
    has it by ("repository@sha256:..."): none of one that was built or loaded here. An `image_id` of
    "" stands for any.
    """

    image: str
    image_id: str
    digests: tuple[str, ...] = ()


def short(image_id: str) -> str:
    """The id as Docker's commands show it."""
    return image_id.removeprefix("sha256:")[:12]
