"""Intentions as argument lists of `zfs`; pure. Only `-H -p` output is ever asked for."""

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
FACTS = (*OURS, "type", "mounted", "refquota", "guid", "createtxg")
KIN = (*OURS, "type", "mounted", "refquota", "origin", "used")
FITNESS = (LEASE_PROPERTY, "mounted", "readonly")
ROOT_PROPERTIES = {"mountpoint": "none", "canmount": "off", "readonly": "on"}


def make_root(root: str) -> tuple[str, ...]:
    """The parent of all datasets: what is received below it can neither be mounted nor written."""
    options = (word for item in _pairs(ROOT_PROPERTIES) for word in ("-o", item))
    return (ZFS, "create", *options, root)


def facts(name: str) -> tuple[str, ...]:
    """All that discovery wants to know of a filesystem, those below it, and their snapshots."""
    return (ZFS, "get", "-Hp", "-r", "-o", "name,property,value,source", ",".join(FACTS), name)


def kin(root: str) -> tuple[str, ...]:
    """What stems from what among all filesystems directly below ours, and how large each is."""
    columns = ("-o", "name,property,value,source")
    return (ZFS, "get", "-Hp", "-r", "-d", "1", *columns, ",".join(KIN), root)


def create(name: str, mountpoint: str, maximum_size: int | None, lease: Lease) -> tuple[str, ...]:
    """An empty filesystem that has its lease from the first instant."""
    return (
        ZFS,
        "create",
        *_of_a_copy(mountpoint, maximum_size, {LEASE_PROPERTY: str(lease)}),
        name,
    )


def clone(
    origin: str, name: str, maximum_size: int | None, written_on: Mapping[str, str]
) -> tuple[str, ...]:
    """A copy that goes on from a snapshot of another, and has what is `written_on` that, its
    lease, from the first instant.

    It is marked as one until all is done, and has no mountpoint of its own yet.
    """
    marked = {CONTINUES_PROPERTY: origin.partition("@")[2]}
    return (ZFS, "clone", *_of_a_copy(None, maximum_size, {**written_on, **marked}), origin, name)


def promote(name: str) -> tuple[str, ...]:
    """Have the snapshots that a clone stems from; what they were of becomes a clone of it."""
    return (ZFS, "promote", name)


def set_property(name: str, key: str, value: str) -> tuple[str, ...]:
    return (ZFS, "set", f"{key}={value}", name)


def set_properties(name: str, properties: Mapping[str, str]) -> tuple[str, ...]:
    """All or none; not every ZFS takes more than one."""
    return (ZFS, "set", *_pairs(properties), name)


def inherit(name: str, key: str) -> tuple[str, ...]:
    return (ZFS, "inherit", key, name)


def mount(name: str) -> tuple[str, ...]:
    return (ZFS, "mount", name)


def unmount(name: str) -> tuple[str, ...]:
    return (ZFS, "unmount", name)


def destroy(name: str) -> tuple[str, ...]:
    """A filesystem with its snapshots."""
    return (ZFS, "destroy", "-r", name)


def destroy_snapshot(name: str, snapshot: str) -> tuple[str, ...]:
    return (ZFS, "destroy", f"{name}@{snapshot}")


def snapshot(name: str, snapshot: str) -> tuple[str, ...]:
    return (ZFS, "snapshot", f"{name}@{snapshot}")


def snapshots(names: Mapping[str, str]) -> tuple[str, ...]:
    """One of each filesystem, by the name given for it, all at one instant."""
    return (ZFS, "snapshot", *(f"{name}@{snapshot}" for name, snapshot in names.items()))


def value(name: str, key: str) -> tuple[str, ...]:
    """One property of a filesystem, without those of what is below it."""
    return (ZFS, "get", "-Hp", "-o", "value", key, name)


def all_properties(name: str) -> tuple[str, ...]:
    """Whatever this ZFS knows of a filesystem: to name what it does not know were an error."""
    return (ZFS, "get", "-Hp", "-o", "property,value,source", "all", name)


def fitness(name: str) -> tuple[str, ...]:
    """What decides whether a filesystem may be mounted, and what is to be done before."""
    return (ZFS, "get", "-Hp", "-o", "name,property,value,source", ",".join(FITNESS), name)


def resume_token(name: str) -> tuple[str, ...]:
    """What lets a stream to here that was cut go on; "-" when there is none."""
    return value(name, RESUME_TOKEN_PROPERTY)


def resume_feature(pool: str) -> tuple[str, ...]:
    """Whether the pool can keep what a stream that was cut brought."""
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
    """What a stream that was cut still lacks; the token says of which snapshot, and from where."""
    return (ZFS, "send", "-t", resume_token)


def receive(name: str, resumable: bool) -> tuple[str, ...]:
    """Never with -F: a copy that does not continue is never overwritten."""
    return (ZFS, "receive", *(["-s"] if resumable else []), "-u", name)


def discard_partial(name: str) -> tuple[str, ...]:
    """Throw away what a resumable stream that was cut left; a new filesystem goes with it."""
    return (ZFS, "receive", "-A", name)


def rename(name: str, to: str) -> tuple[str, ...]:
    return (ZFS, "rename", name, to)


def _pairs(properties: Mapping[str, str]) -> list[str]:
    return [f"{key}={value}" for key, value in properties.items()]


def _of_a_copy(
    mountpoint: str | None, maximum_size: int | None, written_on: Mapping[str, str]
) -> tuple[str, ...]:
    properties = [
        "canmount=noauto",
        *([f"mountpoint={mountpoint}"] if mountpoint is not None else []),
        *_pairs(written_on),
        *([f"refquota={maximum_size}"] if maximum_size is not None else []),
    ]
    return tuple(word for item in properties for word in ("-o", item))
