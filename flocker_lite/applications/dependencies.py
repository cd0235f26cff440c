"""The `depends_on` of services, in both forms; pure."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from flocker_lite.applications import keys, values
from flocker_lite.applications.faults import Findings, Path
from flocker_lite.model.container_fields import life

_STARTED = "service_started"
CONDITIONS = {
    _STARTED: life.STARTED,
    "service_healthy": life.IS_HEALTHY,
    "service_completed_successfully": life.COMPLETED,
}
"""What each condition is called in `depends_on` of a container."""

_KEYS = ("condition", "required", "restart")


@dataclass(frozen=True, slots=True)
class Need:
    """What a service needs another one to be, and whether that one has to be there."""

    condition: str = life.STARTED
    required: bool = True


def parsed(value: Any, path: Path, findings: Findings) -> dict[str, Need]:
    """The services that a service depends on."""
    if isinstance(value, list):
        return dict.fromkeys(values.texts(value, path, findings), Need())
    found: dict[str, Need] = {}
    for name, about in values.object_of(value, path, findings).items():
        at = (*path, name)
        given = values.object_of(about, at, findings)
        keys.check(given, _KEYS, {}, at, findings)
        condition = CONDITIONS.get(str(given.get("condition", _STARTED)))
        if condition is None:
            findings.fault((*at, "condition"), f"this should be one of {', '.join(CONDITIONS)}")
            continue
        required = values.truth(given.get("required", True), (*at, "required"), findings)
        found[name] = Need(condition, required is not False)
    return found


def check(needs: Mapping[str, Mapping[str, Need]], findings: Findings) -> None:
    """Find services that are not there, or that wait for each other in a circle."""
    for service, others in needs.items():
        for other, need in others.items():
            if need.required and other not in needs:
                findings.fault(
                    ("services", service, "depends_on"),
                    f"there is no service {other}, or its profiles are not active",
                )
    circle = next(_circles(needs), None)
    if circle is not None:
        findings.fault(
            ("services", circle[0], "depends_on"),
            f"the services wait for each other in a circle: {' -> '.join(circle)}",
        )


def _circles(needs: Mapping[str, Mapping[str, Need]]) -> Iterator[list[str]]:
    """Depth first without recursion: a document may have a thousand services in a row."""
    over: set[str] = set()
    for start in needs:
        trail, stack = [start], [iter(needs[start])]
        while stack and start not in over:
            other = next(stack[-1], None)
            if other is None:
                stack.pop()
                over.add(trail.pop())
            elif other in trail:
                yield [*trail[trail.index(other) :], other]
                return
            elif other in needs and other not in over:
                trail.append(other)
                stack.append(iter(needs[other]))
