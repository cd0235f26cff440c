"""Handlers that read a collection, whole or in pages, or one item of it; and wait for changes."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from itertools import dropwhile, islice
from typing import Any
from urllib.parse import urlencode

from twisted.internet.defer import TimeoutError

from flocker_lite.control.http.bodies import Body
from flocker_lite.control.http.catalogue import Collection
from flocker_lite.control.http.exchange import (
    GENERATION_HEADER,
    TAG_HEADER,
    Answer,
    Call,
    Handler,
    require_room,
)
from flocker_lite.control.http.texts import Texts, as_list
from flocker_lite.control.interfaces import IControl
from flocker_lite.model import edits

WAIT_SECONDS = 30.0
"""How long a request with `wait_for` waits for a change unless it says so itself."""

_FILTERS = ("host", "name", "deleted", "container", "dataset_id", "phase")
_CHOOSING = frozenset({*_FILTERS, "limit", "after"})


def listing(collection: Collection) -> Handler:
    """The handler that answers the items of a collection."""
    texts = Texts(collection)

    async def answer(control: IControl, call: Call) -> Answer:
        if "wait_for" in call.query:
            await _change(control, call, collection)
        headers = _headers(control, collection)
        if not _CHOOSING.intersection(call.query):
            return Answer(200, as_list(texts.all(control, call.now)), headers)
        chosen = _chosen(control, call, collection)
        limit = call.query.get("limit")
        page: list[Body] = []
        last = ""
        for count, (identity, items) in enumerate(chosen):
            if count == limit:
                headers["Link"] = f'<{_next_page(call, last)}>; rel="next"'
                break
            page += items
            last = identity
        return Answer(200, page, headers)

    return answer


def single(collection: Collection) -> Handler:
    """The handler that answers one item: of several, the one that counts."""

    async def answer(control: IControl, call: Call) -> Answer:
        [identity] = call.parameters.values()
        items = collection.items(control, collection.meant(control, identity), call.now)
        if not items:
            raise edits.Missing(collection.missing)
        return Answer(200, items[0], _headers(control, collection))

    return answer


async def node_of_era(control: IControl, call: Call) -> Answer:
    """The node that is in this boot."""
    era = call.parameters["era"].lower()
    for node_id in control.cluster.nodes:
        if control.eras.get(node_id) == era:
            return Answer(200, {"uuid": node_id})
    raise edits.Missing("No node found with given era.")


def _headers(control: IControl, collection: Collection) -> dict[str, str]:
    headers = {GENERATION_HEADER: str(control.journal.generation)}
    if collection.is_configuration:
        headers[TAG_HEADER] = control.tag
    return headers


def _chosen(
    control: IControl, call: Call, collection: Collection
) -> Iterator[tuple[str, list[Body]]]:
    """The ids, and those of their items for which the request asks; in order, for pages."""
    ids = collection.ids(control)
    if "limit" in call.query or "after" in call.query:
        after = call.query.get("after", "")
        if not collection.is_ordered:
            ids = sorted(identity for identity in ids if identity > after)
        elif after:
            ids = islice(dropwhile(lambda identity: identity != after, ids), 1, None)
    wanted = _wanted(control, call.query)
    now = call.now
    for identity in ids:
        items = collection.items(control, identity, now)
        chosen = [item for item in items if _is_wanted(item, wanted)] if wanted else items
        if chosen:
            yield identity, chosen


def _wanted(control: IControl, query: Mapping[str, Any]) -> dict[str, Any]:
    wanted = {key: query[key] for key in _FILTERS if key in query}
    if "host" in wanted:
        configuration = control.configuration
        wanted["host"] = configuration.nodes[edits.find_node(configuration, wanted["host"])].address
    if "dataset_id" in wanted:
        wanted["dataset_id"] = wanted["dataset_id"].lower()
    return wanted


def _is_wanted(item: Body, wanted: Mapping[str, Any]) -> bool:
    has = {
        "host": item.get("host", item.get("primary")),
        # A dataset has a name only if the user gave it one, in its metadata.
        "name": item.get("name", item.get("metadata", {}).get("name")),
        "deleted": item.get("deleted"),
        "container": item.get("container"),
        "phase": item.get("phase"),
    }
    if "dataset_id" in wanted and wanted["dataset_id"] not in _dataset_ids(item):
        return False
    if wanted.get("phase") == "open":
        # What is over has a receipt.
        has["phase"] = item["phase"] if "receipt" in item else "open"
    return all(has[key] == value for key, value in wanted.items() if key in has)


def _dataset_ids(item: Body) -> Sequence[str]:
    return item["dataset_ids"] if "dataset_ids" in item else (item["dataset_id"],)


def _next_page(call: Call, last: str) -> str:
    query = {
        key: str(value).lower() if isinstance(value, bool) else value
        for key, value in call.query.items()
        if key not in ("wait_for", "timeout_seconds")
    }
    return f"{call.path}?{urlencode({**query, 'after': last})}"


async def _change(control: IControl, call: Call, collection: Collection) -> None:
    """Wait until the collection has changed since the generation that the client knows."""
    ends = call.now + call.query.get("timeout_seconds", WAIT_SECONDS)
    known = call.query["wait_for"]
    while not control.journal.has_changed(collection.path, known):
        remaining = ends - call.now
        if remaining <= 0:
            return
        require_room(control.journal)
        with suppress(TimeoutError):
            await control.journal.next_change().addTimeout(remaining, call.clock)
