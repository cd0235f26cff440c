"""A filesystem of the storage that somebody made, before it becomes a dataset; pure."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class FoundFilesystem:
    """A filesystem beside ours. Sizes are in bytes; without a `path` it is mounted nowhere.

    `maximum_size` is the limit of its data, None for none. `why_not` says why it cannot become a
    dataset as it is, in words; None if it can.
    """

    name: str
    path: str | None
    used_bytes: int
    maximum_size: int | None = None
    why_not: str | None = None
