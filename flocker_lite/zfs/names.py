"""How a dataset, and what belongs to it, is called in ZFS."""

from __future__ import annotations

import re

from flocker_lite.model.records import DatasetId

LEASE_PROPERTY = "flocker:lease"
GROUP_PROPERTY = "flocker:group"
RESUME_TOKEN_PROPERTY = "receive_resume_token"
WISHES_PROPERTY = "flocker:properties"
"""On a copy: what users set on it elsewhere, and this ZFS cannot, for where it goes next."""

CONTINUES_PROPERTY = "flocker:continues"
"""On a copy of which a part is being set aside: the snapshot that it goes on from."""

HOLD_TAG = "flocker-lite"

_POOL = re.compile(r"[A-Za-z][A-Za-z0-9_.:-]*(/[A-Za-z0-9_.:-]+)*")
_DATASET_ID = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}")
_ASIDE = re.compile(rf"({_DATASET_ID.pattern})\.([a-z]+)-([0-9]{{1,15}})")
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


def aside(dataset_id: DatasetId, reason: str, seconds: int) -> str:
    """The name, below our root, under which what diverged is kept since that time."""
    return f"{dataset_id}.{reason}-{seconds}"


def of_aside(name: str) -> tuple[DatasetId, str, int] | None:
    """The dataset, the reason and the time in such a name; None when it is not one."""
    match = _ASIDE.fullmatch(name)
    return (match[1], match[3], int(match[4])) if match else None
