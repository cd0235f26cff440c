"""Parses what `zfs` prints with -H and -p into records; pure."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, replace
from itertools import groupby

from pyrsistent import PMap, pmap

from flocker_lite.errors import FlockerError, LeaseError
from flocker_lite.model import lease, membership
from flocker_lite.model.filesystem import FoundFilesystem
from flocker_lite.model.machine import Capacity
from flocker_lite.model.records import DatasetId
from flocker_lite.model.state import LocalDataset, Snapshot
from flocker_lite.zfs.names import (
    CONTINUES_PROPERTY,
    GROUP_PROPERTY,
    LEASE_PROPERTY,
    is_dataset_id,
    is_resume_token,
    of_aside,
)

AGENT_PROPERTIES = (LEASE_PROPERTY, GROUP_PROPERTY)

Facts = dict[str, tuple[str, str]]
"""Property -> (value, source) of one filesystem or snapshot."""


class UnexpectedOutput(FlockerError):
    """`zfs` printed something that we cannot parse; the message has the line."""


def datasets(
    text: str, root: str, path: Callable[[DatasetId], str]
) -> PMap[DatasetId, LocalDataset]:
    """The copies below `root`, from the output of `commands.facts`; raises UnexpectedOutput.

    A copy whose lease is unreadable is in the result, with its `trouble`.
    """
    found: dict[DatasetId, LocalDataset] = {}
    snapshots: dict[DatasetId, list[tuple[int, Snapshot]]] = {}
    for name, facts in _by_name(text):
        identity, _, snapshot_name = name.removeprefix(f"{root}/").partition("@")
        if not name.startswith(f"{root}/") or not is_dataset_id(identity):
            continue
        if snapshot_name:
            snapshot = Snapshot(snapshot_name, _value(name, facts, "guid"))
            snapshots.setdefault(identity, []).append((_number(name, facts, "createtxg"), snapshot))
        elif _value(name, facts, "type") == "filesystem":
            found[identity] = _dataset(identity, facts, path(identity))
    return pmap(
        {
            identity: _with_snapshots(dataset, snapshots.get(identity, []))
            for identity, dataset in found.items()
        }
    )


def with_unfinished(
    text: str, root: str, path: Callable[[DatasetId], str], why: str
) -> PMap[DatasetId, LocalDataset]:
    """The same, when setting something aside failed: each marked copy has its `trouble`."""
    found = datasets(text, root, path)
    for name, facts in _by_name(text):
        if _own(facts, CONTINUES_PROPERTY) is None:
            continue
        own = name.removeprefix(f"{root}/")
        parts = of_aside(own)
        identity = parts[0] if parts is not None else own
        if is_dataset_id(identity):
            trouble = f"{identity}: a part of the copy here is being set aside: {why}"
            nothing = LocalDataset(identity, None, False, path(identity))
            copy = replace(found.get(identity, nothing), lease=None, trouble=trouble)
            found = found.set(identity, copy)
    return found


def below(text: str, name: str) -> tuple[str, ...]:
    """The filesystems below a filesystem, from the output of `commands.facts` for it."""
    found = {_row(line)[0] for line in text.splitlines()}
    return tuple(sorted(each for each in found if each.startswith(f"{name}/") and "@" not in each))


def is_unfinished(text: str) -> bool:
    """Whether, by the output of `commands.facts`, setting something aside was interrupted."""
    rows = map(_row, text.splitlines())
    return any(key == CONTINUES_PROPERTY and source == "local" for _, key, _, source in rows)


@dataclass(frozen=True, slots=True)
class Filesystem:
    """A filesystem below ours, with the properties that we need to set copies aside.

    `origin` is the snapshot that it is a clone of. `continues` is the mark of an unfinished aside.
    `agent_properties` are the lease and the other properties that an agent set on it.
    """

    name: str
    origin: str | None
    continues: str | None
    agent_properties: Mapping[str, str]
    maximum_size: int | None
    mounted: bool
    size_bytes: int


def filesystems(text: str, root: str) -> dict[str, Filesystem]:
    """The filesystems below `root`, by name, from the output of `commands.filesystems`."""
    found: dict[str, Filesystem] = {}
    for name, facts in _by_name(text):
        if name.startswith(f"{root}/") and _value(name, facts, "type") == "filesystem":
            origin = _value(name, facts, "origin")
            found[name.removeprefix(f"{root}/")] = Filesystem(
                name,
                origin if origin not in ("-", "") else None,
                _own(facts, CONTINUES_PROPERTY),
                {key: value for key in AGENT_PROPERTIES if (value := _own(facts, key))},
                _number(name, facts, "refquota") or None,
                _value(name, facts, "mounted") == "yes",
                _number(name, facts, "used"),
            )
    return found


def _own(facts: Facts, key: str) -> str | None:
    """The value that was set on the filesystem itself; None for an inherited one."""
    value, source = facts.get(key, ("-", "-"))
    return value if source == "local" else None


@dataclass(frozen=True, slots=True)
class MountCheck:
    """What says whether a copy may be mounted, and what to set before."""

    lease: lease.Lease | None
    mounted: bool
    readonly: bool


def mount_check(text: str, identity: DatasetId) -> MountCheck:
    """From the output of `commands.mount_check`; UnexpectedOutput, LeaseError for a bad lease."""
    facts = {key: (value, source) for _, key, value, source in map(_row, text.splitlines())}
    return MountCheck(
        lease=_lease(identity, facts),
        mounted=_value(identity, facts, "mounted") == "yes",
        readonly=_value(identity, facts, "readonly") != "off",
    )


def capacity(text: str) -> Capacity:
    """What `commands.capacity` printed: what is used, and what more fits."""
    lines = text.split()
    if len(lines) != 2 or not all(map(_is_number, lines)):
        raise UnexpectedOutput(f"expected two numbers of bytes: {text!r}")
    used, available = map(int, lines)
    return Capacity(used + available, available)


def found_filesystem(text: str, name: str, root: str) -> FoundFilesystem:
    """Somebody's filesystem, of what `commands.found` printed; `root` is the parent of ours."""
    by_name = {each: facts for each, facts in _by_name(text) if "@" not in each}
    facts = by_name.get(name, {})
    path = _value(name, facts, "mountpoint")
    return FoundFilesystem(
        name,
        path if path.startswith("/") else None,
        _number(name, facts, "used"),
        _number(name, facts, "refquota") or None if _is_limited(facts) else None,
        _why_not(name, facts, set(by_name) - {name}, root),
    )


