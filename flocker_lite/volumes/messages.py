"""The words of Docker's volume plugin protocol, version 1; pure."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, TypeAlias

from flocker_lite.volumes.errors import VolumeError

CONTENT_TYPE = "application/vnd.docker.plugins.v1.2+json"
BODY_BYTES_MAX = 64 * 1024

Answer: TypeAlias = Mapping[str, Any]

ACTIVATED: Answer = {"Implements": ["VolumeDriver"]}
CAPABLE: Answer = {"Capabilities": {"Scope": "global"}}
DONE: Answer = {"Err": ""}


@dataclass(frozen=True, slots=True)
class Asked:
    """What Docker asks: of the volume of that name, for the mount of that id, with options."""

    name: str = ""
    mount_id: str = ""
    options: Mapping[str, str] = field(default_factory=dict)


def asked(body: bytes) -> Asked:
    """What the body of a request says; VolumeError if it is not Docker's."""
    try:
        found = json.loads(body) if body.strip() else {}
    except ValueError:
        raise VolumeError("the body of the request is not JSON") from None
    if not isinstance(found, dict):
        raise VolumeError("the body of the request should be an object")
    options = found.get("Opts") or {}
    name, mount_id = found.get("Name") or "", found.get("ID") or ""
    if not (isinstance(options, dict) and isinstance(name, str) and isinstance(mount_id, str)):
        raise VolumeError("the request has a Name or Opts of another type")
    return Asked(name, mount_id, {str(key): str(value) for key, value in options.items()})


def failed(error: object) -> Answer:
    """The answer to what could not be done."""
    return {"Err": str(error) or "it failed, and the log of the agent says why"}


def mounted(path: str) -> Answer:
    """The answer to Mount and Path."""
    return {"Mountpoint": path, "Err": ""}


def volume(name: str, path: str, created_at: str, status: Mapping[str, Any]) -> Answer:
    """A volume as Get and List tell it; Docker shows the status in `docker volume inspect`."""
    told = {"Name": name, "Mountpoint": path, "CreatedAt": created_at}
    return {**told, "Status": dict(status)} if status else told
