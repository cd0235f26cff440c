"""ICheck in memory, which sees what a test wants."""

from __future__ import annotations

from dataclasses import dataclass

from zope.interface import implementer

from flocker_lite.errors import FlockerError
from flocker_lite.interfaces.checks import Checked, ICheck
from flocker_lite.model.diagnosis import Finding


@implementer(ICheck)
@dataclass
class MemoryCheck:
    """Is fine until a test has it be `ill`, or gives it an `error`."""

    name: str = "pool"
    ill: bool = False
    error: FlockerError | None = None
    looks: int = 0

    async def look(self) -> Checked:
        self.looks += 1
        if self.error is not None:
            raise self.error
        if self.ill:
            return Checked("ill", (Finding(self.name, "it is ill", "nurse it"),))
        return Checked("fine")
