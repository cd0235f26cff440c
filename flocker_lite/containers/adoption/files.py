"""What a container has mounted: what becomes a dataset, and what stays on its node."""

from __future__ import annotations

import posixpath
import re
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from typing import Any

from flocker_lite.containers.adoption.draft import NONE_OF, Draft, Inspected
from flocker_lite.model import mountpoints
from flocker_lite.model.adoption import BIND, VOLUME, Source, unused
from flocker_lite.model.allowance import AGENT_FILE, Need, overlap, plain_path, with_more

_ANONYMOUS = re.compile("[0-9a-f]{64}")
_OF_THE_SYSTEM = (
    *("/bin", "/boot", "/dev", "/etc", "/lib", "/lib32", "/lib64", "/proc", "/run", "/sbin"),
    *("/sys", "/usr", "/var/run", "/var/lib/docker", "/var/log"),
)
_LOCAL = "local"
_PRIVATE = ("", "rprivate")


@dataclass(frozen=True, slots=True)
class _Verdict:
    """Whether a source is taken, why, and where its data is."""

    take: bool
    why: str
    path: str


def add_files(found: Inspected, draft: Draft) -> None:
    """The sources, the volumes that they would become, and what is mounted from the node."""
    taken: set[str] = set()
    volumes: list[dict[str, Any]] = []
    binds: list[dict[str, Any]] = []
    for mount in found.details.get("Mounts") or ():
        if mount.get("Type") not in (VOLUME, BIND):
            continue
        verdict = _verdict(found, draft, mount, taken)
        source = _source(mount, verdict, draft)
        draft.sources.append(source)
        if source.take:
            taken.add(source.path)
            volumes.append(
                {
                    "dataset": source.dataset,
                    "mountpoint": source.mountpoint,
                    **({"read_only": True} if source.read_only else {}),
                }
            )
            _note_others(found, source, draft)
        elif source.kind == BIND:
            binds += _stays(source, draft)
        if mount.get("Propagation", "") not in _PRIVATE and source.kind == BIND:
            draft.lose(
                "bind_mounts",
                f"{source.source}: what is mounted below it later ({mount['Propagation']}) would "
                "not appear in the container",
            )
    draft.keep(volumes=volumes, bind_mounts=binds, tmpfs=_tmpfs(found))
    if found.host.get("VolumesFrom"):
        draft.hinder(
            "--volumes-from",
            f"{', '.join(found.host['VolumesFrom'])}: another container has the same volumes; here "
            "a dataset has one container: start it with volumes of its own",
        )


def _verdict(
    found: Inspected, draft: Draft, mount: Mapping[str, Any], taken: Collection[str]
) -> _Verdict:
    is_volume = mount["Type"] == VOLUME
    verdict = _of_volume(found, draft, mount) if is_volume else _of_bind(found, draft, mount)
    if verdict.take and not mountpoints.is_possible(mount["Destination"]):
        return _Verdict(False, "no dataset can be mounted at that path", verdict.path)
    if verdict.take and any(overlap(verdict.path, each) for each in taken):
        draft.hinder(
            "volumes",
            f"{mount['Destination']}: the container has the same data at two paths; here a dataset "
            "has one: leave one of the mounts out",
        )
        return _Verdict(False, "the same data is taken at another path", verdict.path)
    return verdict


def _of_volume(found: Inspected, draft: Draft, mount: Mapping[str, Any]) -> _Verdict:
    name, path = mount.get("Name") or "", mount.get("Source") or ""
    if (mount.get("Driver") or _LOCAL) != _LOCAL:
        text = f"its data is with the volume driver {mount['Driver']}, not on this node"
        draft.hinder("volumes", f"{name}: {text}: copy it into a volume of the local driver first")
        return _Verdict(False, text, path)
    options = found.volumes.get(name, NONE_OF).get("Options") or NONE_OF
    if "bind" in str(options.get("o", "")).split(","):
        path = options.get("device") or path
    elif options:
        text = f"it is a mount of its own ({options.get('type') or 'with options'})"
        draft.hinder("volumes", f"{name}: {text}: copy its data into a plain volume first")
        return _Verdict(False, text, path)
    if _subpath(found, mount):
        text = "only a part of the volume is mounted"
        draft.hinder("volumes", f"{name}: {text}: mount all of it first")
        return _Verdict(False, text, path)
    if _ANONYMOUS.fullmatch(name):
        return _Verdict(True, "a volume without a name, as its image asks for one", path)
    return _Verdict(True, "a volume", path)


