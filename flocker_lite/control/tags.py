"""Tags, by which a client says of which configuration it thinks when it changes it."""

from __future__ import annotations

from collections.abc import Collection

from flocker_lite.errors import FlockerError


class TagMismatch(FlockerError):
    """The configuration is not the one that the client saw; nothing was changed."""


def tag_of(cluster_id: str, generation: int) -> str:
    """The tag of the configuration of this generation, which no other one ever has."""
    return f"{cluster_id}-{generation}"


def require_tag(tags: Collection[str], current: str) -> None:
    """TagMismatch unless one of the tags is the current one; without any there is no condition."""
    if tags and current not in tags:
        raise TagMismatch(f"Tag doesn't match. Required: {', '.join(tags)}, current: {current}")
