"""The REST API as a web application: from a request to its handler's call, and the answer back.

Which operations there are, and what their bodies must be, is said in openapi.yml alone.
"""

from __future__ import annotations

import json
from collections.abc import Awaitable, Callable, Mapping
from typing import Any, TypeVar

from klein import Klein
from klein.resource import KleinResource
from twisted.internet.defer import Deferred
from twisted.logger import Logger
from twisted.python.failure import Failure
from twisted.web.iweb import IRequest
from twisted.web.server import Site

from flocker_lite import __version__
from flocker_lite.control.http import (
    asides,
    asking,
    containers,
    datasets,
    docs,
    document,
    events,
    failures,
    images,
    leases,
    moves,
    reading,
)
from flocker_lite.control.http.catalogue import COLLECTIONS
from flocker_lite.control.http.channel import CONNECTIONS_MAX, LimitedSite
from flocker_lite.control.http.document import Operation
from flocker_lite.control.http.exchange import (
    Answer,
    Call,
    Handler,
    HTTPError,
    Streaming,
)
from flocker_lite.control.http.names import Resolve, address_of
from flocker_lite.control.interfaces import IControl
from flocker_lite.control.tags import require_tag
from flocker_lite.model.editing import EditError

_NODE_KEYS = ("primary", "host", "node_uuid", "owner")
_ONLY_READS = "Your certificate is that of a read-only user."

_log = Logger()
T = TypeVar("T")


class RESTAPI:
    """The REST API of one control service.

    `clock` provides IReactorTime, `resolve` finds the addresses of host names, `may_write` knows
    whether who sent a request may change anything.
    """

    def __init__(
        self,
        control: IControl,
        clock: Any,
        resolve: Resolve,
        *,
        accept_unknown_nodes: bool = False,
        may_write: Callable[[IRequest], bool] = lambda _: True,
    ) -> None:
        self._control = control
        self._clock = clock
        self._resolve = resolve
        self._accept_unknown_nodes = accept_unknown_nodes
        self._may_write = may_write
        self._document = document.load()
        self._klein = Klein()
        # A doubled slash is a wrong path; the default is to redirect, which curl does not follow.
        self._klein.url_map.merge_slashes = False
        self._klein.handle_errors(Exception)(self._failed)
        handlers = self._handlers()
        for operation in self._document.operations():
            self._serve(operation, handlers[operation.name])

    def resource(self) -> KleinResource:
        """What to serve; `site` does, with limits."""
        return _Resource(self._klein)

    def _handlers(self) -> Mapping[str, Handler]:
        page = docs.page(self._document.content).encode("utf-8")

        async def answer_docs(control: IControl, call: Call) -> Answer:
            return Answer(200, page, media_type="text/html; charset=utf-8")

        async def answer_document(control: IControl, call: Call) -> Answer:
            return Answer(200, self._document.content)

        async def answer_version(control: IControl, call: Call) -> Answer:
            return Answer(200, {"flocker": __version__})

        handlers: dict[str, Handler] = {
            "version": answer_version,
            "openapi": answer_document,
            "docs": answer_docs,
            "events": events.events,
            "create_dataset": datasets.create,
            "update_dataset": datasets.update,
            "delete_dataset": datasets.delete,
            "settle_dataset": datasets.settle,
            "create_container": containers.create,
            "update_container": containers.update,
            "delete_container": containers.delete,
            "acquire_lease": leases.acquire,
            "release_lease": leases.release,
            "want_image": images.want,
            "forget_image": images.forget,
            "cancel_move": moves.cancel,
            "discard": asides.discard,
            "node_of_era": reading.node_of_era,
        }
        for path, collection in COLLECTIONS.items():
            name = path.replace("/", "_")
            handlers[f"list_{name}"] = reading.listing(collection)
            handlers[f"get_{name}"] = reading.single(collection)
        return handlers

    def _serve(self, operation: Operation, handler: Handler) -> None:
        async def work(request: IRequest, parameters: Mapping[str, str]) -> Answer | Streaming:
            given = asking.query(request)
            only_asks = operation.reads or operation.asks_only(given)
            if not only_asks and not self._may_write(request):
                raise HTTPError(403, _ONLY_READS)
            tags = self._tags(operation, request)
            values = asking.values(operation, given)
            body = None if operation.validator is None else asking.body(operation, request)
            try:
                call = await self._call(request, parameters, tags, values, body)
                return await handler(self._control, call)
            except EditError as error:
                refusal = failures.answer(error, body)
                assert refusal is not None
                return refusal

        def handle(request: IRequest, **parameters: str) -> Deferred[bytes]:
            working = work(request, parameters)
            # One that only reads ends with its client.
            done = Deferred.fromCoroutine(working) if operation.reads else unbroken(working)
            return done.addCallback(lambda answer: _respond(request, answer))

        path = operation.path.replace("{", "<").replace("}", ">")
        self._klein.route(path, methods=[operation.method], endpoint=operation.name)(handle)

    def _tags(self, operation: Operation, request: IRequest) -> tuple[str, ...]:
        """Those of which the configuration should have one, which it has; none for a read."""
        if operation.reads:
            return ()
        asking.require_known_conditions(request)
        tags = tuple(request.requestHeaders.getRawHeaders(asking.IF_TAG_HEADER, []))
        require_tag(tags, self._control.tag)
        return tags

    async def _call(
        self,
        request: IRequest,
        parameters: Mapping[str, str],
        tags: tuple[str, ...],
        query: dict[str, Any],
        body: Any,
    ) -> Call:
        headers = request.requestHeaders
        return Call(
            path=request.path.decode("ascii", "replace"),
            clock=self._clock,
            parameters=parameters,
            query=await self._with_addresses(query),
            body=await self._with_addresses(body) if body is not None else None,
            tags=tags,
            accept=",".join(headers.getRawHeaders("Accept", [])),
            last_event_id=headers.getRawHeaders("Last-Event-ID", [None])[-1],
            accept_unknown_nodes=self._accept_unknown_nodes,
        )

    async def _with_addresses(self, body: dict[str, Any]) -> dict[str, Any]:
        """The same, with an address or a UUID where it had the host name of a node."""
        named = {
            key: await address_of(
                body[key],
                self._control.configuration,
                self._resolve,
                self._accept_unknown_nodes,
            )
            for key in _NODE_KEYS
            if key in body
        }
        return {**body, **named}

    def _failed(self, request: IRequest, failure: Failure) -> Any:
        assert failure.value is not None
        answer = failures.answer(failure.value)
        if answer is None:
            reference, answer = failures.unforeseen()
            _log.failure(
                "A request could not be answered", failure, reference=reference, path=request.path
            )
        return _respond(request, answer)


