"""What a container finds at which of its paths."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass
from typing import Any, Protocol

from pyrsistent import PMap, pmap

from flocker_lite.model import mountpoints
from flocker_lite.model.fields import Schema, described, exactly, reference
from flocker_lite.model.identities import DatasetId
from flocker_lite.model.quantities import as_number, size, size_bytes

_STEP = r"(?!\.{1,2}(/|$))[^\u0000/:\n]{1,255}"


@dataclass(frozen=True, slots=True)
class Volume:
    """A dataset that appears inside a container at the absolute path `mountpoint`.

    With a `subpath` it is that directory of the dataset, a path relative to its root.
    """

    dataset_id: DatasetId
    mountpoint: str
    read_only: bool = False
    subpath: str | None = None


_OF_A_VOLUME: Mapping[str, Schema] = {
    "read_only": {
        "description": "Whether the container can only read it; false unless given.",
        "type": "boolean",
    },
    "subpath": {
        "description": "The directory of the dataset that appears there, instead of all of it. It "
        "has to be\nthere when the container starts, and no part of the path may be a symbolic "
        "link.\n",
        "type": "string",
        "x-words": 'a path in the dataset such as "pg/16", without a colon, . and .., that neither '
        "begins nor ends with a /",
        "maxLength": 1024,
        "pattern": rf"^{_STEP}(/{_STEP})*$(?!\n)",
    },
}
_VOLUMES: Schema = {
    "description": "Datasets at paths inside the container; each dataset and each path only once.",
    "type": "array",
    "maxItems": 16,
    "items": exactly(
        optional=_OF_A_VOLUME,
        dataset_id=reference("UUID"),
        mountpoint={
            "type": "string",
            "maxLength": 4096,
            "pattern": r"^/[^\u0000]*$",
            "x-words": "an absolute path",
        },
        **_OF_A_VOLUME,
    ),
}
_WANTED_VOLUMES: Schema = {
    "description": """\
