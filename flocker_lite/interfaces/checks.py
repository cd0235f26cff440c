"""ICheck looks at one thing of this machine that flocker_lite needs."""

from __future__ import annotations

from collections.abc import Awaitable
from dataclasses import dataclass

from zope.interface import Attribute, Interface

from flocker_lite.model.diagnosis import Finding


@dataclass(frozen=True, slots=True)
class Checked:
    """What a check saw: a `fact` in a few words, and what is wrong."""

    fact: str
    findings: tuple[Finding, ...] = ()


class ICheck(Interface):
    """Looks whenever somebody asks; it changes nothing, and does not block the reactor."""

    name: str = Attribute("One word, which no other check of the machine has.")

    def look() -> Awaitable[Checked]:
        """What it sees now; its findings bear its name.

        Raises FlockerError if it cannot find out. That something is missing is a finding.
        """
