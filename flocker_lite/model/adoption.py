"""What a container that flocker_lite did not make would become if it were adopted; pure."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any

from pyrsistent import PMap, pmap

VOLUME, BIND = "volume", "bind"


@dataclass(frozen=True, slots=True)
class Remark:
    """Something about an adoption that a person has to know: of which setting, in words."""

    field: str
    text: str


@dataclass(frozen=True, slots=True)
class Source:
    """A volume of Docker's, or a directory or file of the node, that a container has mounted.

    `source` is the name of the volume, or the path on the node. With `take` its data would go into
    a new dataset, which is called `dataset`; without, `why` says what becomes of it. `path` is
    where its data is on the node. `size_bytes` is what the data takes there; None when that was
    not measured in time.
    """

    source: str
    mountpoint: str
    kind: str
    take: bool
    why: str
    path: str
    dataset: str | None = None
    read_only: bool = False
    size_bytes: int | None = None


@dataclass(frozen=True, slots=True)
class Adoption:
    """What a container would become: `fields` of a request that creates it, without its node.

    The volumes in it name the datasets of the `sources` that are taken. `not_kept` is what the
    container has now and would lack, `hindrances` what has to be settled before it is adopted.
    """

    fields: PMap[str, Any] = field(default_factory=pmap)
    sources: tuple[Source, ...] = ()
    not_kept: tuple[Remark, ...] = ()
    hindrances: tuple[Remark, ...] = ()


def unused(name: str, known: Iterable[str | None]) -> str:
    """The name, with the first number that makes it another one than those, if it is one."""
    taken = set(known)
    number, found = 1, name
    while found in taken:
        number += 1
        found = f"{name}-{number}"
    return found
