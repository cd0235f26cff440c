"""What Docker says of a container, and the draft of what it would become."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from typing import Any

from flocker_lite.model.adoption import Remark, Source

NONE_OF: Mapping[str, Any] = {}
"""Stands for an object that Docker left out, or said null for."""


@dataclass(frozen=True, slots=True)
class Inspected:
    """A container, by Docker's "inspect" of it, of its image and of its volumes, by their names.

    `node_platform` is that of Docker's own machine, such as "linux/amd64". `no_directories` are the
    sources of bind mounts that are no directories. `used_by` has the names of other containers, by
    the name of the volume or the path that they have as well.
    """

    details: Mapping[str, Any]
    image: Mapping[str, Any] = field(default_factory=dict)
    volumes: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    node_platform: str = ""
    no_directories: Collection[str] = ()
    used_by: Mapping[str, tuple[str, ...]] = field(default_factory=dict)

    @property
    def config(self) -> Mapping[str, Any]:
        """What of it goes wherever it goes."""
        found: Mapping[str, Any] = self.details["Config"]
        return found

    @property
    def host(self) -> Mapping[str, Any]:
        """What of it is about its node."""
        found: Mapping[str, Any] = self.details["HostConfig"]
        return found

    @property
    def image_config(self) -> Mapping[str, Any]:
        """What its image gives to each container."""
        return self.image.get("Config") or NONE_OF

    @property
    def docker_name(self) -> str:
        """Its name in Docker."""
        return str(self.details["Name"]).removeprefix("/")

    @property
    def is_running(self) -> bool:
        """Whether it runs, paused or not."""
        return bool(self.details["State"]["Running"])


@dataclass
class Draft:
    """What the areas have found so far of a container that would be called `name`.

    `fields` are those of a request that creates it. `allow` is what its node allows, and
    `data_root` the directory that has the node's datasets.
    """

    name: str
    allow: Collection[str] = ()
    data_root: str = ""
    fields: dict[str, Any] = field(default_factory=dict)
    sources: list[Source] = field(default_factory=list)
    not_kept: list[Remark] = field(default_factory=list)
    hindrances: list[Remark] = field(default_factory=list)

    def keep(self, **fields: Any) -> None:
        """Add the fields that say something."""
        self.fields |= {
            key: value for key, value in fields.items() if value not in (None, "", [], {})
        }

    def lose(self, setting: str, text: str) -> None:
        """Note what would not be kept, and what to do about it."""
        self.not_kept.append(Remark(setting, text))

    def hinder(self, setting: str, text: str) -> None:
        """Note what has to be settled first, and how."""
        self.hindrances.append(Remark(setting, text))
