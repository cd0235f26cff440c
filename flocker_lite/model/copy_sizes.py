"""How large the copies of a node are, without each byte that comes and goes; pure."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

from pyrsistent import PMap, pmap

from flocker_lite.model.identities import DatasetId
from flocker_lite.model.state import LocalDataset

SHARE_MIN = 0.05
BYTES_MIN = 1 << 20
"""A size is told anew when it differs by this share, and by this much: each snapshot changes it."""


def with_told_sizes(
    found: PMap[DatasetId, LocalDataset], known: Mapping[DatasetId, LocalDataset]
) -> PMap[DatasetId, LocalDataset]:
    """What was found, with the sizes that were `known` where they still say enough."""
    return pmap({each: _with_told_size(copy, known.get(each)) for each, copy in found.items()})


def _with_told_size(copy: LocalDataset, known: LocalDataset | None) -> LocalDataset:
    now, told = copy.size_bytes, known.size_bytes if known is not None else None
    if now is None or told is None or now == told:
        return copy
    differs = abs(now - told) >= max(SHARE_MIN * told, BYTES_MIN)
    return copy if differs else replace(copy, size_bytes=told)
