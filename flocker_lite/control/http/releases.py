"""POST /configuration/releases: releases a container, or shows what it would become in Docker."""

from __future__ import annotations

from uuid import uuid4

from flocker_lite.control.http import bodies
from flocker_lite.control.http.bodies import Body
from flocker_lite.control.http.mounted import remark_bodies
from flocker_lite.control.http.request_response import HTTPError, Request, Response, written
from flocker_lite.control.interfaces import EditFunction, IControl
from flocker_lite.errors import ErrorWithFacts
from flocker_lite.model import release_edits
from flocker_lite.model.adoption import Release, Remark
from flocker_lite.model.editing import EDIT_ERRORS, existing_container
from flocker_lite.model.records import Configuration, Container, Edit, MoveOptions
from flocker_lite.model.releasing import Releasing

_HINDERED = (
    "The container cannot be released as it is. Settle what is in the way, or ask with ?dry_run=1 "
    "(flockerctl release --dry-run) for all of it."
)


async def release(control: IControl, request: Request) -> Response:
    """Begin to release the container; a dry run only shows what it would become on its node."""
    asked = request.body
    container = existing_container(control.configuration, asked["container"])
    found = await control.release(container.node, container.name, asked.get("name"))
    move_id = str(uuid4())
    options = bodies.revised_move_options(MoveOptions(), asked.get("move", {}))

    def begin(before: Configuration) -> Edit:
        releasing = Releasing(found.docker_name, found.volumes)
        return release_edits.begin(before, move_id, request.now, container.name, releasing, options)

    body = _body(control.configuration, container, found)
    if request.query.get("dry_run"):
        hindrances = remark_bodies((*found.hindrances, *_in_the_way(control, begin)))
        return Response(200, {"dry_run": True, **body, "hindrances": hindrances})
    if found.hindrances:
        wrong = [{"message": f"{each.field}: {each.text}"} for each in found.hindrances]
        raise HTTPError(409, _HINDERED, problems=wrong)
    edit = await control.edit(begin, request.tags)
    return written(201, {"move_id": move_id, **body}, edit)


def _body(configuration: Configuration, container: Container, found: Release) -> Body:
    return {
        "container": container.name,
        "host": bodies.address(configuration, container.node),
        "docker_name": found.docker_name,
        "volumes": [
            {
                "dataset_id": volume.dataset_id,
                "volume": found.volumes[volume.dataset_id],
                "mountpoint": volume.mountpoint,
            }
            for volume in container.volumes
            if volume.dataset_id in found.volumes
        ],
        "not_kept": remark_bodies(found.not_kept),
    }


def _in_the_way(control: IControl, begin: EditFunction) -> list[Remark]:
    """Why the configuration would not take it."""
    try:
        control.planned(begin)
    except EDIT_ERRORS as error:
        facts = error.facts if isinstance(error, ErrorWithFacts) else ()
        return [Remark("container", " ".join([str(error), *(fact.text for fact in facts)]))]
    return []
