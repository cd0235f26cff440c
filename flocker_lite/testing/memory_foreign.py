"""IForeignContainers in memory: containers that somebody made with Docker."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from zope.interface import implementer

from flocker_lite.containers.adoption.draft import Inspected
from flocker_lite.containers.adoption.translation import adoption
from flocker_lite.errors import NotFound
from flocker_lite.interfaces import IForeignContainers
from flocker_lite.model.adoption import Adoption
from flocker_lite.testing.made_up_inspect import inspected, made_up_image

SIZE_BYTES = 4096
NODE_PLATFORM = "linux/amd64"


@implementer(IForeignContainers)
@dataclass
class MemoryForeignContainers:
    """The containers of one node, by their names in Docker, as its "inspect" shows them.

    `images` has the "Config" of each image. `files` are the paths of the node that are no
    directories. Each volume takes SIZE_BYTES.
    """

    made: dict[str, Mapping[str, Any]] = field(default_factory=dict)
    images: dict[str, Mapping[str, Any]] = field(default_factory=dict)
    files: set[str] = field(default_factory=set)
    data_root: str = "/flocker"

    def run(self, name: str, arguments: Mapping[str, Any], status: str = "running") -> None:
        """`docker run`, with the body of "create a container"."""
        image = self._image(arguments["Image"])
        self.made[name] = inspected(name, arguments, image, status)

    async def adoption(self, container: str, name: str | None, allow: Collection[str]) -> Adoption:
        details = self.made.get(container)
        if details is None:
            raise NotFound(f"Docker has no container {container} there")
        found = Inspected(
            details,
            self._image(details["Config"]["Image"]),
            node_platform=NODE_PLATFORM,
            no_directories=frozenset(self.files),
            used_by=self._used_by(container),
        )
        what = adoption(found, allow, name, self.data_root)
        sources = [
            replace(source, size_bytes=SIZE_BYTES) if source.take else source
            for source in what.sources
        ]
        return replace(what, sources=tuple(sources))

    def _image(self, name: str) -> dict[str, Any]:
        return made_up_image(self.images.get(name), name)

    def _used_by(self, container: str) -> dict[str, tuple[str, ...]]:
        found: dict[str, tuple[str, ...]] = {}
        for name, details in self.made.items():
            for mount in details["Mounts"] if name != container else ():
                key = mount.get("Name") or mount["Source"]
                found[key] = (*found.get(key, ()), name)
        return found
