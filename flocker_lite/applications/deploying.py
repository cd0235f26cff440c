"""The `deploy` of a service: limits and restarts; what is for a swarm is refused; pure."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from flocker_lite.applications import keys, values
from flocker_lite.applications.faults import Findings, Path

_LIMITS = {"cpus": "cpus", "memory": "memory_limit", "pids": "pids_limit"}
_RESERVED = {"memory": "memory_reservation"}
_RESERVED_REFUSED = {
    "cpus": "say deploy.resources.limits.cpus, or cpu_shares",
    "devices": "use the devices of the service",
    "generic_resources": "they are a swarm's",
}
_POLICIES = {"none": "no", "any": "always", "on-failure": "on-failure"}


def translated(value: Any, path: Path, findings: Findings) -> dict[str, Any]:
    """The fields of a container that `deploy` says."""
    given = values.object_of(value, path, findings)
    keys.check(given, keys.DEPLOY_KEYS, keys.DEPLOY_REFUSED, path, findings)
    if values.whole_number(given.get("replicas", 1)) != 1:
        findings.fault(
            (*path, "replicas"), f"only one is possible: {keys.SERVICE_REFUSED['scale']}"
        )
    if given.get("mode", "replicated") != "replicated":
        findings.fault((*path, "mode"), "only replicated is possible: leave it out")
    resources = values.object_of(given.get("resources"), (*path, "resources"), findings)
    keys.check(resources, ("limits", "reservations"), {}, (*path, "resources"), findings)
    found = _quantities(resources, "limits", _LIMITS, {}, path, findings)
    found |= _quantities(resources, "reservations", _RESERVED, _RESERVED_REFUSED, path, findings)
    if "restart_policy" in given:
        policy = _restart_policy(given["restart_policy"], (*path, "restart_policy"), findings)
        found["restart_policy"] = policy
    return found


def _quantities(
    resources: Mapping[str, Any],
    kind: str,
    names: Mapping[str, str],
    refused: Mapping[str, str],
    path: Path,
    findings: Findings,
) -> dict[str, Any]:
    at = (*path, "resources", kind)
    given = values.object_of(resources.get(kind), at, findings)
    keys.check(given, names, refused, at, findings)
    return {
        names[key]: each if key == "memory" else values.number(each, at, findings)
        for key, each in given.items()
        if key in names
    }


def _restart_policy(value: Any, path: Path, findings: Findings) -> str:
    given = values.object_of(value, path, findings)
    keys.check(given, ("condition", "delay", "max_attempts", "window"), {}, path, findings)
    policy = _POLICIES.get(str(given.get("condition", "any")))
    if policy is None:
        findings.fault((*path, "condition"), "this should be none, on-failure or any")
        return "no"
    if "delay" in given or "window" in given:
        findings.note(
            "the agent decides how long it waits before a restart: delay and window do not"
        )
    most = given.get("max_attempts")
    return f"{policy}:{most}" if policy == "on-failure" and most is not None else policy
