"""The options of a volume: `docker volume create --opt`, or `driver_opts` in Compose; pure."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass

from flocker_lite.model.container_fields.failover import (
    AFTER_SECONDS_DEFAULT,
    AFTER_SECONDS_MAX,
    AFTER_SECONDS_MIN,
    AUTOMATIC,
    MANUAL,
    MAX_LAG_SECONDS_DEFAULT,
    MAX_LAG_SECONDS_MAX,
)
from flocker_lite.model.quantities import duration_seconds, size_bytes
from flocker_lite.model.replicas import RPO_SECONDS_MAX, RPO_SECONDS_MIN
from flocker_lite.model.volume_failover import VolumeFailover
from flocker_lite.model.volumes import FOLLOW, REFUSE
from flocker_lite.volumes.errors import VolumeError

SIZE_BYTES_MIN = 64 * 2**20
FORGET, DESTROY = "forget", "destroy"

_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.-]{0,254}")
_KNOWN = (
    *("name", "size", "replicas", "rpo", "on_remove", "conflict"),
    *("failover", "failover_after", "max_lag"),
)


@dataclass(frozen=True, slots=True)
class VolumeOptions:
    """What the user wants of a volume, whose dataset is called `dataset`.

    On its removal the dataset is destroyed if `destroys`. `conflict` says what becomes of a
    container that uses it on another node. `standbys` are the nodes that are to have copies, which
    may be `rpo_seconds` old, and one of which takes over if the volume's node dies, by `failover`.
    """

    dataset: str
    maximum_size: int | None = None
    destroys: bool = False
    conflict: str = REFUSE
    standbys: tuple[str, ...] = ()
    rpo_seconds: float | None = None
    failover: VolumeFailover | None = None


def volume_options(name: str, given: Mapping[str, str]) -> VolumeOptions:
    """The options of the volume that Docker calls `name`; VolumeError says what to mend."""
    for key in given:
        if key not in _KNOWN:
            raise VolumeError(f"unknown option {key}; known are {', '.join(_KNOWN)}")
    standbys = tuple(filter(None, (each.strip() for each in given.get("replicas", "").split(","))))
    return VolumeOptions(
        _name(given.get("name") or name),
        _size(given.get("size")),
        _one_of("on_remove", given, FORGET, DESTROY) == DESTROY,
        _one_of("conflict", given, REFUSE, FOLLOW),
        standbys,
        _rpo(given.get("rpo")),
        _failover(given, standbys),
    )


def _failover(given: Mapping[str, str], standbys: tuple[str, ...]) -> VolumeFailover | None:
    if _one_of("failover", given, MANUAL, AUTOMATIC) == MANUAL:
        for key in ("failover_after", "max_lag"):
            if key in given:
                raise VolumeError(f"the option {key} needs failover={AUTOMATIC}")
        return None
    if not standbys:
        raise VolumeError(
            f"the option failover={AUTOMATIC} needs the option replicas: the nodes that stand by, "
            "one of which takes over"
        )
    after = _seconds("failover_after", given, AFTER_SECONDS_MIN, AFTER_SECONDS_MAX)
    lag = _seconds("max_lag", given, 1, MAX_LAG_SECONDS_MAX)
    return VolumeFailover(after or AFTER_SECONDS_DEFAULT, lag or MAX_LAG_SECONDS_DEFAULT)


def _seconds(key: str, given: Mapping[str, str], least: int, most: int) -> int | None:
    """The whole seconds of an option; None if it is left out."""
    text = given.get(key)
    if text is None:
        return None
    found = _duration(text)
    if found != int(found) or not least <= found <= most:
        raise VolumeError(
            f"the option {key} should be {least} to {most} whole seconds, such as 30s, and is "
            f"{text!r}"
        )
    return int(found)


def _name(name: str) -> str:
    if _NAME.fullmatch(name) is None:
        raise VolumeError(
            f"{name!r} is no name for a dataset: it has letters, digits, dots, hyphens and "
            "underscores, 255 at most"
        )
    return name


def _size(text: str | None) -> int | None:
    if text is None:
        return None
    try:
        found = size_bytes(text)
    except ValueError:
        found = 0
    if found < SIZE_BYTES_MIN:
        raise VolumeError(f"the option size should be 64m or more, such as 10g, and is {text!r}")
    return found


def _rpo(text: str | None) -> float | None:
    if text is None:
        return None
    found = _duration(text)
    if not RPO_SECONDS_MIN <= found <= RPO_SECONDS_MAX:
        raise VolumeError(f"the option rpo should be a time such as 30s or 5m, and is {text!r}")
    return found


def _duration(text: str) -> float:
    """The seconds that a text says; 0 for one that is no duration, which no option takes."""
    try:
        return duration_seconds(text)
    except ValueError:
        return 0.0


def _one_of(key: str, given: Mapping[str, str], *values: str) -> str:
    """The value of an option, the first of its values if it is left out."""
    value = given.get(key, values[0])
    if value not in values:
        raise VolumeError(f"the option {key} should be {' or '.join(values)}, and is {value!r}")
    return value
