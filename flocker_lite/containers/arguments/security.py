"""What keeps a container in its box and what lets it out, in Docker's words."""

from __future__ import annotations

import re
from typing import Any

from flocker_lite.containers.arguments.merging import HOST, without_none
from flocker_lite.model.records import Container

_PERMISSIONS = re.compile("[rwm]{1,3}")
_ALL_PERMISSIONS = "rwm"


def security_arguments(container: Container) -> dict[str, Any]:
    """All of it is the host's part of the body."""
    return {
        HOST: without_none(
            CapAdd=list(container.cap_add) or None,
            CapDrop=list(container.cap_drop) or None,
            SecurityOpt=list(container.security_opt) or None,
            ReadonlyRootfs=container.read_only or None,
            GroupAdd=list(container.group_add) or None,
            UsernsMode=container.userns_mode,
            Privileged=container.privileged or None,
            Devices=[device(each) for each in container.devices] or None,
        )
    }


def device(text: str) -> dict[str, str]:
    """A device of the node, its path inside, and what the container may do to it."""
    outside, *rest = text.split(":")
    permissions = _ALL_PERMISSIONS
    if rest and _PERMISSIONS.fullmatch(rest[-1]):
        permissions = rest.pop()
    inside = rest[0] if rest else outside
    return {
        "PathOnHost": outside,
        "PathInContainer": inside,
        "CgroupPermissions": permissions,
    }
