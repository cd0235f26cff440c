"""What is wrong with a machine and its services, each with what to do about it; pure."""

from __future__ import annotations

from dataclasses import dataclass, field

from pyrsistent import PMap, pmap


@dataclass(frozen=True, slots=True)
class Finding:
    """Something that is wrong, and what to do about it; `check` is the name of what found it.

    A finding that is not `severe` is a hint: everything works.
    """

    check: str
    text: str
    remedy: str
    severe: bool = True


@dataclass(frozen=True, slots=True)
class Diagnosis:
    """What the checks of one machine found; the worst comes first.

    `facts` has each check that was made, with what it saw in a few words. `clock` is what the
    machine's clock showed at the end, in seconds since 1970.
    """

    facts: PMap[str, str] = field(default_factory=pmap)
    findings: tuple[Finding, ...] = ()
    clock: float = 0.0
