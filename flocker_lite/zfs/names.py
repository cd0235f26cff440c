"""The names in ZFS of datasets, asides, properties and holds."""

from __future__ import annotations

import re

from flocker_lite.model.identities import UUID_PATTERN, DatasetId

LEASE_PROPERTY = "flocker:lease"
GROUP_PROPERTY = "flocker:group"
RESUME_TOKEN_PROPERTY = "receive_resume_token"
NOTED_PROPERTY = "flocker:properties"
"""On a copy: what users set elsewhere and this ZFS lacks; the next node gets it."""

CONTINUES_PROPERTY = "flocker:continues"
"""On a copy while a part of it is being set aside: the snapshot from which it continues."""

HOLD_TAG = "flocker-lite"

_POOL = re.compile(r"[A-Za-z][A-Za-z0-9_.:-]*(/[A-Za-z0-9_.:-]+)*")
_DATASET_ID = re.compile(UUID_PATTERN)
_ASIDE = re.compile(rf"({_DATASET_ID.pattern})\.([a-z]+)-([0-9]{{1,15}})")
_RESUME_TOKEN = re.compile(r"[0-9a-f]{1,16}(-[0-9a-f]{1,16}){2}-[0-9a-f]{1,4096}")


def is_pool(text: str) -> bool:
    """Whether the text can be the configured pool: a pool's name, or a filesystem's in one."""
    return _POOL.fullmatch(text) is not None


def is_dataset_id(text: str) -> bool:
    """Whether the text has the form of a UUID in lower case."""
    return _DATASET_ID.fullmatch(text) is not None


def is_resume_token(text: str) -> bool:
    """Whether the text has the form of OpenZFS's token for an interrupted stream."""
    return _RESUME_TOKEN.fullmatch(text) is not None


def root(pool: str) -> str:
    """The parent of all our filesystems; we never touch anything outside of it."""
    return f"{pool}/flocker-lite"


def filesystem(pool: str, dataset_id: DatasetId) -> str:
    """The filesystem of a dataset; ValueError when the text is not a dataset id."""
    if not is_dataset_id(dataset_id):
        raise ValueError(f"not a dataset id: {dataset_id!r}")
    return f"{root(pool)}/{dataset_id}"


def aside(dataset_id: DatasetId, reason: str, seconds: int) -> str:
    """The name, below our root, of an aside from that time."""
    return f"{dataset_id}.{reason}-{seconds}"


def of_aside(name: str) -> tuple[DatasetId, str, int] | None:
    """The dataset, the reason and the time in an aside's name; None for another name."""
    match = _ASIDE.fullmatch(name)
    return (match[1], match[3], int(match[4])) if match else None
