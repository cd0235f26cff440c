"""Caches the JSON text of each item of a large collection until the item's source changes.

A list of ten thousand containers is their texts, joined; only the items that changed since the last
list are rendered again.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence

from flocker_lite.control.http.bodies import Body
from flocker_lite.control.http.resources import Collection
from flocker_lite.control.interfaces import IControl

_SEPARATOR = b", "


def text_of(items: Sequence[Body]) -> bytes:
    """The items as they are inside a JSON list; empty for no items."""
    return _SEPARATOR.join(json.dumps(item).encode("ascii") for item in items)


def as_list(texts: Iterable[bytes]) -> bytes:
    """The JSON list of these texts: exactly the bytes that `json.dumps` would make."""
    return b"[" + _SEPARATOR.join(texts) + b"]"


class ResponseCache:
    """The texts of one collection, as of the last call of `all`."""

    def __init__(self, collection: Collection) -> None:
        self._collection = collection
        self._nodes: object = None
        self._sources: object = None
        self._kept: dict[str, tuple[object, bytes]] = {}
        self._texts: list[bytes] = []

    def all(self, control: IControl, now: float) -> list[bytes]:
        """The text of every id that has items, in order."""
        collection = self._collection
        ids = collection.ids(control)
        if collection.is_kept and isinstance(ids, Mapping):
            return self._all_kept(control, ids, now)
        texts = (text_of(collection.items(control, identity, now)) for identity in ids)
        return [text for text in texts if text]

    def _all_kept(
        self, control: IControl, sources: Mapping[str, object], now: float
    ) -> list[bytes]:
        if self._nodes is not control.configuration.nodes:
            # Any item may have the address of any node.
            self._nodes, self._sources, self._kept = control.configuration.nodes, None, {}
        if self._sources is sources:
            return self._texts
        known, self._kept = self._kept, {}
        self._sources, texts = sources, []
        for identity, source in sources.items():
            kept = known.get(identity)
            if kept is not None and kept[0] is source:
                self._kept[identity] = kept
                texts.append(kept[1])
                continue
            items = self._collection.items(control, identity, now)
            if items:
                texts.append(text_of(items))
            # The order of several items depends on more than their source, so they are not cached.
            if len(items) == 1:
                self._kept[identity] = source, texts[-1]
            else:
                self._sources = None
        self._texts = texts
        return texts
