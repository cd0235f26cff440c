"""Handlers that change /configuration/images."""

from __future__ import annotations

from flocker_lite.control.http import bodies
from flocker_lite.control.http.request_response import Request, Response, written
from flocker_lite.control.interfaces import IControl
from flocker_lite.model import edits
from flocker_lite.model.container_fields.identity import tagged


async def want(control: IControl, request: Request) -> Response:
    """Request an image on a node in advance."""
    host, image = request.body["host"], tagged(request.body["image"])
    edit = await control.edit(
        request.placing(host, lambda before: edits.want_image(before, host, image)), request.tags
    )
    desired = edits.find_image(edit.configuration, host, image)
    assert desired is not None
    return written(201, bodies.image_body(edit.configuration, desired), edit)


async def forget(control: IControl, request: Request) -> Response:
    """Cancel the request for an image."""
    image_id = request.parameters["image_id"].lower()
    edit = await control.edit(lambda before: edits.forget_image(before, image_id), request.tags)
    return written(200, None, edit)
