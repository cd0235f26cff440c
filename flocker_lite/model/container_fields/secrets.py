"""What a container gets of the secrets that the control service keeps: names, never values."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any, Protocol

from pyrsistent import PMap, pmap

from flocker_lite.model import mountpoints
from flocker_lite.model.container_fields.files import BindMount, Volume
from flocker_lite.model.fields import Schema, described, exactly, reference, whole

FOLDER = "/run/secrets"
"""Where a secret is a file inside, unless the container says where."""

MODE = 0o444
ID_MAX = 2**32 - 2
FILES_MAX = 64

_NAME = reference("SecretName")


@dataclass(frozen=True, slots=True)
class SecretFile:
    """A file at the absolute `path` inside that has the value of a secret, and who may read it."""

    secret: str
    path: str
    mode: int = MODE
    uid: int = 0
    gid: int = 0


_BY_VARIABLE: Schema = {
    "type": "object",
    "maxProperties": 256,
    "x-words": 'an object such as {"PASSWORD": "pg"}: variables, each with the name of a secret',
    "x-key-words": "the name of a variable, which is not empty and has no = in it",
    "patternProperties": {r"^[^=\u0000]+$": _NAME},
    "additionalProperties": False,
}
_MODE: Schema = {
    "description": "The permissions, as octal digits.",
    "type": "string",
    "x-words": 'octal digits such as "0400"',
    "pattern": r"^0?[0-7]{3}$(?!\n)",
}
_PATH: Schema = {
    "type": "string",
    "x-words": "an absolute path, at which Docker can mount something",
    "pattern": rf"^{mountpoints.PLAIN}$(?!\n)",
}


def _files(items: Schema, description: str) -> Schema:
    return {
        "description": description,
        "type": "array",
        "maxItems": FILES_MAX,
        "items": items,
    }


def _file(optional: Iterable[str]) -> Schema:
    return exactly(
        optional=optional,
        secret=_NAME,
        path=_PATH,
        mode=_MODE,
        uid=whole(0, ID_MAX),
        gid=whole(0, ID_MAX),
    )


def _parsed(items: list[str | dict[str, Any]]) -> tuple[SecretFile, ...]:
    return tuple(_one({"secret": item} if isinstance(item, str) else item) for item in items)


def _one(item: dict[str, Any]) -> SecretFile:
    name = item["secret"]
    return SecretFile(
        name,
        item.get("path", f"{FOLDER}/{name}"),
        int(item["mode"], 8) if "mode" in item else MODE,
        int(item.get("uid", 0)),
        int(item.get("gid", 0)),
    )


def _bodies(files: tuple[SecretFile, ...]) -> list[dict[str, Any]]:
    return [
        {
            "secret": file.secret,
            "path": file.path,
            "mode": f"{file.mode:04o}",
            "uid": file.uid,
            "gid": file.gid,
        }
        for file in files
    ]


ENVIRONMENT_SECRET = described(
    "Variables whose values are secrets, by the secrets' names.",
    {"description": "Variables, each with the name of a secret.", **_BY_VARIABLE},
    parse=pmap,
    render=dict,
    protocol=2,
)
SECRETS = described(
    "Secrets that are files inside, each with its ``path``, ``mode``, ``uid`` and ``gid``.",
    _files(
        {
            "x-words": 'the name of a secret, or an object such as {"secret": "pg", "path": '
            '"/run/secrets/pg", "mode": "0400"}',
            "anyOf": [_NAME, _file(("path", "mode", "uid", "gid"))],
        },
        f"Secrets as files, which belong to root and can be read by all (0444) unless it is said\n"
        f"otherwise; the usual path is {FOLDER}/NAME.\n",
    ),
    _files(_file(()), "Secrets as files."),
    parse=_parsed,
    render=_bodies,
    protocol=2,
)


class WithSecrets(Protocol):
    """What has these fields: a container."""

    @property
    def environment(self) -> PMap[str, str]: ...
    @property
    def environment_secret(self) -> PMap[str, str]: ...
    @property
    def secrets(self) -> tuple[SecretFile, ...]: ...
    @property
    def volumes(self) -> tuple[Volume, ...]: ...
    @property
    def tmpfs(self) -> PMap[str, Any]: ...
    @property
    def bind_mounts(self) -> tuple[BindMount, ...]: ...


def contradictions(container: WithSecrets) -> Iterator[tuple[str, str]]:
    """Fields that do not go together: which, and why."""
    for variable in sorted(set(container.environment).intersection(container.environment_secret)):
        yield "environment_secret", f"environment has {variable} too: leave it out of one of them"
    taken = {mountpoints.normal(volume.mountpoint) for volume in container.volumes}
    taken |= {mountpoints.normal(bind.mountpoint) for bind in container.bind_mounts}
    taken |= set(container.tmpfs)
    for file in container.secrets:
        if file.path in taken:
            yield "secrets", f"something else is at {file.path} already: choose another path"
        taken.add(file.path)
    for file in container.secrets:
        for path in sorted(each for each in taken if each.startswith(f"{file.path}/")):
            yield "secrets", f"{file.path} is a file, and {path} cannot be in it: choose another"
