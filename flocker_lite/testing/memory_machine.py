"""IMachine in memory, as a test wants the machine to be."""

from __future__ import annotations

from dataclasses import dataclass

from zope.interface import implementer

from flocker_lite import __version__
from flocker_lite.interfaces import IMachine
from flocker_lite.model.machine import Capacity, Machine

MACHINE = Machine(__version__, "Debian", "6.1.0", "memory", Capacity(10**12, 9 * 10**11))


@implementer(IMachine)
@dataclass
class MemoryMachine:
    """A machine that stays as it is until a test changes `now`."""

    now: Machine = MACHINE

    async def look(self) -> Machine:
        return self.now
