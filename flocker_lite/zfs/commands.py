"""Builds the argument lists of `zfs`; pure. Each one that prints something asks for `-H -p`."""

from __future__ import annotations

from collections.abc import Mapping

from flocker_lite.model.lease import Lease
from flocker_lite.zfs.names import (
    CONTINUES_PROPERTY,
    GROUP_PROPERTY,
    HOLD_TAG,
    LEASE_PROPERTY,
    RESUME_TOKEN_PROPERTY,
)

ZFS = "zfs"
OURS = (LEASE_PROPERTY, GROUP_PROPERTY, CONTINUES_PROPERTY)
FACTS = (*OURS, "type", "mounted", "refquota", "used", "guid", "createtxg")
FILESYSTEM_PROPERTIES = (*OURS, "type", "mounted", "refquota", "origin", "used")
FOUND_PROPERTIES = ("type", "mountpoint", "used", "refquota", "origin")
MOUNT_CHECK = (LEASE_PROPERTY, "mounted", "readonly")
ROOT_PROPERTIES = {"mountpoint": "none", "canmount": "off", "readonly": "on"}


def make_root(root: str) -> tuple[str, ...]:
    """Make the parent of all datasets; what is received below it inherits these properties."""
    options = (word for item in _pairs(ROOT_PROPERTIES) for word in ("-o", item))
    return (ZFS, "create", *options, root)


def facts(name: str) -> tuple[str, ...]:
    """What discovery needs about a filesystem, the filesystems below it, and their snapshots."""
    return (ZFS, "get", "-Hp", "-r", "-o", "name,property,value,source", ",".join(FACTS), name)


def filesystems(root: str) -> tuple[str, ...]:
    """The filesystems directly below ours: their origins, their sizes and our properties."""
    columns = ("-o", "name,property,value,source")
    return (ZFS, "get", "-Hp", "-r", "-d", "1", *columns, ",".join(FILESYSTEM_PROPERTIES), root)


def capacity(name: str) -> tuple[str, ...]:
    """How much is used, and how much more fits."""
    return (ZFS, "get", "-Hp", "-o", "value", "used,available", name)


def pool_health(pool: str) -> tuple[str, ...]:
    """Whether all disks of a pool are well, in a word."""
    return ("zpool", "list", "-H", "-o", "health", pool)


def found(name: str) -> tuple[str, ...]:
    """What there is to know about somebody's filesystem, and what is below it."""
    columns = ("-o", "name,property,value,source")
    return (ZFS, "get", "-Hp", "-r", *columns, ",".join(FOUND_PROPERTIES), name)


def create(name: str, mountpoint: str, maximum_size: int | None, lease: Lease) -> tuple[str, ...]:
    """An empty filesystem that has its lease from the first instant."""
    return (
        ZFS,
        "create",
        *_copy_options(mountpoint, maximum_size, {LEASE_PROPERTY: str(lease)}),
        name,
    )


def clone(
    origin: str, name: str, maximum_size: int | None, agent_properties: Mapping[str, str]
) -> tuple[str, ...]:
    """Clone a snapshot of another copy, with that copy's lease and properties (`agent_properties`).

    The clone has them from the first instant. Its mark says that it is unfinished, and it has no
    mountpoint of its own yet.
    """
    marked = {CONTINUES_PROPERTY: origin.partition("@")[2]}
    options = _copy_options(None, maximum_size, {**agent_properties, **marked})
    return (ZFS, "clone", *options, origin, name)


def promote(name: str) -> tuple[str, ...]:
    """Give a clone the snapshots of its origin; the origin becomes a clone of it."""
    return (ZFS, "promote", name)


def set_property(name: str, key: str, value: str) -> tuple[str, ...]:
    return (ZFS, "set", f"{key}={value}", name)


def set_properties(name: str, properties: Mapping[str, str]) -> tuple[str, ...]:
    """Set several properties, all or none; not every ZFS takes more than one."""
    return (ZFS, "set", *_pairs(properties), name)


def inherit(name: str, key: str) -> tuple[str, ...]:
    return (ZFS, "inherit", key, name)


def mount(name: str, readonly: bool = False) -> tuple[str, ...]:
    return (ZFS, "mount", *(("-o", "ro") if readonly else ()), name)


