"""Which items of a collection a query asks for; pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

from flocker_lite.control.http.bodies import Body
from flocker_lite.model import edits
from flocker_lite.model.records import Configuration

OPEN = "open"
"""The phase that all moves have together that are not over."""

FILTERS = ("host", "name", "deleted", "container", "dataset_id", "phase", "user")


class Facts(NamedTuple):
    """What filters compare of an item, which is little enough to be kept beside its text."""

    host: Any
    name: Any
    deleted: Any
    container: Any
    phase: Any
    user: Any
    dataset_ids: tuple[str, ...]
    is_over: bool


def facts_of(item: Body) -> Facts:
    """The facts of an item."""
    dataset_ids = item.get("dataset_ids")
    if dataset_ids is None:
        dataset_ids = (item["dataset_id"],) if "dataset_id" in item else ()
    return Facts(
        item.get("host", item.get("primary")),
        # A dataset has a name only if the user gave it one, in its metadata.
        item.get("name", item.get("metadata", {}).get("name")),
        item.get("deleted"),
        item.get("container"),
        item.get("phase"),
        item.get("user"),
        tuple(dataset_ids),
        # Only moves that are over have a receipt.
        "receipt" in item,
    )


class Filter:
    """What a query asks for; UnknownNode for a host that there is not."""

    def __init__(self, configuration: Configuration, query: Mapping[str, Any]) -> None:
        self._desired = {key: query[key] for key in FILTERS if key in query}
        self._dataset_id = self._desired.pop("dataset_id", "").lower()
        if "host" in self._desired:
            node_id = edits.find_node(configuration, self._desired["host"])
            self._desired["host"] = configuration.nodes[node_id].address
        self._is_open = self._desired.get("phase") == OPEN
        if self._is_open:
            del self._desired["phase"]

    def __bool__(self) -> bool:
        """Whether it leaves anything out."""
        return bool(self._desired or self._dataset_id or self._is_open)

    def matches(self, facts: Facts) -> bool:
        """Whether the query asks for an item with these facts."""
        if self._dataset_id and self._dataset_id not in facts.dataset_ids:
            return False
        if self._is_open and facts.is_over:
            return False
        return all(getattr(facts, key) == value for key, value in self._desired.items())

    def chosen(self, items: Sequence[Body]) -> Sequence[Body]:
        """Those of these items that the query asks for."""
        return [each for each in items if self.matches(facts_of(each))] if self else items
