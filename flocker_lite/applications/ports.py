"""The ports of a service, in Compose's short and long forms; pure.

The short forms that containers know are theirs to read: `model.container_fields.ports`.
"""

from __future__ import annotations

import re
from typing import Any

from flocker_lite.applications import keys
from flocker_lite.applications.faults import Findings, Path
from flocker_lite.applications.values import as_text, whole_number
from flocker_lite.model.container_fields import ports

_LONG = ("app_protocol", "host_ip", "mode", "name", "protocol", "published", "target")
_LONE = re.compile(r"[0-9]{1,5}(-[0-9]{1,5})?(/(tcp|udp))?")
_SAY_BOTH = (
    "it says no external port, which has to be the same on every node: write OUTSIDE:INSIDE, or "
    "`expose` if only other services use it"
)


def parsed(value: Any, path: Path, findings: Findings) -> list[Any]:
    """The ports as a request has them."""
    if not isinstance(value, list):
        findings.fault(path, "this should be a list")
        return []
    found = [_port(each, (*path, at), findings) for at, each in enumerate(value)]
    return [each for each in found if each is not None]


def _port(value: Any, path: Path, findings: Findings) -> Any:
    if isinstance(value, dict):
        return _long(value, path, findings)
    text = as_text(value)
    if text is None:
        findings.fault(path, 'this should be a text such as "8080:80", or an object')
        return None
    if _LONE.fullmatch(text):
        findings.fault(path, f"{text}: {_SAY_BOTH}")
        return None
    try:
        ports.expanded(text)
    except ValueError as error:
        findings.fault(
            path, f'{error}: write "8080:80", "127.0.0.1:53:53/udp" or "8000-8005:8000-8005"'
        )
        return None
    return text


def _long(value: dict[str, Any], path: Path, findings: Findings) -> dict[str, Any] | None:
    keys.check(value, _LONG, {}, path, findings)
    if "published" not in value:
        findings.fault(path, _SAY_BOTH)
        return None
    if value.get("mode", "ingress") not in ("ingress", "host"):
        findings.fault((*path, "mode"), "this should be host or ingress")
    numbers = {"internal": value.get("target"), "external": value["published"]}
    found: dict[str, Any] = {key: whole_number(each) for key, each in numbers.items()}
    for key, each in found.items():
        if each is None:
            name = {"internal": "target", "external": "published"}[key]
            findings.fault((*path, name), "this should be the number of one port")
    if None in found.values():
        return None
    return found | {key: value[key] for key in ("protocol", "host_ip") if key in value}
