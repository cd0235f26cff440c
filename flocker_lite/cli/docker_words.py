"""The words of `docker run` as fields of a container; pure."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

_POLICIES = {"no": "never", "never": "never", "always": "always", "unless-stopped": "always"}
PORT_MAX = 65535


@dataclass(frozen=True, slots=True)
class VolumeWords:
    """A volume that is to be: the dataset, by name or id, and where it appears."""

    dataset: str
    mountpoint: str


def port(text: str) -> dict[str, int]:
    """The port of "8080:80", or of "80" for both; ValueError for anything else."""
    outside, colon, inside = text.removesuffix("/tcp").partition(":")
    try:
        numbers = int(outside), int(inside if colon else outside)
    except ValueError:
        raise ValueError(f"{text!r} is no port; write 8080:80 (outside:inside)") from None
    if not all(0 < number <= PORT_MAX for number in numbers):
        raise ValueError(f"{text!r}: ports go from 1 to {PORT_MAX}")
    return {"external": numbers[0], "internal": numbers[1]}


def volume(text: str) -> VolumeWords:
    """The volume of "NAME:/path"; ValueError for anything else."""
    dataset, colon, mountpoint = text.partition(":")
    if dataset.startswith("/"):
        raise ValueError(f"{text!r}: a path of the node does not move; name a dataset instead")
    if not colon or not dataset or not mountpoint.startswith("/"):
        raise ValueError(f"{text!r} is no volume; write NAME:/path/inside")
    return VolumeWords(dataset, mountpoint)


def environment(words: Iterable[str], ours: dict[str, str]) -> dict[str, str]:
    """The variables of "KEY=VALUE" words; a bare "KEY" takes its value from `ours`."""
    found = {}
    for word in words:
        key, equals, value = word.partition("=")
        if not key:
            raise ValueError(f"{word!r} is no variable; write KEY=VALUE")
        if equals:
            found[key] = value
        elif key in ours:
            found[key] = ours[key]
    return found


def restart_policy(text: str) -> dict[str, Any]:
    """The policy of "no", "always", "unless-stopped" or "on-failure:3"."""
    if text in _POLICIES:
        return {"name": _POLICIES[text]}
    matched = re.fullmatch(r"on-failure(?::(\d+))?", text)
    if matched is None:
        raise ValueError(f"{text!r} is no restart policy: no, always, on-failure or on-failure:3")
    if matched[1] is None:
        return {"name": "on-failure"}
    return {"name": "on-failure", "maximum_retry_count": int(matched[1])}


def container_name(image: str) -> str:
    """What a container is called that was given no name: as its image is, without the rest."""
    name = image.rpartition("/")[2].partition("@")[0].partition(":")[0]
    return re.sub(r"[^a-zA-Z0-9_-]", "-", name)
