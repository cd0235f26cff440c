"""Turns records of maps into lists of changes and back; the changes are what goes over the wire.

A record of maps is a frozen dataclass whose fields are all `PMap[str, record]`: `Configuration`,
`NodeState`, `NodeView`.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import fields, replace
from typing import TYPE_CHECKING, Any, TypeVar

from flocker_lite.model.records import Change

if TYPE_CHECKING:
    from _typeshed import DataclassInstance

    Maps = TypeVar("Maps", bound=DataclassInstance)
else:
    Maps = TypeVar("Maps")


def apply(maps: Maps, changes: Iterable[Change]) -> Maps:
    """Apply the changes; removing a missing record is no error. KeyError for an unknown kind."""
    evolvers: dict[str, Any] = {}
    known = {field.name for field in fields(maps)}
    for change in changes:
        if change.kind not in known:
            raise KeyError(change.kind)
        if change.kind not in evolvers:
            evolvers[change.kind] = getattr(maps, change.kind).evolver()
        evolver = evolvers[change.kind]
        if change.record is not None:
            evolver[change.identity] = change.record
        elif change.identity in evolver:
            del evolver[change.identity]
    return replace(maps, **{kind: evolver.persistent() for kind, evolver in evolvers.items()})


def difference(old: Maps, new: Maps) -> tuple[Change, ...]:
    """The changes that lead from `old` to `new`; maps that are the same object cost nothing."""
    changes: list[Change] = []
    for field in fields(new):
        before, after = getattr(old, field.name), getattr(new, field.name)
        if before is after:
            continue
        changes += [Change(field.name, key, None) for key in before if key not in after]
        changes += [
            Change(field.name, key, record)
            for key, record in after.items()
            if before.get(key) != record
        ]
    return tuple(changes)


def whole(maps: Maps) -> tuple[Change, ...]:
    """The changes that build this record of maps from an empty one."""
    return difference(type(maps)(), maps)


def count(maps: Maps) -> int:
    """How many records there are in all the maps together."""
    return sum(len(getattr(maps, field.name)) for field in fields(maps))
