"""A running container, as somebody sees it who asks whether it serves."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from flocker_lite.model.records import HealthCheck


@dataclass(frozen=True, slots=True)
class Server:
    """What one needs to find out whether a running container serves.

    `process` is the directory of its first process in /proc. `ports` are the keys of the published
    ports inside. `address` is its own address, "" if it has none.
    """

    container_id: str
    process: Path
    ports: frozenset[str]
    address: str = ""
    health_check: HealthCheck | None = None
