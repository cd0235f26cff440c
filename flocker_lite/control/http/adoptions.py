"""POST /configuration/adoptions: adopts a container of Docker's, or shows what it would become."""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial
from typing import Any
from uuid import uuid4

from pyrsistent import pmap

from flocker_lite.control.http import bodies, openapi, problems
from flocker_lite.control.http.bodies import Body
from flocker_lite.control.http.data_adoptions import adopt_data
from flocker_lite.control.http.mounted import dataset_names as names_of_datasets
from flocker_lite.control.http.mounted import new_dataset, remark_bodies, source_body, without
from flocker_lite.control.http.request_response import HTTPError, Request, Response, written
from flocker_lite.control.interfaces import IControl
from flocker_lite.errors import ErrorWithFacts
from flocker_lite.model import adoption_edits, dataset_names, edits
from flocker_lite.model.adoption import Adopting, Adoption, Remark
from flocker_lite.model.editing import EDIT_ERRORS
from flocker_lite.model.records import Configuration, Dataset, Edit, MoveOptions

_TOO_OLD = "The agent of that node is too old to adopt containers: upgrade it."
_HINDERED = (
    "The container cannot be adopted as it is. Settle what is in the way, or ask with ?dry_run=1 "
    "(flockerctl adopt --dry-run) for all of it."
)
_SUBJECTS = ("container", "volume", "directory", "filesystem")
_ONE_SUBJECT = "Give one of container, volume, directory and filesystem: what is to be adopted."
_REQUEST = "/components/schemas/CreateContainer"
_ESSENTIAL = frozenset({"command_line", "entrypoint", "environment", "image", "name", "volumes"})
"""Without one of these as it is, the container would be another one."""


async def adopt(control: IControl, request: Request) -> Response:
    """Begin to adopt the container; a dry run only shows what it would become on its node."""
    asked = request.body
    node_id = edits.find_node(control.configuration, asked["host"])
    given = [key for key in _SUBJECTS if key in asked]
    if len(given) != 1:
        raise HTTPError(400, _ONE_SUBJECT, problems=[{"path": "$", "message": _ONE_SUBJECT}])
    if given != ["container"]:
        return await adopt_data(control, request, node_id)
    found = await control.adoption(node_id, asked["container"], asked.get("name"))
    found = without(found, asked.get("leave", ()))
    host = bodies.address(control.configuration, node_id)
    plan = _Plan(control.configuration, host, found)
    hindrances = plan.hindrances or _in_the_way(control, plan)
    if request.query.get("dry_run"):
        return Response(
            200, {"dry_run": True, **plan.body, "hindrances": remark_bodies(hindrances)}
        )
    if hindrances:
        wrong = [{"message": f"{each.field}: {each.text}"} for each in dict.fromkeys(hindrances)]
        raise HTTPError(409, _HINDERED, problems=wrong)
    if not found.instance:
        raise HTTPError(501, _TOO_OLD)
    move_id, options = str(uuid4()), asked.get("move", {})
    edit = await control.edit(
        lambda before: _Plan(before, host, found).begin(move_id, request.now, options),
        request.tags,
    )
    made = {
        "move_id": move_id,
        **plan.body,
        "container": _made(edit.configuration, move_id),
    }
    return written(201, made, edit)


class _Plan:
    """What an adoption makes in this configuration of what the agent has found."""

    def __init__(self, configuration: Configuration, host: str, found: Adoption) -> None:
        self._configuration = configuration
        self._host = host
        self._found = found
        self._names = names_of_datasets(configuration, found.sources)
        possible, self._left_out, wrong = _possible({**found.fields, "host": host})
        self._container = _renamed(possible, self._names)
        self.hindrances = [*found.hindrances, *wrong]

    @property
    def body(self) -> Body:
        """What is shown of it."""
        return {
            "container": self._container,
            "volumes": [source_body(source, self._names) for source in self._found.sources],
            "not_kept": remark_bodies((*self._found.not_kept, *self._left_out)),
        }

    def begin(self, move_id: str, now: float, options: Mapping[str, Any]) -> Edit:
        """Create the datasets and the container, and begin the adoption."""
        made: dict[str | None, Dataset] = {
            source.dataset: new_dataset(self._host, self._names[source.dataset])
            for source in self._found.sources
            if source.take and source.dataset is not None
        }
        before = edits.in_turn(
            self._configuration,
            *(partial(edits.create_dataset, dataset=each) for each in made.values()),
        ).configuration
        container = bodies.container_from_body(dataset_names.with_ids(before, self._container))
        taken = [
            (source, made[source.dataset])
            for source in self._found.sources
            if source.dataset in made
        ]
        adopting = Adopting(
            self._found.instance,
            pmap({dataset.dataset_id: source.path for source, dataset in taken}),
            pmap(
                {
                    dataset.dataset_id: source.size_bytes
                    for source, dataset in taken
                    if source.size_bytes is not None
                }
            ),
        )
        return adoption_edits.begin(
            self._configuration,
            move_id,
            now,
            adopting,
            made.values(),
            container,
            bodies.revised_move_options(MoveOptions(), options),
        )


def _made(configuration: Configuration, move_id: str) -> Body:
    name = configuration.moves[move_id].container or ""
    return bodies.container_body(configuration, configuration.containers[name])


def _renamed(fields: Mapping[str, Any], names: Mapping[str, str]) -> Body:
    """The fields, with the names that the datasets can have."""
    if "volumes" not in fields:
        return dict(fields)
    volumes = [
        {**volume, "dataset": names[volume["dataset"]]}
        for volume in fields["volumes"]
        if volume.get("dataset") in names
    ]
    return {**fields, "volumes": volumes}


def _possible(wanted: Body) -> tuple[Body, list[Remark], list[Remark]]:
    """The fields that a request may have as they are; what is left out, and what is in the way."""
    document = openapi.load()
    errors = list(document.validator(_REQUEST).iter_errors(wanted))
    left_out: list[Remark] = []
    wrong: list[Remark] = []
    for problem in problems.explain(errors, document.found):
        field = _field_of(problem["path"])
        remark = Remark(field or "container", f"{problem['message']}; it is left out")
        (wrong if field in _ESSENTIAL or not field else left_out).append(remark)
    bad = {remark.field for remark in (*left_out, *wrong)}
    return {key: each for key, each in wanted.items() if key not in bad}, left_out, wrong


def _field_of(path: str) -> str:
    """The field of a path such as "$.ports[0].external"."""
    return path.removeprefix("$").lstrip(".").partition(".")[0].partition("[")[0]


def _in_the_way(control: IControl, plan: _Plan) -> list[Remark]:
    """Why the configuration would not take the container and its datasets."""
    try:
        control.planned(lambda _: plan.begin(str(uuid4()), 0.0, {}))
    except EDIT_ERRORS as error:
        facts = error.facts if isinstance(error, ErrorWithFacts) else ()
        if not facts:
            return [Remark("container", str(error))]
        return [
            Remark(fact.keys[0] if fact.keys else "container", f"{error} {fact.text}")
            for fact in facts
        ]
    return []
