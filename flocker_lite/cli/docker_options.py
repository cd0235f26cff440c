"""Turns the options of `docker run` into fields of a container; pure."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

_POLICIES = {"no": "never", "never": "never", "always": "always", "unless-stopped": "always"}
_MORE_THAN_NUMBERS = re.compile(r"[0-9.]+:\d+(-\d+)?:.*|\[.*\]:.*|\d+-\d+:.*|.*/udp")
_MODES: tuple[list[str], ...] = ([], ["rw"], ["ro"])
_MOUNT_KEYS = {
    "type": "type",
    **dict.fromkeys(("source", "src"), "dataset"),
    **dict.fromkeys(("target", "dst", "destination"), "mountpoint"),
    **dict.fromkeys(("readonly", "ro"), "read_only"),
    "volume-subpath": "subpath",
}
_SECRET_KEYS = {
    **dict.fromkeys(("source", "src"), "secret"),
    **dict.fromkeys(("target", "dst", "destination"), "path"),
    "mode": "mode",
    "uid": "uid",
    "gid": "gid",
}
_SECRETS_FOLDER = "/run/secrets"
_NOT_NETWORKS = {
    "host": "a container always has a network namespace of its own: publish its ports with -p",
    "none": "a container always has a network: leave --network out",
    "bridge": "Docker's default network is that of a container without --network: leave it out",
    "default": "Docker's default network is that of a container without --network: leave it out",
}
PORT_MAX = 65535


@dataclass(frozen=True, slots=True)
class VolumeOption:
    """A requested volume: the dataset, by name or id, and where and how the container sees it.

    A dataset whose name is an absolute path is that path of the node: a bind mount.
    """

    dataset: str
    mountpoint: str
    read_only: bool = False
    subpath: str | None = None

    @property
    def is_bind_mount(self) -> bool:
        """Whether it is a path of the node."""
        return self.dataset.startswith("/")

    def fields(self, dataset_id: str = "") -> dict[str, Any]:
        """What a request says of it."""
        return {
            **({"host_path": self.dataset} if self.is_bind_mount else {"dataset_id": dataset_id}),
            "mountpoint": self.mountpoint,
            **({"read_only": True} if self.read_only else {}),
            **({"subpath": self.subpath} if self.subpath is not None else {}),
        }


def port(text: str) -> dict[str, int] | str:
    """Parse "8080:80", or "80" for both ports; ValueError for anything else.

    What else Docker takes (a range, "/udp", an address) is for the control service to read.
    """
    outside, colon, inside = text.removesuffix("/tcp").partition(":")
    if colon and _MORE_THAN_NUMBERS.fullmatch(text):
        return text
    try:
        numbers = int(outside), int(inside if colon else outside)
    except ValueError:
        raise ValueError(
            f"{text!r} is not a port; write 8080:80 (outside:inside), 53:53/udp, "
            "127.0.0.1:8080:80 or 8000-8005:8000-8005"
        ) from None
    if not all(0 < number <= PORT_MAX for number in numbers):
        raise ValueError(f"{text!r}: ports go from 1 to {PORT_MAX}")
    return {"external": numbers[0], "internal": numbers[1]}


def volume(text: str) -> VolumeOption:
    """Parse "NAME:/path", or "NAME:/path:ro"; ValueError for anything else."""
    dataset, colon, rest = text.partition(":")
    mountpoint, *modes = rest.split(":")
    if not colon or not dataset or not mountpoint.startswith("/") or modes not in _MODES:
        raise ValueError(f"{text!r} is not a volume; write NAME:/path/inside, and :ro after it")
    return VolumeOption(dataset, mountpoint, modes == ["ro"])


def mount(text: str) -> VolumeOption:
    """Parse "source=NAME,target=/path,volume-subpath=a,readonly"; ValueError for anything else."""
    given = _by_key(text.split(","), text, _MOUNT_KEYS)
    source, target = given.get("dataset", ""), given.get("mountpoint", "")
    kind = given.get("type", "volume")
    # As for Docker, a bind mount says so.
    is_one = kind == ("bind" if source.startswith("/") else "volume")
    if not (is_one and source and target.startswith("/")):
        raise ValueError(
            f"{text!r} is not a volume; write source=NAME,target=/path/inside, or "
            "type=bind,source=/path/of/the/node,target=/path/inside"
        )
    read_only = given.get("read_only", "false") in ("", "true", "1")
    return VolumeOption(source, target, read_only, given.get("subpath"))


def _by_key(words: Iterable[str], text: str, names: Mapping[str, str]) -> dict[str, str]:
    """The values of "KEY=VALUE" words by what their keys are called here, each once."""
    given: dict[str, str] = {}
    for word in words:
        key, _, value = word.partition("=")
        name = names.get(key)
        if name is None or name in given:
            known = ", ".join(sorted(names))
            raise ValueError(f"{text!r}: {key} is not one of {known}, each once")
        given[name] = value
    return given


def shell_command(text: str) -> list[str]:
    """The program and its arguments that have a shell run the text."""
    return ["sh", "-c", text]


def labels(words: Iterable[str]) -> dict[str, str]:
    """Parse "KEY=VALUE" words; a bare "KEY" has no value."""
    parts = (word.partition("=") for word in words)
    return {key: value for key, _, value in parts}


def ulimits(words: Iterable[str]) -> dict[str, Any]:
    """Parse "nofile=1024" and "nofile=1024:65536"; ValueError for anything else."""
    found: dict[str, Any] = {}
    for word in words:
        name, _, limits = word.partition("=")
        soft, colon, hard = limits.partition(":")
        try:
            found[name] = {"soft": int(soft), "hard": int(hard if colon else soft)}
        except ValueError:
            raise ValueError(f"{word!r} is not a limit; write nofile=1024:65536") from None
    return found


def environment(words: Iterable[str], ours: dict[str, str]) -> dict[str, str]:
    """Parse "KEY=VALUE" words; a bare "KEY" takes its value from `ours`."""
    found = {}
    for word in words:
        key, equals, value = word.partition("=")
        if not key:
            raise ValueError(f"{word!r} is not a variable; write KEY=VALUE")
        if equals:
            found[key] = value
        elif key in ours:
            found[key] = ours[key]
    return found


def environment_file(data: bytes, name: str, ours: Mapping[str, str]) -> dict[str, str]:
    """Parse the lines of a file as `docker run --env-file` does.

    A value is all that follows the "=", with its quotes and spaces. The ValueError has the number
    of the line, and not the line: it may hold a password.
    """
    found = {}
    for number, line in enumerate(data.removeprefix(b"\xef\xbb\xbf").split(b"\n"), 1):
        where = f"{name}, line {number}"
        try:
            text = line.removesuffix(b"\r").decode().lstrip()
        except UnicodeDecodeError:
            raise ValueError(f"{where} is no UTF-8: write KEY=VALUE in UTF-8") from None
        if not text or text.startswith("#"):
            continue
        key, equals, value = text.partition("=")
        if not key or " " in key or "\t" in key:
            raise ValueError(
                f"{where} is not a variable: write KEY=VALUE, without spaces before the ="
            )
        if equals:
            found[key] = value
        elif key in ours:
            found[key] = ours[key]
    return found


def environment_secrets(words: Iterable[str]) -> dict[str, str]:
    """Parse "VARIABLE=SECRET" words; ValueError for anything else."""
    found = {}
    for word in words:
        variable, _, secret_name = word.partition("=")
        if not variable or not secret_name:
            raise ValueError(f"{word!r} has no secret for a variable; write PASSWORD=NAME")
        found[variable] = secret_name
    return found


def secret(text: str) -> str | dict[str, Any]:
    """Parse "NAME" or "source=NAME,target=/path,mode=0400,uid=1,gid=1"; ValueError for others.

    A target that is not absolute is in /run/secrets, as for `docker service create`.
    """
    first, *rest = text.split(",")
    words = (first if "=" in first else f"source={first}", *rest)
    given = _by_key(words, text, _SECRET_KEYS)
    if not all(given.get(name, "x") for name in ("secret", "path")) or "secret" not in given:
        raise ValueError(f"{text!r} is not a secret; write NAME, or source=NAME,target=/path")
    if list(given) == ["secret"]:
        return given["secret"]
    path = given.get("path")
    ids = {key: given[key] for key in ("uid", "gid") if key in given}
    if not all(re.fullmatch("[0-9]{1,10}", value) for value in ids.values()):
        raise ValueError(f"{text!r}: uid and gid are numbers")
    return {
        **given,
        **({} if path is None or path.startswith("/") else {"path": f"{_SECRETS_FOLDER}/{path}"}),
        **{key: int(value) for key, value in ids.items()},
    }


def networks(words: Iterable[str], aliases: Sequence[str]) -> dict[str, Any]:
    """Parse "NAME" and "name=NAME,alias=A" words; ValueError for anything else.

    The `aliases` that name no network are those in the first one, as for Docker.
    """
    found: dict[str, list[str]] = {}
    for word in words:
        name, its_aliases = _network(word)
        if name in found:
            raise ValueError(f"{name} is there twice: give each network once")
        found[name] = its_aliases
    if aliases and not found:
        raise ValueError("an alias is a name in a network: give one with --network")
    for first in list(found)[:1]:
        found[first] += aliases
    return {
        name: {"aliases": list(dict.fromkeys(its_aliases))} if its_aliases else {}
        for name, its_aliases in found.items()
    }


def _network(text: str) -> tuple[str, list[str]]:
    names: list[str] = []
    its_aliases: list[str] = []
    for word in text.split(",") if "=" in text else [f"name={text}"]:
        key, _, value = word.partition("=")
        if key not in ("name", "alias"):
            raise ValueError(f"{text!r}: {key} is not one of alias, name")
        (names if key == "name" else its_aliases).append(value)
    if len(names) != 1 or not names[0]:
        raise ValueError(f"{text!r} is not a network; write NAME, or name=NAME,alias=ALIAS")
    kind = "host" if names[0].startswith("container:") else names[0]
    if kind in _NOT_NETWORKS:
        raise ValueError(f"{text!r}: {_NOT_NETWORKS[kind]}")
    return names[0], its_aliases


def restart_policy(text: str) -> dict[str, Any]:
    """Parse "no", "always", "unless-stopped" or "on-failure:3"."""
    if text in _POLICIES:
        return {"name": _POLICIES[text]}
    matched = re.fullmatch(r"on-failure(?::(\d+))?", text)
    if matched is None:
        raise ValueError(
            f"{text!r} is not a restart policy: write no, always, on-failure or on-failure:3"
        )
    if matched[1] is None:
        return {"name": "on-failure"}
    return {"name": "on-failure", "maximum_retry_count": int(matched[1])}


def container_name(image: str) -> str:
    """The default name of a container: its image's, without registry, tag and digest."""
    name = image.rpartition("/")[2].partition("@")[0].partition(":")[0]
    return re.sub(r"[^a-zA-Z0-9_-]", "-", name)