def _subpath(found: Inspected, mount: Mapping[str, Any]) -> bool:
    return any(
        (each.get("VolumeOptions") or NONE_OF).get("Subpath")
        for each in found.host.get("Mounts") or ()
        if each.get("Target") == mount["Destination"]
    )


def _of_bind(found: Inspected, draft: Draft, mount: Mapping[str, Any]) -> _Verdict:
    path = plain_path(mount["Source"])
    if draft.data_root and overlap(path, draft.data_root):
        text = f"{path} has datasets, which are in {draft.data_root}"
        draft.hinder(
            "volumes",
            f"{mount['Destination']}: {text}: no container gets that; name the dataset in volumes, "
            "or do without",
        )
        return _Verdict(False, "it has datasets already", path)
    if path == "/" or is_of_the_system(path):
        return _Verdict(False, "a path of the node's own system", path)
    if path in found.no_directories:
        return _Verdict(False, "a file or a socket; a dataset is a directory", path)
    if not mount.get("RW", True):
        return _Verdict(
            False, "the container only reads it, so it is not the container's data", path
        )
    return _Verdict(True, "a directory to which the container writes", path)


def is_of_the_system(path: str) -> bool:
    """Whether the path has, or is a part of, what the node itself needs."""
    return any(overlap(path, each) for each in _OF_THE_SYSTEM)


def _source(mount: Mapping[str, Any], verdict: _Verdict, draft: Draft) -> Source:
    is_volume = mount["Type"] == VOLUME
    return Source(
        source=(mount.get("Name") if is_volume else plain_path(mount["Source"])) or "",
        mountpoint=mount["Destination"],
        kind=VOLUME if is_volume else BIND,
        take=verdict.take,
        why=verdict.why,
        path=verdict.path,
        dataset=_dataset_name(mount, draft) if verdict.take else None,
        read_only=not mount.get("RW", True),
    )


def _dataset_name(mount: Mapping[str, Any], draft: Draft) -> str:
    """The volume's own name; else the container's and the last part of the path inside."""
    name = mount.get("Name") or ""
    if mount["Type"] != VOLUME or _ANONYMOUS.fullmatch(name):
        name = f"{draft.name}-{posixpath.basename(mountpoints.normal(mount['Destination']))}"
    return unused(name, [each.dataset for each in draft.sources])


def _note_others(found: Inspected, source: Source, draft: Draft) -> None:
    others = found.used_by.get(source.source, ())
    if others:
        draft.hinder(
            "volumes",
            f"{source.source}: {', '.join(others)} has it as well, and would go on with the old "
            "data: stop that for good, or give it data of its own",
        )


def _stays(source: Source, draft: Draft) -> list[dict[str, Any]]:
    """The bind mount that it would be here, if its node allows that."""
    if draft.data_root and overlap(source.path, draft.data_root):
        return []
    if source.path not in draft.allow:
        line = with_more(draft.allow, [Need("bind_mounts", source.path)])
        draft.lose(
            "bind_mounts",
            f"{source.source} at {source.mountpoint} ({source.why}): this node does not allow it. "
            f"Write `{line}` into {AGENT_FILE} on each node that the container may move to, and "
            "restart the agent there; or do without",
        )
        return []
    bind: dict[str, Any] = {"host_path": source.path, "mountpoint": source.mountpoint}
    return [{**bind, "read_only": True} if source.read_only else bind]


def _tmpfs(found: Inspected) -> dict[str, Any]:
    """File systems in memory, of `--tmpfs` and of `--mount type=tmpfs`."""
    by_path: dict[str, Any] = {
        path: options or {} for path, options in (found.host.get("Tmpfs") or NONE_OF).items()
    }
    for mount in found.host.get("Mounts") or ():
        if mount.get("Type") == "tmpfs":
            options = mount.get("TmpfsOptions") or NONE_OF
            mode = options.get("Mode")
            by_path[mount["Target"]] = {
                **({"size": options["SizeBytes"]} if options.get("SizeBytes") else {}),
                **({"options": [f"mode={mode:o}"]} if mode else {}),
            }
    return by_path
