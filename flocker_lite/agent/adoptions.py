"""Tells the control service what a container of this node would become if it were adopted."""

from __future__ import annotations

from flocker_lite.convergence.allowance import Allowance
from flocker_lite.errors import NotFound
from flocker_lite.interfaces import IForeignContainers
from flocker_lite.model.adoption import Adoption
from flocker_lite.model.allowance import ADOPT, Need, with_more
from flocker_lite.protocol.adoptions import (
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

    def __init__(self, foreign: IForeignContainers, allowance: Allowance) -> None:
        self._foreign = foreign
        self._allowance = allowance
        self._looks = 0

    async def look(self, container: str, name: str | None) -> Adoption:
        """What it would become; `name` is what it is to be called, as in Docker if that is None."""
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
            return await self._foreign.adoption(container, name, entries)
        except NotFound as error:
            raise NoSuchContainer(f"Container not found: {error}.") from None
        finally:
            self._looks -= 1
