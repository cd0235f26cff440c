"""The REST API as a web application: routes requests to handlers, and writes their responses.

Only openapi.yml says which operations there are, and what their bodies must be.
"""

from __future__ import annotations

import json
from collections.abc import Awaitable, Callable, Iterable, Mapping
from functools import cache
from pathlib import Path
from typing import Any, TypeVar

from klein import Klein
from klein.resource import KleinResource
from twisted.internet.defer import Deferred
from twisted.internet.interfaces import IReactorTime
from twisted.logger import Logger
from twisted.python.failure import Failure
from twisted.web.iweb import IRequest
from twisted.web.server import Site

from flocker_lite import __version__
from flocker_lite.control.audit.log import AuditLog
from flocker_lite.control.etag import require_tag
from flocker_lite.control.http import (
    adoptions,
    applications,
    asides,
    containers,
    datasets,
    docs,
    doctor,
    error_responses,
    events,
    failovers,
    images,
    leases,
    logs,
    moves,
    nodes,
    openapi,
    read_handlers,
    registries,
    releases,
    request_parsing,
    secrets,
    usage,
)
from flocker_lite.control.http.channel import CONNECTIONS_MAX, LimitedSite
from flocker_lite.control.http.dashboard_pages import add_dashboard, bundle
from flocker_lite.control.http.documentation_pages import add_documentation, pages
from flocker_lite.control.http.files_for_browsers import File
from flocker_lite.control.http.host_names import Resolve, address_of
from flocker_lite.control.http.metrics_page import Scrape, add_metrics
from flocker_lite.control.http.openapi import Operation
from flocker_lite.control.http.request_response import (
    Handler,
    HTTPError,
    Request,
    Response,
    StreamingResponse,
)
from flocker_lite.control.http.resources import COLLECTIONS
from flocker_lite.control.http.tracking import Tracker, begin
from flocker_lite.control.interfaces import IControl
from flocker_lite.control.term import ENDLESS, Term
from flocker_lite.doctor import Doctor
from flocker_lite.interfaces import ICheck
from flocker_lite.logs.bound_fields import REQUEST, bound
from flocker_lite.model.editing import EDIT_ERRORS

_NODE_KEYS = ("primary", "host", "node_uuid", "owner")
_OVER = (
    "This control service stopped leading meanwhile: what you asked for may have been done or not. "
    "Look at another one, and ask again."
)
_ONLY_READS = "Your certificate is that of a read-only user."

_log = Logger()
T = TypeVar("T")


