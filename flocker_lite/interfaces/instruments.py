"""What an agent looks at its node with when somebody asks."""

from __future__ import annotations

from dataclasses import dataclass

from flocker_lite.interfaces.checks import ICheck
from flocker_lite.interfaces.usage import IUsage


@dataclass(frozen=True, slots=True)
class Instruments:
    """What measures the containers, and the checks of what the agent needs."""

    usage: IUsage
    checks: tuple[ICheck, ...] = ()
