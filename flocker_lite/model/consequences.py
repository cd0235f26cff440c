"""What follows from each edit by itself: the moves that it begins, and whom primaries may count."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

from flocker_lite.model import moves
from flocker_lite.model.editing import edited
from flocker_lite.model.fenced_units import FencedUnit, common_standbys, fenced_unit
from flocker_lite.model.fencing.acknowledged import Fencing, reconfigured, with_another_owner
from flocker_lite.model.fencing.names import volume_unit
from flocker_lite.model.moves import Moment
from flocker_lite.model.records import Change, Configuration, Edit
from flocker_lite.model.uses import uses_of


def followed(before: Configuration, edit: Edit, moment: Moment) -> Edit:
    """The edit of `before`, extended by what follows from it; raises what `moves.followed` does."""
    edit = moves.followed(before, edit, moment)
    following = edited(edit.configuration, _fencings(before, edit, moment))
    return replace(
        edit, configuration=following.configuration, changes=edit.changes + following.changes
    )


def _fencings(before: Configuration, edit: Edit, moment: Moment) -> Iterator[Change]:
    """The records of fencing that this edit concerns, made anew; the cost is that of the edit."""
    after = edit.configuration
    names: set[str] = set()
    for change in edit.changes:
        if change.kind == "containers":
            names |= {change.identity, *_volumes(before, change), *_volumes(after, change)}
        elif change.kind in ("datasets", "grants"):
            names.add(volume_unit(change.identity))
            for configuration in (before, after):
                user = uses_of(configuration).datasets.get(change.identity)
                names |= {user} if user is not None else set()
    for name in sorted(names):
        known, unit = after.fencings.get(name), fenced_unit(after, name)
        if unit is None:
            if known is not None:
                yield Change("fencings", name, None)
            continue
        record = _revised(before, after, unit, known, moment)
        if record is not known:
            yield Change("fencings", name, record)


def _volumes(configuration: Configuration, change: Change) -> set[str]:
    """The units of a container's datasets, as they are when no container uses them."""
    container = configuration.containers.get(change.identity)
    volumes = container.volumes if container is not None else ()
    return {volume_unit(each.dataset_id) for each in volumes}


def _revised(
    before: Configuration,
    after: Configuration,
    new: FencedUnit,
    known: Fencing | None,
    moment: Moment,
) -> Fencing | None:
    old, seconds = fenced_unit(before, new.name), new.after_seconds
    standbys = common_standbys(after, new.subject.dataset_ids)
    if known is None or old is None:
        return reconfigured(None, moment.new_id(), standbys, seconds)
    if _owners(before, old) != _owners(after, new):
        known = with_another_owner(known, moment.new_id())
    had = (common_standbys(before, old.subject.dataset_ids), old.after_seconds)
    if had != (standbys, seconds):
        known = reconfigured(known, moment.new_id(), standbys, seconds)
    return known


def _owners(configuration: Configuration, unit: FencedUnit) -> frozenset[tuple[object, ...]]:
    """The datasets of a unit, each with its owner and epoch."""
    grants = {each: configuration.grants.get(each) for each in unit.subject.dataset_ids}
    return frozenset(
        (each, grant.owner, grant.epoch) if grant is not None else (each,)
        for each, grant in grants.items()
    )
