"""Tags of the configuration, for conditional writes: a client names the one that it has seen."""

from __future__ import annotations

from collections.abc import Collection

from flocker_lite.errors import FlockerError


class TagMismatch(FlockerError):
    """The configuration is not the one that the client has seen; nothing was changed."""


def tag_of(cluster_id: str, generation: int) -> str:
    """The tag of the configuration of this generation; no other configuration ever has it."""
    return f"{cluster_id}-{generation}"


def require_tag(tags: Collection[str], current: str) -> None:
    """Raise TagMismatch unless one of the tags is the current one; no tags mean no condition."""
    if tags and current not in tags:
        raise TagMismatch(f"Tag doesn't match. Required: {', '.join(tags)}, current: {current}")
