"""What containers in memory consist of."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from flocker_lite.model.state import LocalContainer


@dataclass(frozen=True, slots=True)
class MadeContainer:
    """A container as it was created; `paths` are those of the node that appear inside.

    `called` is its name in Docker, where somebody gave it another one. `volumes` are the names of
    its volumes of Docker's, by the path inside.
    """

    local: LocalContainer
    arguments: Mapping[str, Any]
    paths: tuple[str, ...]
    address: str
    called: str = ""
    volumes: Mapping[str, str] = field(default_factory=dict)
    mounts: Mapping[str, int] = field(default_factory=dict)


@dataclass
class MemoryVolume:
    """A volume of Docker's: what is in it, and whether the program that may write to it ran."""

    container: str
    path: str
    text: str = ""
    used: bool = False