Datasets at paths inside the container; each dataset and each path only once, and no path
that Docker cannot mount anything at: `/`, what is in `/proc`, `/sys` or `/dev`, and the files that
Docker puts there itself, such as `/etc/hosts`. A dataset is named by its id, or by the `name` in
its metadata, if it is the only one of that name then.
""",
    "type": "array",
    "maxItems": 16,
    "items": {
        **exactly(
            optional=("dataset_id", "dataset", *_OF_A_VOLUME),
            dataset_id=reference("UUID"),
            dataset={
                "description": "The name in its metadata; or its id.",
                "type": "string",
                "x-words": "the name of a dataset",
                "minLength": 1,
                "maxLength": 256,
                "pattern": r"^[^\n\u0000]*$(?!\n)",
            },
            mountpoint=reference("WantedMountpoint"),
            **_OF_A_VOLUME,
        ),
        "x-words": "an object with a dataset_id or a dataset, and a mountpoint",
        "oneOf": [{"required": ["dataset_id"]}, {"required": ["dataset"]}],
    },
}


def _volumes(items: list[dict[str, Any]]) -> tuple[Volume, ...]:
    """Of what passed the schema, in their order."""
    return tuple(
        Volume(
            item["dataset_id"].lower(),
            item["mountpoint"],
            item.get("read_only", False),
            item.get("subpath"),
        )
        for item in items
    )


def _volumes_body(volumes: tuple[Volume, ...]) -> list[dict[str, Any]]:
    """The volumes as JSON."""
    return [
        {
            "dataset_id": volume.dataset_id,
            "mountpoint": volume.mountpoint,
            **({"read_only": True} if volume.read_only else {}),
            **({"subpath": volume.subpath} if volume.subpath is not None else {}),
        }
        for volume in volumes
    ]


def _since(volumes: tuple[Volume, ...]) -> int:
    """The protocol since which agents know all of it."""
    return 2 if any(each.read_only or each.subpath is not None for each in volumes) else 1


VOLUMES = described(
    "The datasets that it uses, and at which paths.",
    _WANTED_VOLUMES,
    _VOLUMES,
    parse=_volumes,
    render=_volumes_body,
    protocol_of=_since,
)


@dataclass(frozen=True, slots=True)
class Tmpfs:
    """A file system in memory: its most bytes, None for half of the memory, and Docker's options.

    The options are those of `docker run --tmpfs` but for the size.
    """

    size: int | None = None
    options: tuple[str, ...] = ()


_SIZE = size(4096)
_OPTION = (
    "((no)?(exec|suid|dev)|r[ow]|noatime|relatime|strictatime|mode=[0-7]{3,4}"
    "|[ug]id=[0-9]{1,10}|nr_inodes=[0-9]{1,10}[kKmMgG]?)"
)
_OPTIONS = rf"({_OPTION}|size=[0-9]{{1,19}}[kKmMgG]?)"
_LISTED = rf"{_OPTIONS}(,{_OPTIONS})*"
_OPTIONS_WORDS = "exec, suid, dev (each with or without no), ro, rw, mode=, uid=, gid=, nr_inodes="
_TMPFS_PATH_WORDS = (
    "an absolute path without a colon, at which Docker can mount something, as in /run/lock"
)


def _tmpfs_object(of_size: Schema) -> Schema:
    options: Schema = {
        "type": "array",
        "maxItems": 16,
        "items": {
            "type": "string",
            "pattern": rf"^{_OPTION}$(?!\n)",
            "x-words": f"an option of Docker's: {_OPTIONS_WORDS}",
        },
    }
    return exactly(optional=("size", "options"), size=of_size, options=options)


def _tmpfs_by_path(of: Schema) -> Schema:
    return {
        "type": "object",
        "maxProperties": 16,
        "x-words": 'an object such as {"/run": {"size": "64m"}}',
        "x-key-words": _TMPFS_PATH_WORDS,
        "patternProperties": {rf"^{mountpoints.PLAIN}$(?!\n)": of},
        "additionalProperties": False,
    }


_WANTED_TMPFS: Schema = {
    "description": "File systems in memory, by their paths inside: a list of paths, each with "
    "Docker's options after a colon;\nor an object with the size, or the options, or both, of "
    "each path.\n",
    "x-words": 'a list such as ["/run", "/tmp:size=64m,mode=1777"], '
    'or an object such as {"/run": {"size": "64m"}}',
    "anyOf": [
        {
            "type": "array",
            "maxItems": 16,
            "items": {
                "type": "string",
                "x-words": 'a text such as "/tmp:size=64m,mode=1777": '
                f"{_TMPFS_PATH_WORDS}, and options of Docker's: size=, {_OPTIONS_WORDS}",
                "pattern": rf"^{mountpoints.PLAIN}(:({_LISTED})?)?$(?!\n)",
            },
        },
        _tmpfs_by_path(
            {
                "x-words": 'a size such as "64m", options such as "size=64m,mode=1777", '
                'or an object such as {"size": "64m", "options": ["mode=1777"]}',
                "anyOf": [
                    _SIZE,
                    {
                        "type": "string",
                        "x-words": 'options such as "size=64m,mode=1777"',
                        "pattern": rf"^({_LISTED})?$(?!\n)",
                    },
                    _tmpfs_object(_SIZE),
                ],
            }
        ),
    ],
}


def _tmpfs(body: list[str] | Mapping[str, Any]) -> PMap[str, Tmpfs]:
    """Of what passed the schema, by path."""
    if isinstance(body, Mapping):
        return pmap({path: _one_tmpfs(value) for path, value in body.items()})
    parts = (each.partition(":") for each in body)
    return pmap({path: _of_options(options.split(",")) for path, _, options in parts})


def _one_tmpfs(value: Any) -> Tmpfs:
    if isinstance(value, Mapping):
        most = value.get("size")
        return Tmpfs(None if most is None else size_bytes(most), tuple(value.get("options", ())))
    if isinstance(value, str):
        with suppress(ValueError):
            return Tmpfs(size_bytes(value))
        return _of_options(value.split(","))
    return Tmpfs(int(value))


def _of_options(options: list[str]) -> Tmpfs:
    """Where an option is given twice, the last one counts, as for Docker."""
    sizes = [each.removeprefix("size=") for each in options if each.startswith("size=")]
    rest = tuple(each for each in options if each and not each.startswith("size="))
    return Tmpfs(size_bytes(sizes[-1]) if sizes else None, rest)


def _tmpfs_body(found: PMap[str, Tmpfs]) -> dict[str, Any]:
    """As JSON: an object for each path, with what was given."""
    return {
        path: {
            **({"size": tmpfs.size} if tmpfs.size is not None else {}),
            **({"options": list(tmpfs.options)} if tmpfs.options else {}),
        }
        for path, tmpfs in sorted(found.items())
    }


TMPFS = described(
    "File systems in memory, at which paths; they are empty after each start.",
    _WANTED_TMPFS,
    _tmpfs_by_path(_tmpfs_object(as_number(_SIZE))),
    parse=_tmpfs,
    render=_tmpfs_body,
    protocol=2,
)


@dataclass(frozen=True, slots=True)
class BindMount:
    """A directory or a file of the node, by its path there, and where the container sees it."""

    host_path: str
    mountpoint: str
    read_only: bool = False


_HOST_PATH: Schema = {
    "type": "string",
    "x-words": "an absolute path of the node, without . and .., such as /srv/web",
    "maxLength": 256,
    "pattern": r"^(/(?!\.{1,2}(/|$))[^\u0000-\u0020\u007f,:{}\[\]'\"#/]{1,255})+$(?!\n)",
}


def _each_bind_mount(mountpoint: Schema) -> Schema:
    return {
        "description": "Directories and files of the node at paths inside the container. They do "
        "not move: the\ncontainer has those of the node that it runs on.\n",
        "type": "array",
        "maxItems": 16,
        "items": exactly(
            optional=("read_only",),
            host_path=_HOST_PATH,
            mountpoint=mountpoint,
            read_only=_OF_A_VOLUME["read_only"],
        ),
    }


def _bind_mounts(items: list[dict[str, Any]]) -> tuple[BindMount, ...]:
    return tuple(
        BindMount(item["host_path"], item["mountpoint"], item.get("read_only", False))
        for item in items
    )


def _bind_mounts_body(binds: tuple[BindMount, ...]) -> list[dict[str, Any]]:
    return [
        {
            "host_path": bind.host_path,
            "mountpoint": bind.mountpoint,
            **({"read_only": True} if bind.read_only else {}),
        }
        for bind in binds
    ]


BIND_MOUNTS = described(
    "Directories and files of its node, which do not move. Each path needs ``allow``.",
    _each_bind_mount(reference("WantedMountpoint")),
    _each_bind_mount({"type": "string"}),
    parse=_bind_mounts,
    render=_bind_mounts_body,
    protocol=2,
)


class Mounted(Protocol):
    """What has these fields: a container."""

    @property
    def volumes(self) -> tuple[Volume, ...]: ...
    @property
    def tmpfs(self) -> PMap[str, Tmpfs]: ...
    @property
    def bind_mounts(self) -> tuple[BindMount, ...]: ...


def contradictions(container: Mounted) -> Iterator[tuple[str, str]]:
    """Fields that Docker would refuse together: which, and why."""
    for volume in container.volumes:
        if volume.subpath is not None and ":" in volume.mountpoint:
            yield "volumes", f"{volume.mountpoint} has a colon: there can be no subpath there"
    taken = {mountpoints.normal(volume.mountpoint) for volume in container.volumes}
    for bind in container.bind_mounts:
        path = mountpoints.normal(bind.mountpoint)
        if path in taken:
            yield "bind_mounts", f"something else is at {path}: choose another mountpoint for one"
        taken.add(path)
    for path in sorted(taken.intersection(container.tmpfs)):
        yield "tmpfs", f"something else is at {path}: choose another path for one of them"