def _is_limited(facts: Facts) -> bool:
    return _is_number(facts.get("refquota", ("", ""))[0])


def _why_not(name: str, facts: Facts, below: set[str], root: str) -> str | None:
    if _value(name, facts, "type") != "filesystem":
        return "it is a volume of ZFS, a disk; a dataset is a filesystem"
    if name == root or name.startswith(f"{root}/") or root.startswith(f"{name}/"):
        return "it has the datasets of this node, or is one of them"
    if below:
        return f"it has {min(below)} below it: a dataset is one filesystem; move that away first"
    if _value(name, facts, "origin") not in ("-", ""):
        return "it is a clone: `zfs promote` it first"
    return None


def resume_token(text: str) -> str | None:
    """Read the output of `commands.resume_token`; UnexpectedOutput when it is not a token."""
    token = text.strip()
    if token in ("", "-"):
        return None
    if not is_resume_token(token):
        raise UnexpectedOutput(f"zfs get printed {token!r} as a resume token")
    return token


def size_bytes(text: str) -> int | None:
    """The value of a property that is a size; None when there is none."""
    return int(text) if _is_number(text.strip()) else None


def estimated_bytes(text: str) -> int | None:
    """The size from the last line of `zfs send -nvP`; None when ZFS does not know it."""
    for line in reversed(text.splitlines()):
        word, _, size = line.partition("\t")
        if word == "size" and _is_number(size):
            # An estimate of 0 means that ZFS does not know, not that it would send nothing.
            return int(size) or None
    return None


def _by_name(text: str) -> Iterable[tuple[str, Facts]]:
    rows = [_row(line) for line in text.splitlines()]
    for name, group in groupby(rows, key=lambda row: row[0]):
        yield name, {key: (value, source) for _, key, value, source in group}


def _row(line: str) -> tuple[str, str, str, str]:
    parts = line.split("\t")
    if len(parts) != 4:
        raise UnexpectedOutput(f"zfs get printed {line!r}")
    return parts[0], parts[1], parts[2], parts[3]


def _value(name: str, facts: Facts, key: str) -> str:
    if key not in facts:
        raise UnexpectedOutput(f"zfs get printed nothing about {key} of {name}")
    return facts[key][0]


def _number(name: str, facts: Facts, key: str) -> int:
    text = _value(name, facts, key)
    if not _is_number(text):
        raise UnexpectedOutput(f"zfs get printed {text!r} for {key} of {name}")
    return int(text)


def _is_number(text: str) -> bool:
    return text.isascii() and text.isdigit()


def _dataset(identity: DatasetId, facts: Facts, path: str) -> LocalDataset:
    held, member, trouble = None, None, None
    try:
        held = _lease(identity, facts)
        member = _membership(identity, facts)
    except LeaseError as error:
        trouble = str(error)
    return LocalDataset(
        dataset_id=identity,
        lease=held,
        mounted=_value(identity, facts, "mounted") == "yes",
        path=path,
        maximum_size=_number(identity, facts, "refquota") or None,
        trouble=trouble,
        membership=member,
        size_bytes=size_bytes(_value(identity, facts, "used")),
    )


def _lease(identity: DatasetId, facts: Facts) -> lease.Lease | None:
    text = _value(identity, facts, LEASE_PROPERTY)
    # A value from a parent or from a stream is not a lease of this copy.
    if facts[LEASE_PROPERTY][1] != "local":
        return None
    try:
        return lease.parse(text)
    except LeaseError as error:
        raise LeaseError(
            f"{identity}: {error}, but it is the value of {LEASE_PROPERTY}: set that to what the "
            "agent last wrote there"
        ) from None


def _membership(identity: DatasetId, facts: Facts) -> membership.Membership | None:
    text, source = facts.get(GROUP_PROPERTY, ("-", "-"))
    if source != "local":
        return None
    try:
        return membership.parse(text)
    except LeaseError as error:
        raise LeaseError(
            f"{identity}: {error}, but it is the value of {GROUP_PROPERTY}: set that to what the "
            "agent last wrote there"
        ) from None


def _with_snapshots(dataset: LocalDataset, snapshots: list[tuple[int, Snapshot]]) -> LocalDataset:
    ordered = tuple(snapshot for _, snapshot in sorted(snapshots, key=lambda item: item[0]))
    return replace(dataset, snapshots=ordered)
