"""Handlers that read a collection or one of its items, and wait for changes."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import suppress
from itertools import dropwhile, islice
from urllib.parse import urlencode

from twisted.internet.defer import TimeoutError

from flocker_lite.control.http.bodies import Body
from flocker_lite.control.http.filters import Filter
from flocker_lite.control.http.redaction import shown
from flocker_lite.control.http.request_response import (
    GENERATION_HEADER,
    TAG_HEADER,
    Handler,
    Request,
    Response,
    require_room,
)
from flocker_lite.control.http.resources import Collection
from flocker_lite.control.http.response_cache import ResponseCache, as_list
from flocker_lite.control.interfaces import IControl
from flocker_lite.errors import NotFound

WAIT_SECONDS = 30.0
"""How long a request with `wait_for` waits by default."""

_PAGING = frozenset({"limit", "after", "since"})


def list_handler(collection: Collection) -> Handler:
    """The handler that returns the items of a collection."""
    # Most collections are the same for everybody, and then have one cache.
    caches = {
        seen: ResponseCache(seen) for seen in {shown(collection, sees) for sees in (True, False)}
    }

    async def respond(control: IControl, request: Request) -> Response:
        if "wait_for" in request.query:
            await _change(control, request, collection)
        headers = _headers(control, collection)
        seen = shown(collection, request.sees_secrets)
        wanted = Filter(control.configuration, request.query)
        if not _PAGING.intersection(request.query):
            texts = caches[seen].chosen(control, wanted, request.now)
            return Response(200, as_list(texts), headers)
        chosen = _chosen(control, request, seen, wanted)
        limit = request.query.get("limit")
        page: list[Body] = []
        last = ""
        for count, (identity, items) in enumerate(chosen):
            if count == limit:
                headers["Link"] = f'<{_next_page(request, last)}>; rel="next"'
                break
            page += items
            last = identity
        return Response(200, page, headers)

    return respond


def item_handler(collection: Collection) -> Handler:
    """The handler that returns one item; if an id has several, the first."""

    async def respond(control: IControl, request: Request) -> Response:
        [identity] = request.parameters.values()
        seen = shown(collection, request.sees_secrets)
        items = seen.items(control, collection.meant(control, identity), request.now)
        if not items:
            raise NotFound(collection.missing)
        return Response(200, items[0], _headers(control, collection))

    return respond


async def user(control: IControl, request: Request) -> Response:
    """Who asks, and what he may do; a service without certificates knows no names."""
    name = {} if request.user is None else {"user": request.user}
    may = {"may_write": request.may_write, "sees_secrets": request.sees_secrets}
    return Response(200, {**name, **may})


async def node_of_era(control: IControl, request: Request) -> Response:
    """The node whose current boot has this era."""
    era = request.parameters["era"].lower()
    for node_id in control.cluster.nodes:
        if control.node_records.eras.get(node_id) == era:
            return Response(200, {"uuid": node_id})
    raise NotFound("No node found with given era.")


def _headers(control: IControl, collection: Collection) -> dict[str, str]:
    headers = {GENERATION_HEADER: str(control.change_feed.generation)}
    if collection.is_configuration:
        headers[TAG_HEADER] = control.tag
    return headers


def _chosen(
    control: IControl, request: Request, collection: Collection, wanted: Filter
) -> Iterator[tuple[str, Sequence[Body]]]:
    """The ids with their items that the request asks for; in order if it asks for pages."""
    ids = collection.ids(control)
    if collection.ids_since is not None and "since" in request.query:
        ids = collection.ids_since(control, request.query["since"])
    if "limit" in request.query or "after" in request.query:
        after = request.query.get("after", "")
        if not collection.is_ordered:
            ids = sorted(identity for identity in ids if identity > after)
        elif after:
            ids = islice(dropwhile(lambda identity: identity != after, ids), 1, None)
    now = request.now
    for identity in ids:
        chosen = wanted.chosen(collection.items(control, identity, now))
        if chosen:
            yield identity, chosen


def _next_page(request: Request, last: str) -> str:
    query = {
        key: str(value).lower() if isinstance(value, bool) else value
        for key, value in request.query.items()
        if key not in ("wait_for", "timeout_seconds")
    }
    return f"{request.path}?{urlencode({**query, 'after': last})}"


async def _change(control: IControl, request: Request, collection: Collection) -> None:
    """Wait until the collection has changed since the generation that the client knows."""
    ends = request.now + request.query.get("timeout_seconds", WAIT_SECONDS)
    known = request.query["wait_for"]
    while not control.change_feed.has_changed(collection.path, known):
        remaining = ends - request.now
        if remaining <= 0:
            return
        require_room(control.change_feed)
        with suppress(TimeoutError):
            await control.change_feed.next_change().addTimeout(remaining, request.clock)
