"""POST /configuration/adoptions of a volume, a directory or a filesystem by itself."""

from __future__ import annotations

from dataclasses import replace
from uuid import uuid4

from pyrsistent import pmap

from flocker_lite.control.http import bodies
from flocker_lite.control.http.bodies import Body
from flocker_lite.control.http.mounted import (
    dataset_names,
    new_dataset,
    remark_bodies,
    source_body,
)
from flocker_lite.control.http.request_response import HTTPError, Request, Response, written
from flocker_lite.control.interfaces import IControl
from flocker_lite.model import adoption_edits
from flocker_lite.model.adoption import BIND, FILESYSTEM, VOLUME, Adopting, Adoption, Source
from flocker_lite.model.dataset_names import NAME
from flocker_lite.model.records import Configuration, Edit, MoveOptions, NodeId

_KINDS = {"volume": VOLUME, "directory": BIND, "filesystem": FILESYSTEM}
_TOO_OLD = "The agent of that node is too old to adopt data without a container: upgrade it."
_HINDERED = "The data cannot be adopted as it is."


async def adopt_data(control: IControl, request: Request, node_id: NodeId) -> Response:
    """Begin to copy the data into a new dataset; a dry run only shows what there is."""
    asked = request.body
    key = next(key for key in _KINDS if key in asked)
    kind, name = _KINDS[key], asked[key]
    found = await control.adoption(node_id, name, None, kind)
    source = _source_of(found)
    host = bodies.address(control.configuration, node_id)
    wanted = asked.get("name") or source.dataset or "data"
    if request.query.get("dry_run"):
        body = _body(source, _name(control.configuration, source, wanted))
        hindrances = remark_bodies(found.hindrances)
        return Response(200, {"dry_run": True, **body, "not_kept": [], "hindrances": hindrances})
    if found.hindrances:
        wrong = [{"message": f"{each.field}: {each.text}"} for each in found.hindrances]
        raise HTTPError(409, _HINDERED, problems=wrong)
    move_id = str(uuid4())
    options = bodies.revised_move_options(MoveOptions(), asked.get("move", {}))

    def begin(before: Configuration) -> Edit:
        dataset = new_dataset(host, _name(before, source, wanted), source.maximum_size)
        sizes = {} if source.size_bytes is None else {dataset.dataset_id: source.size_bytes}
        paths = pmap({dataset.dataset_id: source.path})
        adopting = Adopting(f"{kind}:{name}", paths, pmap(sizes))
        return adoption_edits.begin_data(before, move_id, request.now, adopting, dataset, options)

    edit = await control.edit(begin, request.tags)
    (dataset_id,) = edit.configuration.moves[move_id].dataset_ids
    dataset = bodies.dataset_body(edit.configuration, edit.configuration.datasets[dataset_id])
    made = {
        "move_id": move_id,
        "dataset": dataset,
        **_body(source, dataset["metadata"][NAME]),
        "not_kept": [],
    }
    return written(201, made, edit)


def _source_of(found: Adoption) -> Source:
    """What the agent says of it; an older one says something of a container of that name."""
    if found.instance or found.fields or len(found.sources) != 1:
        raise HTTPError(501, _TOO_OLD)
    return found.sources[0]


def _name(configuration: Configuration, source: Source, wanted: str) -> str:
    named = replace(source, dataset=wanted)
    return dataset_names(configuration, [named])[wanted]


def _body(source: Source, wanted: str) -> Body:
    names = {source.dataset or "": wanted}
    return {"volumes": [source_body(source, names)]}
