"""Tells the control service what a container of this node would become if it were adopted."""

from __future__ import annotations

from dataclasses import replace

from flocker_lite.convergence.allowance import Allowance
from flocker_lite.convergence.filesystems import filesystem_adoption
from flocker_lite.errors import CopyFailed, NotFound
from flocker_lite.interfaces import IDirectories, IForeignContainers, IStorage
from flocker_lite.model.adoption import FILESYSTEM, Adoption, Remark
from flocker_lite.model.allowance import ADOPT, Need, with_more
from flocker_lite.protocol.adoptions import (
    CONTAINER,
    AdoptionForbidden,
    NoSuchContainer,
    TooManyAdoptions,
)

LOOKS_MAX = 2
"""Each look inspects and measures for some seconds."""


class Adoptions:
    """Looks at containers that we did not make, where this node's administrator allows it.

    Whoever controls the control service learns no more of a node's other containers than its
    administrator lets him.
    """

    def __init__(
        self,
        foreign: IForeignContainers,
        directories: IDirectories,
        storage: IStorage,
        allowance: Allowance,
    ) -> None:
        self._foreign = foreign
        self._storage = storage
        self._directories = directories
        self._allowance = allowance
        self._looks = 0

    async def look(self, container: str, name: str | None, kind: str = CONTAINER) -> Adoption:
        """What it would become; `name` is what it is to be called, as in Docker if that is None.

        With the `kind` of a source, `container` is the name of a volume or a filesystem, or a path.
        """
        entries, file = self._allowance.entries, self._allowance.file
        if ADOPT not in entries:
            line = with_more(entries, [Need(ADOPT, ADOPT)])
            raise AdoptionForbidden(
                f"That node lets nobody see the containers that flocker_lite did not make: write "
                f"`{line}` into {file} there, and restart its agent."
            )
        if self._looks >= LOOKS_MAX:
            raise TooManyAdoptions(
                f"The agent is looking at {LOOKS_MAX} other containers already: ask again later."
            )
        self._looks += 1
        try:
            if kind == CONTAINER:
                found = await self._foreign.adoption(container, name, entries)
            elif kind == FILESYSTEM:
                return await filesystem_adoption(self._storage, self._foreign, container, entries)
            else:
                found = await self._foreign.data(kind, container, entries)
            return await self._with_means(found)
        except NotFound as error:
            raise NoSuchContainer(f"{kind.capitalize()} not found: {error}.") from None
        finally:
            self._looks -= 1

    async def _with_means(self, found: Adoption) -> Adoption:
        """The adoption, and whether this node lacks what copies the data."""
        if not any(source.take for source in found.sources):
            return found
        try:
            await self._directories.require()
        except CopyFailed as error:
            return replace(found, hindrances=(*found.hindrances, Remark("volumes", str(error))))
        return found
