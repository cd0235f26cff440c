"""The networks of a service: those of its application have the application's name; pure."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from flocker_lite.applications import keys, values
from flocker_lite.applications.faults import Findings, Path

DEFAULT = "default"
_OF_SERVICE = ("aliases", "priority")
_OF_SERVICE_REFUSED = dict.fromkeys(
    ("ipv4_address", "ipv6_address", "link_local_ips", "mac_address"),
    "the nodes decide about addresses",
)
_DRIVERS = ("bridge", "default", "overlay")


def declared(value: Any, application: str, path: Path, findings: Findings) -> dict[str, str]:
    """What each network of the document is called in the cluster."""
    found = {DEFAULT: application}
    for name, about in values.object_of(value, path, findings).items():
        at = (*path, name)
        given = values.object_of(about, at, findings)
        keys.check(given, keys.NETWORK_KEYS, keys.NETWORK_REFUSED, at, findings)
        if given.get("driver", _DRIVERS[0]) not in _DRIVERS:
            findings.fault((*at, "driver"), "there is only bridge: leave it out")
        own = application if name == DEFAULT else f"{application}_{name}"
        called = values.as_text(given.get("name"))
        found[name] = called or (name if is_external(given) else own)
    return found


def of_service(
    value: Any, service: str, known: Mapping[str, str], path: Path, findings: Findings
) -> dict[str, Any]:
    """The networks of a service as a request has them; in each it has the name of the service."""
    given: Mapping[str, Any]
    if isinstance(value, list):
        given = dict.fromkeys(values.texts(value, path, findings))
    else:
        given = values.object_of(value, path, findings)
    found: dict[str, Any] = {}
    for name, about in (given or {DEFAULT: None}).items():
        at = (*path, name)
        if name not in known:
            findings.fault(at, f"there is no network {name}: declare it at the top, in networks")
            continue
        options = values.object_of(about, at, findings)
        keys.check(options, _OF_SERVICE, _OF_SERVICE_REFUSED, at, findings)
        more = values.texts(options.get("aliases") or [], (*at, "aliases"), findings)
        found[known[name]] = {"aliases": list(dict.fromkeys([service, *more]))}
    return found


def is_external(given: Mapping[str, Any]) -> bool:
    """Whether somebody else makes it: `external` is true, or an object with its name."""
    return given.get("external") not in (None, False)
