"""Handlers that change /configuration/images."""

from __future__ import annotations

from flocker_lite.control.http import bodies
from flocker_lite.control.http.exchange import Answer, Call, written
from flocker_lite.control.interfaces import IControl
from flocker_lite.model import edits


async def want(control: IControl, call: Call) -> Answer:
    """Have an image on a node in advance."""
    host, image = call.body["host"], bodies.tagged(call.body["image"])
    edit = await control.edit(
        call.placing(host, lambda before: edits.want_image(before, host, image)), call.tags
    )
    wish = edits.find_image(edit.configuration, host, image)
    assert wish is not None
    return written(201, bodies.image_body(edit.configuration, wish), edit)


async def forget(control: IControl, call: Call) -> Answer:
    """Want it no more."""
    image_id = call.parameters["image_id"].lower()
    edit = await control.edit(lambda before: edits.forget_image(before, image_id), call.tags)
    return written(200, None, edit)