class RESTAPI:
    """The REST API of one control service.

    `resolve` finds the addresses of host names; `may_write` tells whether the sender of a request
    may change anything, `sees_secrets` whether he may see what may hold passwords, and
    `certificate_ends_at` when his certificate ends. `checks` are those of this machine. `scrape`
    answers GET /metrics. `answered` is told of each operation how long it took. `user_of`
    tells who sent a request, and `audit` remembers who changed what. `dashboard` and
    `documentation` have other files than those of this build. Once the `term` is over, nothing is
    answered but that.
    """

    def __init__(
        self,
        control: IControl,
        clock: IReactorTime,
        resolve: Resolve,
        *,
        accept_unknown_nodes: bool = False,
        may_write: Callable[[IRequest], bool] = lambda _: True,
        sees_secrets: Callable[[IRequest], bool] = lambda _: True,
        scrape: Scrape | None = None,
        answered: Callable[[str, float], None] = lambda operation, seconds: None,
        certificate_ends_at: Callable[[IRequest], float | None] = lambda _: None,
        checks: Iterable[ICheck] = (),
        term: Term = ENDLESS,
        user_of: Callable[[IRequest], str | None] = lambda _: None,
        audit: AuditLog | None = None,
        dashboard: Mapping[str, File] | None = None,
        documentation: Mapping[str, Path] | None = None,
    ) -> None:
        self._term = term
        self._control = control
        self._clock = clock
        self._resolve = resolve
        self._accept_unknown_nodes = accept_unknown_nodes
        self._may_write = may_write
        self._sees_secrets = sees_secrets
        self._answered = answered
        self._certificate_ends_at = certificate_ends_at
        self._doctor = Doctor(checks, clock)
        self._user_of = user_of
        self._tracker = Tracker(audit, user_of, clock.seconds)
        self._document = openapi.load()
        self._klein = Klein()
        # A doubled slash is a wrong path; Werkzeug would redirect, which curl does not follow.
        self._klein.url_map.merge_slashes = False
        self._klein.handle_errors(Exception)(self._failed)
        handlers = self._handlers()
        for operation in self._document.operations():
            self._serve(operation, handlers[operation.name])
        if scrape is not None:
            add_metrics(self._klein, scrape)
        add_dashboard(self._klein, bundle() if dashboard is None else dashboard)
        add_documentation(self._klein, pages() if documentation is None else documentation)

    def resource(self) -> KleinResource:
        """The root resource; `site` serves it with limits."""
        return _Resource(self._klein)

    def _handlers(self) -> Mapping[str, Handler]:
        async def respond_with_docs(control: IControl, request: Request) -> Response:
            return Response(200, _page(), media_type="text/html; charset=utf-8")

        async def respond_with_document(control: IControl, request: Request) -> Response:
            return Response(200, self._document.content)

        async def respond_with_version(control: IControl, request: Request) -> Response:
            return Response(200, {"flocker": __version__})

        async def respond_as_leader(control: IControl, request: Request) -> Response:
            return Response(200, {"leads": True})

        handlers: dict[str, Handler] = {
            "version": respond_with_version,
            "leader": respond_as_leader,
            "get_user": read_handlers.user,
            "openapi": respond_with_document,
            "docs": respond_with_docs,
            "events": events.events,
            "create_dataset": datasets.create,
            "update_dataset": datasets.update,
            "delete_dataset": datasets.delete,
            "settle_dataset": datasets.settle,
            "create_container": containers.create,
            "update_container": containers.update,
            "delete_container": containers.delete,
            "restart_container": containers.restart,
            "retry_container": containers.retry,
            "fail_over_container": failovers.of_container,
            "fail_over_dataset": failovers.of_dataset,
            "update_node": nodes.update,
            "forget_node": nodes.forget,
            "drain_node": nodes.drain,
            "stop_drain": nodes.stop_drain,
            "bring_back": nodes.bring_back,
            "adopt": adoptions.adopt,
            "release": releases.release,
            "acquire_lease": leases.acquire,
            "release_lease": leases.release,
            "create_secret": secrets.create,
            "change_secret": secrets.change,
            "delete_secret": secrets.delete,
            "log_in": registries.log_in,
            "forget_registry": registries.forget,
            "want_image": images.want,
            "forget_image": images.forget,
            "bring_up_application": applications.bring_up,
            "move_application": applications.move,
            "take_down_application": applications.take_down,
            "read_logs": logs.read,
            "cancel_move": moves.cancel,
            "discard": asides.discard,
            "drop_copy": datasets.drop_copy,
            "examine_node": doctor.examine_node,
            "examine_control": doctor.examine_control(self._doctor.examine),
            "measure_usage": usage.measure,
            "node_of_era": read_handlers.node_of_era,
        }
        return {**handlers, **_readers()}

    def _serve(self, operation: Operation, handler: Handler) -> None:
        async def work(
            request: IRequest, parameters: Mapping[str, str]
        ) -> Response | StreamingResponse:
            given = request_parsing.raw_query(request)
            only_asks = operation.reads or operation.asks_only(given)
            if not operation.reads:
                request_parsing.require_same_origin(request)
            if not only_asks and not self._may_write(request):
                raise HTTPError(403, _ONLY_READS)
            tags = self._tags(operation, request)
            values = request_parsing.query_values(operation, given)
            body = (
                None
                if operation.validator is None
                else request_parsing.json_body(operation, request)
            )
            try:
                parsed = await self._parsed(request, parameters, tags, values, body)
                return await handler(self._control, parsed)
            except EDIT_ERRORS as error:
                refusal = error_responses.response_to(error, body)
                assert refusal is not None
                return refusal

        def handle(request: IRequest, **parameters: str) -> Deferred[bytes]:
            working = work(request, parameters)
            began = self._clock.seconds()
            # A read ends when its client hangs up.
            done = Deferred.fromCoroutine(working) if operation.reads else unbroken(working)
            done.addBoth(self._told, operation, request, began)
            return done.addCallback(lambda response: self._answer(request, response))

        path = operation.path.replace("{", "<").replace("}", ">")
        self._klein.route(path, methods=[operation.method], endpoint=operation.name)(handle)

    def _told(self, outcome: T, operation: Operation, request: IRequest, began: float) -> T:
        if b"wait_for=" not in request.uri:
            self._answered(operation.name, max(0.0, self._clock.seconds() - began))
        self._tracker.note(request, operation, outcome)
        return outcome

    def _tags(self, operation: Operation, request: IRequest) -> tuple[str, ...]:
        """The tags of a conditional write, one of which is current; none for a read."""
        if operation.reads:
            return ()
        request_parsing.require_known_conditions(request)
        tags = tuple(request.requestHeaders.getRawHeaders(request_parsing.IF_TAG_HEADER, []))
        require_tag(tags, self._control.tag)
        return tags

    async def _parsed(
        self,
        request: IRequest,
        parameters: Mapping[str, str],
        tags: tuple[str, ...],
        query: dict[str, Any],
        body: Any,
    ) -> Request:
        headers = request.requestHeaders
        return Request(
            path=request.path.decode("ascii", "replace"),
            clock=self._clock,
            parameters=parameters,
            query=await self._with_addresses(query),
            body=await self._with_addresses(body) if body is not None else None,
            tags=tags,
            user=self._user_of(request),
            may_write=self._may_write(request),
            accept=",".join(headers.getRawHeaders("Accept", [])),
            last_event_id=headers.getRawHeaders("Last-Event-ID", [None])[-1],
            accept_unknown_nodes=self._accept_unknown_nodes,
            sees_secrets=self._sees_secrets(request),
            certificate_ends_at=self._certificate_ends_at(request),
            address_of=self._address_of,
        )

    async def _with_addresses(self, body: dict[str, Any]) -> dict[str, Any]:
        """The same body, with an address or a UUID in place of each host name of a node."""
        named = {key: await self._address_of(body[key]) for key in _NODE_KEYS if key in body}
        return {**body, **named}

    def _address_of(self, host: str) -> Awaitable[str]:
        return address_of(
            host, self._control.configuration, self._resolve, self._accept_unknown_nodes
        )

    def _failed(self, request: IRequest, failure: Failure) -> Any:
        assert failure.value is not None
        response = error_responses.response_to(failure.value)
        if response is None:
            reference, response = error_responses.unexpected_error_response()
            _log.failure(
                "A request could not be answered", failure, reference=reference, path=request.path
            )
        return self._answer(request, response)

    def _answer(
        self, request: IRequest, response: Response | StreamingResponse
    ) -> bytes | Deferred[bytes]:
        # Looked at last: whatever was read or refused meanwhile may be of the past.
        if self._term.goes_on():
            return _respond(request, response)
        if isinstance(response, StreamingResponse):
            response.abandon()
        return _respond(request, Response(503, {"description": _OVER}))


