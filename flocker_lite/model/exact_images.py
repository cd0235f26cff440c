"""Which exact image a container was made from: a tag may mean a different image on each node."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class ExactImage:
    """What `image`, "repository:tag", means on one node.

    `image_id` is Docker's id, which is the same on every node for the same image. `digests` are the
    names that a registry has for it ("repository@sha256:..."); an image that was built or loaded
    here has none. An `image_id` of "" stands for any image.
    """

    image: str
    image_id: str
    digests: tuple[str, ...] = ()


def digest_for(image: str, digests: tuple[str, ...]) -> str:
    """The digest ("sha256:...") to show for one that was asked for as `image`; "" for none.

    One image may have several: that of the repository that `image` names comes first.
    """
    named = repository(image)
    ours = [each for each in digests if repository(each) == named]
    return next((each.partition("@")[2] for each in (*ours, *digests)), "")


def repository(reference: str) -> str:
    """Without tag and digest, and as Docker shorthand: `docker.io/library/redis:7` is `redis`."""
    path, slash, name = reference.partition("@")[0].rpartition("/")
    name = f"{path}{slash}{name.partition(':')[0]}"
    return name.removeprefix("docker.io/").removeprefix("library/")


def short(image_id: str) -> str:
    """The id as Docker's commands show it."""
    return image_id.removeprefix("sha256:")[:12]
