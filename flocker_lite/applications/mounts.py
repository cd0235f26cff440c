"""What a service finds at which path: the volumes, binds and tmpfs of Compose; pure.

A named volume is a dataset. A path of the node is a bind mount. A volume without a name is Docker's
own, where the image says VOLUME.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from flocker_lite.applications import keys, values
from flocker_lite.applications.faults import Findings, Path

_MODES = {"ro": True, "rw": False}
# They are about SELinux, about copying an image's files, and about a desktop's files.
_WITHOUT_EFFECT = ("z", "Z", "nocopy", "cached", "consistent", "delegated")
_LONG = ("bind", "consistency", "read_only", "source", "target", "tmpfs", "type", "volume")
_RELATIVE = (
    "{source} is relative to your file, which the node does not have: write the absolute path of "
    "the node, or have `flockerctl app up` read the file"
)


@dataclass(frozen=True, slots=True)
class Mount:
    """A named volume at a path; `fields` are those of a volume of a container."""

    volume: str
    fields: Mapping[str, Any]
    path: Path


@dataclass(slots=True)
class Mounts:
    """Everything that is mounted into a container, as its request has it."""

    volumes: list[Mount] = field(default_factory=list)
    bind_mounts: list[dict[str, Any]] = field(default_factory=list)
    tmpfs: dict[str, Any] = field(default_factory=dict)


def parsed(value: Any, path: Path, findings: Findings) -> Mounts:
    """The volumes of a service."""
    found = Mounts()
    if not isinstance(value, list):
        findings.fault(path, "this should be a list")
        return found
    for number, each in enumerate(value):
        if isinstance(each, dict):
            _long(each, (*path, number), findings, found)
        elif isinstance(each, str):
            _short(each, (*path, number), findings, found)
        else:
            findings.fault((*path, number), 'this should be a text such as "data:/data"')
    return found


def tmpfs(value: Any, path: Path, findings: Findings) -> dict[str, Any]:
    """The `tmpfs` of a service: options by path."""
    parts = (each.partition(":") for each in values.one_or_more(value, path, findings))
    return {target: options for target, _, options in parts}


def _short(text: str, path: Path, findings: Findings, found: Mounts) -> None:
    source, colon, rest = text.partition(":")
    if not colon:
        _anonymous(text, findings)
        return
    target, _, modes = rest.partition(":")
    read_only = False
    for mode in filter(None, modes.split(",")):
        if mode in _MODES:
            read_only = _MODES[mode]
        elif mode not in _WITHOUT_EFFECT:
            findings.fault(path, f"{mode} is no mode of a volume: there is ro and rw")
    _mount(source, target, path, findings, found, {"read_only": True} if read_only else {})


def _mount(
    source: str,
    target: str,
    path: Path,
    findings: Findings,
    found: Mounts,
    more: Mapping[str, Any],
) -> None:
    if source.startswith("/"):
        found.bind_mounts.append({"host_path": _plain(source), "mountpoint": target, **more})
    elif source.startswith((".", "~")):
        findings.fault(path, _RELATIVE.format(source=source))
    else:
        found.volumes.append(Mount(source, {"mountpoint": target, **more}, path))


def _anonymous(target: str, findings: Findings) -> None:
    findings.note(
        f"{target} has no name: Docker keeps a volume there if the image says VOLUME, and that "
        "does not move. A name makes it a dataset"
    )


def _long(value: dict[str, Any], path: Path, findings: Findings, found: Mounts) -> None:
    keys.check(value, _LONG, {}, path, findings)
    kind, target = value.get("type", "volume"), value.get("target")
    source = values.as_text(value.get("source"))
    if not isinstance(target, str):
        findings.fault((*path, "target"), "target is missing: it should be a path")
        return
    read_only = values.truth(value.get("read_only", False), (*path, "read_only"), findings)
    more: dict[str, Any] = {"read_only": True} if read_only else {}
    match kind:
        case "tmpfs":
            found.tmpfs[target] = _tmpfs_object(value, path, findings)
        case "volume" if source is not None:
            options = values.object_of(value.get("volume"), (*path, "volume"), findings)
            keys.check(options, ("nocopy", "subpath"), {}, (*path, "volume"), findings)
            more |= {key: options[key] for key in ("subpath",) if key in options}
            found.volumes.append(Mount(source, {"mountpoint": target, **more}, path))
        case "volume":
            _anonymous(target, findings)
        case "bind" if source is not None:
            options = values.object_of(value.get("bind"), (*path, "bind"), findings)
            refused = {"propagation": "mounts of the node do not follow into a container"}
            keys.check(options, ("create_host_path", "selinux"), refused, (*path, "bind"), findings)
            if source.startswith(("/", ".", "~")):
                _mount(source, target, path, findings, found, more)
            else:
                findings.fault(path, _RELATIVE.format(source=source))
        case "bind":
            findings.fault((*path, "source"), "source is missing: it should be a path of the node")
        case _:
            findings.fault((*path, "type"), "this should be volume, bind or tmpfs")


def _tmpfs_object(value: dict[str, Any], path: Path, findings: Findings) -> dict[str, Any]:
    options = values.object_of(value.get("tmpfs"), (*path, "tmpfs"), findings)
    keys.check(options, ("mode", "size"), {}, (*path, "tmpfs"), findings)
    found: dict[str, Any] = {}
    if "size" in options:
        found["size"] = options["size"]
    if "mode" in options:
        found["options"] = [f"mode={octal(options['mode'])}"]
    return found


def octal(mode: Any) -> Any:
    """Permissions as octal digits: YAML makes a number of them, unless they are in quotes."""
    return f"{mode:04o}" if isinstance(mode, int) and not isinstance(mode, bool) else mode


def _plain(source: str) -> str:
    return source.rstrip("/") or "/"