def _readers() -> dict[str, Handler]:
    """The handlers that read each collection, and one item of it."""
    handlers: dict[str, Handler] = {}
    for name, collection in ((path.replace("/", "_"), c) for path, c in COLLECTIONS.items()):
        handlers[f"list_{name}"] = read_handlers.list_handler(collection)
        handlers[f"get_{name}"] = read_handlers.item_handler(collection)
    return handlers


@cache
def _page() -> bytes:
    """The document as a page; made when somebody wants it, for a new leader is in a hurry."""
    return docs.page(openapi.load().content).encode("utf-8")


class _Resource(KleinResource):
    def render(self, request: IRequest) -> Any:
        # What the handler calls has this id, until it ends.
        with bound({REQUEST: begin(request)}):
            return self._rendered(request)

    def _rendered(self, request: IRequest) -> Any:
        # Klein would log a traceback for a path that is not UTF-8; it should be a plain 404.
        request.postpath = [
            segment.decode("utf-8", "replace").encode("utf-8") for segment in request.postpath
        ]
        return super().render(request)


def site(
    api: RESTAPI,
    connections_max: int = CONNECTIONS_MAX,
    user_of: Callable[[Any], str | None] = lambda _: None,
) -> Site:
    """The REST API as a protocol factory; `user_of` tells who sent a request."""
    return LimitedSite(api.resource(), connections_max, user_of)


def unbroken(work: Awaitable[T]) -> Deferred[T]:
    """The outcome of `work`, as a Deferred that can be cancelled without cancelling the work.

    Klein cancels when the client hangs up, and an edit must not stop halfway.
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


def _respond(request: IRequest, response: Response | StreamingResponse) -> bytes | Deferred[bytes]:
    if isinstance(response, StreamingResponse):
        request.setHeader("Content-Type", response.media_type)
        request.setHeader("Cache-Control", "no-store")
        if request.method != b"HEAD":
            return response.start(request)
        response.abandon()
        return b""
    is_text = isinstance(response.body, bytes)
    body = response.body if is_text else json.dumps(response.body).encode("ascii")
    request.setResponseCode(response.status)
    request.setHeader("Content-Type", response.media_type)
    request.setHeader("Content-Length", str(len(body)))
    for name, value in response.headers.items():
        request.setHeader(name, value)
    return body
