"""The secrets of a service: values that the control service keeps already; pure."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from flocker_lite.applications import keys, mounts, values
from flocker_lite.applications.faults import Findings, Path
from flocker_lite.applications.networks import is_external

FOLDER = "/run/secrets"
_KEYS = ("external", "name")
_LOCAL = (
    "the value is on your machine: keep it with `flockerctl secret set {name} --file FILE`, and "
    "say `external: true` here"
)
_OF_SERVICE = ("gid", "mode", "source", "target", "uid")


def declared(value: Any, path: Path, findings: Findings) -> dict[str, str]:
    """What each secret of the document is called in the cluster."""
    found: dict[str, str] = {}
    for name, about in values.object_of(value, path, findings).items():
        at = (*path, name)
        given = values.object_of(about, at, findings)
        local = dict.fromkeys(
            ("content", "driver", "environment", "file", "labels", "template_driver"),
            _LOCAL.format(name=name),
        )
        keys.check(given, _KEYS, local, at, findings)
        if not is_external(given) and not local.keys() & given.keys():
            findings.fault(at, _LOCAL.format(name=name))
        found[name] = values.as_text(given.get("name")) or name
    return found


def of_service(
    value: Any, known: Mapping[str, str], path: Path, findings: Findings
) -> list[dict[str, Any]]:
    """The secrets of a service as a request has them."""
    if not isinstance(value, list):
        findings.fault(path, "this should be a list")
        return []
    found: list[dict[str, Any]] = []
    for number, each in enumerate(value):
        at = (*path, number)
        given = {"source": each} if isinstance(each, str) else values.object_of(each, at, findings)
        keys.check(given, _OF_SERVICE, {}, at, findings)
        source = values.as_text(given.get("source"))
        if source is None or source not in known:
            findings.fault(at, f"there is no secret {source}: declare it at the top, in secrets")
            continue
        found.append(_file(known[source], source, given))
    return found


def _file(secret: str, source: str, given: Mapping[str, Any]) -> dict[str, Any]:
    target = str(given.get("target", source))
    file: dict[str, Any] = {
        "secret": secret,
        "path": target if target.startswith("/") else f"{FOLDER}/{target}",
    }
    if "mode" in given:
        file["mode"] = mounts.octal(given["mode"])
    for key in ("uid", "gid"):
        if key in given:
            whole = values.whole_number(given[key])
            file[key] = given[key] if whole is None else whole
    return file
