"""Tombstones: the nodes that were forgotten, and are refused until a person lets them in again."""

from __future__ import annotations

from dataclasses import dataclass

from flocker_lite.model.identities import NodeId

FORGOTTEN_MAX = 1000
"""How many tombstones we keep; the oldest goes first."""


@dataclass(frozen=True, slots=True)
class Forgotten:
    """A node that was forgotten, with its last address; times are in seconds since 1970."""

    node_id: NodeId
    address: str
    forgotten_at: float