class _Resource(KleinResource):
    def render(self, request: IRequest) -> Any:
        # Klein logs a traceback for a path that is no UTF-8; it is just one that is not there.
        request.postpath = [
            segment.decode("utf-8", "replace").encode("utf-8") for segment in request.postpath
        ]
        return super().render(request)


def site(
    api: RESTAPI,
    connections_max: int = CONNECTIONS_MAX,
    user_of: Callable[[Any], str | None] = lambda _: None,
) -> Site:
    """The REST API as a factory, to listen with; `user_of` tells who sent a request."""
    return LimitedSite(api.resource(), connections_max, user_of)


def unbroken(work: Awaitable[T]) -> Deferred[T]:
    """Its outcome, as a Deferred that can be cancelled without breaking the work off.

    Klein cancels when the client hangs up, and half an edit is none.
    """

    async def wait() -> T:
        return await work

    outcome: Deferred[T] = Deferred()

    def fire(result: T | Failure) -> None:
        if outcome.called and isinstance(result, Failure):
            _log.failure("A request failed after its client had hung up", result)
        else:
            outcome.callback(result)

    Deferred.fromCoroutine(wait()).addBoth(fire)
    return outcome


def _respond(request: IRequest, answer: Answer | Streaming) -> bytes | Deferred[bytes]:
    if isinstance(answer, Streaming):
        request.setHeader("Content-Type", answer.media_type)
        request.setHeader("Cache-Control", "no-store")
        return b"" if request.method == b"HEAD" else answer.start(request)
    is_text = isinstance(answer.body, bytes)
    body = answer.body if is_text else json.dumps(answer.body).encode("ascii")
    request.setResponseCode(answer.status)
    request.setHeader("Content-Type", answer.media_type)
    request.setHeader("Content-Length", str(len(body)))
    for name, value in answer.headers.items():
        request.setHeader(name, value)
    return body
