"""Caches the JSON text of each item of a large collection until the item's source changes.

A list of ten thousand containers is their texts, joined; only the items that changed since the last
list are rendered again. A list with a filter is some of these texts.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from operator import is_
from typing import TypeAlias

from flocker_lite.control.http.bodies import Body
from flocker_lite.control.http.filters import Facts, Filter, facts_of
from flocker_lite.control.http.resources import Collection
from flocker_lite.control.interfaces import IControl

_SEPARATOR = b", "


def text_of(items: Sequence[Body]) -> bytes:
    """The items as they are inside a JSON list; empty for no items."""
    return _SEPARATOR.join(json.dumps(item).encode("ascii") for item in items)


def as_list(texts: Iterable[bytes]) -> bytes:
    """The JSON list of these texts: exactly the bytes that `json.dumps` would make."""
    return b"[" + _SEPARATOR.join(texts) + b"]"


@dataclass(frozen=True, slots=True)
class _Text:
    """The text of an item, and what filters compare of it."""

    text: bytes
    facts: Facts


_Item: TypeAlias = _Text | Sequence[Body]
"""A text; or the bodies of several items, or of one that looks otherwise as time passes."""


class ResponseCache:
    """The texts of one collection, as of the last call."""

    def __init__(self, collection: Collection) -> None:
        self._collection = collection
        self._nodes: object = None
        self._sources: tuple[object, ...] = ()
        self._kept: dict[str, tuple[tuple[object, ...], _Item]] = {}
        self._items: list[_Item] = []

    def chosen(self, control: IControl, wanted: Filter, now: float) -> list[bytes]:
        """The text of every id that has items that the filter leaves in, in order."""
        collection = self._collection
        ids = collection.ids(control)
        items: Iterable[_Item]
        if collection.is_kept and isinstance(ids, Mapping):
            self._refresh(control, ids, now)
            items = self._items
        else:
            items = (collection.items(control, identity, now) for identity in ids)
        texts = (self._text(each, now) for each in (_left_in(items, wanted) if wanted else items))
        return [text for text in texts if text]

    def _refresh(self, control: IControl, sources: Mapping[str, object], now: float) -> None:
        if self._nodes is not control.configuration.nodes:
            # Any item may have the address of any node.
            self._nodes, self._sources, self._kept = control.configuration.nodes, (), {}
        maps = (sources, *self._collection.also(control))
        if not _are_same(self._sources, maps):
            self._look_again(control, maps, now)

    def _look_again(
        self, control: IControl, maps: tuple[Mapping[str, object], ...], now: float
    ) -> None:
        known, self._kept = self._kept, {}
        self._sources, self._items = maps, []
        for identity in maps[0]:
            values = tuple(each.get(identity) for each in maps)
            kept = known.get(identity)
            if kept is not None and _are_same(kept[0], values):
                self._kept[identity] = kept
                self._items.append(kept[1])
                continue
            items = self._collection.items(control, identity, now)
            if items:
                self._items.append(self._item(items, now))
            # The order of several items depends on more than their source, so they are not cached.
            if len(items) == 1 and not self._collection.is_fleeting(control, identity):
                self._kept[identity] = values, self._items[-1]
            else:
                self._sources = ()

    def _item(self, items: Sequence[Body], now: float) -> _Item:
        if len(items) > 1 or any(self._collection.aged(each, now + 1) != each for each in items):
            return items
        return _Text(text_of(items), facts_of(items[0]))

    def _text(self, item: _Item, now: float) -> bytes:
        if isinstance(item, _Text):
            return item.text
        return text_of([self._collection.aged(each, now) for each in item])


def _left_in(items: Iterable[_Item], wanted: Filter) -> Iterator[_Item]:
    """What the filter leaves in of these."""
    for item in items:
        if not isinstance(item, _Text):
            yield wanted.chosen(item)
        elif wanted.matches(item.facts):
            yield item


def _are_same(some: tuple[object, ...], others: tuple[object, ...]) -> bool:
    """Whether they are the very same objects."""
    return len(some) == len(others) and all(map(is_, some, others))