def unmount(name: str) -> tuple[str, ...]:
    return (ZFS, "unmount", name)


def destroy(name: str) -> tuple[str, ...]:
    """Destroy a filesystem with its snapshots."""
    return (ZFS, "destroy", "-r", name)


def destroy_snapshot(name: str, snapshot: str) -> tuple[str, ...]:
    return (ZFS, "destroy", f"{name}@{snapshot}")


def snapshot(name: str, snapshot: str) -> tuple[str, ...]:
    return (ZFS, "snapshot", f"{name}@{snapshot}")


def snapshots(names: Mapping[str, str]) -> tuple[str, ...]:
    """Take a snapshot of each filesystem, all at one instant; `names` has the snapshots' names."""
    return (ZFS, "snapshot", *(f"{name}@{snapshot}" for name, snapshot in names.items()))


def value(name: str, key: str) -> tuple[str, ...]:
    """One property of a filesystem, without the filesystems below it."""
    return (ZFS, "get", "-Hp", "-o", "value", key, name)


def all_properties(name: str) -> tuple[str, ...]:
    """All properties that this ZFS knows; naming one that it does not know would be an error."""
    return (ZFS, "get", "-Hp", "-o", "property,value,source", "all", name)


def mount_check(name: str) -> tuple[str, ...]:
    """The properties that say whether a filesystem may be mounted, and what to set before."""
    return (ZFS, "get", "-Hp", "-o", "name,property,value,source", ",".join(MOUNT_CHECK), name)


def resume_token(name: str) -> tuple[str, ...]:
    """The token with which an interrupted receive can continue; ZFS prints "-" for none."""
    return value(name, RESUME_TOKEN_PROPERTY)


def resume_feature(pool: str) -> tuple[str, ...]:
    """Whether the pool can keep the received part of an interrupted stream."""
    return ("zpool", "get", "-H", "-o", "value", "feature@extensible_dataset", pool)


def guid(name: str, snapshot: str) -> tuple[str, ...]:
    return value(f"{name}@{snapshot}", "guid")


def hold(name: str, snapshot: str) -> tuple[str, ...]:
    return (ZFS, "hold", HOLD_TAG, f"{name}@{snapshot}")


def release(name: str, snapshot: str) -> tuple[str, ...]:
    return (ZFS, "release", HOLD_TAG, f"{name}@{snapshot}")


def send(name: str, base: str | None, snapshot: str) -> tuple[str, ...]:
    increment = ("-i", f"@{base}") if base is not None else ()
    return (ZFS, "send", *increment, f"{name}@{snapshot}")


def estimate(name: str, base: str | None, snapshot: str) -> tuple[str, ...]:
    increment = ("-i", f"@{base}") if base is not None else ()
    return (ZFS, "send", "-n", "-v", "-P", *increment, f"{name}@{snapshot}")


def send_rest(resume_token: str) -> tuple[str, ...]:
    """Send the rest of an interrupted stream; the token says of which snapshot, and from where."""
    return (ZFS, "send", "-t", resume_token)


def receive(name: str, resumable: bool) -> tuple[str, ...]:
    """Receive a stream; never with -F, so that it never overwrites a copy that diverged."""
    return (ZFS, "receive", *(["-s"] if resumable else []), "-u", name)


def discard_partial(name: str) -> tuple[str, ...]:
    """Discard the part of an interrupted receive, and the filesystem if that receive made it."""
    return (ZFS, "receive", "-A", name)


def rename(name: str, to: str) -> tuple[str, ...]:
    return (ZFS, "rename", name, to)


def _pairs(properties: Mapping[str, str]) -> list[str]:
    return [f"{key}={value}" for key, value in properties.items()]


def _copy_options(
    mountpoint: str | None, maximum_size: int | None, agent_properties: Mapping[str, str]
) -> tuple[str, ...]:
    properties = [
        "canmount=noauto",
        *([f"mountpoint={mountpoint}"] if mountpoint is not None else []),
        *_pairs(agent_properties),
        *([f"refquota={maximum_size}"] if maximum_size is not None else []),
    ]
    return tuple(word for item in properties for word in ("-o", item))
