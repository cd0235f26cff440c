"""How a dataset, and what belongs to it, is called in ZFS."""

from __future__ import annotations

import re

from flocker_lite.model.records import DatasetId

LEASE_PROPERTY = "flocker:lease"
GROUP_PROPERTY = "flocker:group"
RESUME_TOKEN_PROPERTY = "receive_resume_token"
HOLD_TAG = "flocker-lite"

_POOL = re.compile(r"[A-Za-z][A-Za-z0-9_.:-]*(/[A-Za-z0-9_.:-]+)*")
_DATASET_ID = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}")

_RESUME_TOKEN = re.compile(r"[0-9a-f]{1,16}(-[0-9a-f]{1,16}){2}-[0-9a-f]{1,4096}")


def is_pool(text: str) -> bool:
    """Whether it may be given as the pool: the name of a pool or of a filesystem in one."""
    return _POOL.fullmatch(text) is not None


def is_dataset_id(text: str) -> bool:
    """Whether it has the form of a UUID in lower case."""
    return _DATASET_ID.fullmatch(text) is not None


def is_resume_token(text: str) -> bool:
    """Whether it has the form of what OpenZFS gives for a stream that was cut."""
    return _RESUME_TOKEN.fullmatch(text) is not None


def root(pool: str) -> str:
    """The filesystem that all of ours are below; nothing outside of it is ever touched."""
    return f"{pool}/flocker-lite"


def filesystem(pool: str, dataset_id: DatasetId) -> str:
    """The filesystem of a dataset; ValueError when the id is none."""
    if not is_dataset_id(dataset_id):
        raise ValueError(f"not a dataset id: {dataset_id!r}")
    return f"{root(pool)}/{dataset_id}"


def aside(pool: str, dataset_id: DatasetId, reason: str) -> str:
    """The name under which a diverged copy is kept."""
    return f"{filesystem(pool, dataset_id)}.{reason}"
