"""Handlers of /configuration/applications: Compose documents in, one edit out."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from functools import partial
from typing import Any
from uuid import uuid4

from flocker_lite.applications import differences, document, edits, keys, membership
from flocker_lite.applications.document import Application
from flocker_lite.applications.faults import Path, dotted
from flocker_lite.applications.services import Service
from flocker_lite.control.http import application_bodies, moves, openapi, problems
from flocker_lite.control.http.named_nodes import addressed
from flocker_lite.control.http.problems import Problem
from flocker_lite.control.http.request_response import HTTPError, Request, Response, written
from flocker_lite.control.interfaces import EditFunction, IControl
from flocker_lite.errors import Conflict
from flocker_lite.model.editing import in_turn
from flocker_lite.model.moves import NOTHING_MOVES
from flocker_lite.model.open_moves import move_of_container
from flocker_lite.model.records import Configuration, Edit

_NOT_POSSIBLE = "The Compose document cannot become an application here."
_CONTAINER = "/components/schemas/CreateContainer"
_DATASET = "/components/schemas/CreateDataset"
_ANY_HOST = "192.0.2.1"
_FIELD = re.compile(r"\$\.([a-z_]+)")


async def bring_up(control: IControl, request: Request) -> Response:
    """Create the application of a Compose document, or make it what the document says now."""
    body = request.body
    application = _translated(body)
    for service in application.services:
        await _find_nodes(request, service)

    def bring_up(before: Configuration) -> Edit:
        return edits.bring_up(
            before, application, body.get("host"), lambda: str(uuid4()), control.reports
        )

    function: EditFunction = bring_up
    hosts = {service.host for service in application.services}
    for host in sorted(filter(None, {*hosts, body.get("host")})):
        function = request.placing(host, function)
    return await _answered(control, request, application.name, function, application.notes)


async def _find_nodes(request: Request, service: Service) -> None:
    """Put an address or a UUID in place of each host name that the service says."""
    if service.host is not None:
        service.host = await request.address_of(service.host)
    if service.replicas is not None:
        service.replicas = await addressed(request, service.replicas)
    if "failover" in service.fields:
        service.fields["failover"] = await addressed(request, service.fields["failover"])


async def move(control: IControl, request: Request) -> Response:
    """Move all containers of an application to a node, each with its datasets."""
    name, host = request.parameters["name"], request.body["host"]
    then = partial(_with_options, name=name, body=request.body)
    function = request.placing(host, lambda before: edits.move(before, name, host))
    return await _answered(control, request, name, function, then=then)


def _with_options(before: Configuration, name: str, body: Mapping[str, Any]) -> Edit:
    """The edit that sets the options in the request's body on each open move of an application."""
    if body.get("move") is None:
        return Edit(before)
    moving = [
        each.name
        for each in membership.everyone(before, name)
        if move_of_container(before, each.name) is not None
    ]
    if not moving:
        raise Conflict(NOTHING_MOVES)
    return in_turn(before, *(moves.options(body, container=each) for each in moving))


async def take_down(control: IControl, request: Request) -> Response:
    """Delete all containers of an application; its datasets stay."""
    name = request.parameters["name"]
    return await _answered(control, request, name, lambda before: edits.take_down(before, name))


async def _answered(
    control: IControl,
    request: Request,
    name: str,
    function: EditFunction,
    notes: tuple[str, ...] = (),
    then: EditFunction = Edit,
) -> Response:
    """Make the edit, or only plan it for a dry run; the answer says what becomes of everything."""
    befores: list[Configuration] = []

    def noted(before: Configuration) -> Edit:
        befores.append(before)
        return function(before)

    dry_run = bool(request.query.get("dry_run"))
    edit = (
        control.planned(noted, then) if dry_run else await control.edit(noted, request.tags, then)
    )
    before, after = befores[-1], edit.configuration
    body = application_bodies.plan_body(
        after,
        name,
        differences.containers(before, after, name),
        differences.datasets(before, after, name),
        notes,
    )
    return Response(200, {"dry_run": True, **body}) if dry_run else written(200, body, edit)


def _translated(body: Mapping[str, Any]) -> Application:
    """The application of a request; HTTPError with everything that is wrong with its document."""
    application, findings = document.translated(
        body["compose"], body["name"], body.get("variables", {}), body.get("profiles", ())
    )
    found = [_problem(fault.path, fault.text) for fault in findings.faults]
    # What is faulty already says nothing about its container.
    wrong = {
        fault.path[1]
        for fault in findings.faults
        if fault.path[:1] == ("services",) and fault.path[1:]
    }
    judge = _judge()
    for service in application.services:
        if service.name not in wrong:
            found += judge(service)
    if found:
        raise HTTPError(400, _NOT_POSSIBLE, problems=found[: problems.PROBLEMS_MAX])
    return application


def _problem(path: Path, text: str) -> Problem:
    where = problems.path_of(("compose", *path))
    return {"path": where, "message": f"{dotted(path) or 'the document'}: {text}"}


def _judge() -> Callable[[Service], list[Problem]]:
    """Tells what is wrong with a service as a container, and with its replicas as a dataset's.

    Each problem has its place in the file.
    """
    api = openapi.load()
    container, dataset = api.validator(_CONTAINER), api.validator(_DATASET)

    def judged(service: Service) -> list[Problem]:
        request = {
            **service.fields,
            "host": service.host or _ANY_HOST,
            "name": service.container,
            "volumes": [{"dataset": each.volume, **each.fields} for each in service.mounts],
        }
        errors = [*container.iter_errors(request)]
        if service.replicas is not None:
            errors += dataset.iter_errors({"primary": _ANY_HOST, "replicas": service.replicas})
        return [_relocated(each, service) for each in problems.explain(errors, api.found)]

    return judged


def _relocated(problem: Problem, service: Service) -> Problem:
    """The problem of a container's request, at the place of the document that it came from."""
    path: str = problem["path"]
    found = _FIELD.match(path)
    name = "" if found is None else found[1]
    default: Path = ("services", service.name, name) if name != "host" else _host_path(service)
    origin = service.origins.get(name, default)
    rest = path[found.end() :] if found is not None and name in {*service.exact, "volumes"} else ""
    where = problems.path_of(("compose", *origin)) + rest
    text = problem["message"].removeprefix(f"{path}: ")
    return {**problem, "path": where, "message": f"{dotted(origin)}{rest}: {text}"}


def _host_path(service: Service) -> Path:
    return ("services", service.name, keys.OURS, "host")
