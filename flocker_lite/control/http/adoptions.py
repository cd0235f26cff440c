"""POST /configuration/adoptions: what a container of Docker's would become; a dry run only."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from functools import partial
from typing import Any
from uuid import uuid4

from flocker_lite.control.http import bodies, openapi, problems
from flocker_lite.control.http.bodies import Body
from flocker_lite.control.http.request_response import HTTPError, Request, Response
from flocker_lite.control.interfaces import IControl
from flocker_lite.errors import ErrorWithFacts
from flocker_lite.model import dataset_names, edits
from flocker_lite.model.adoption import Adoption, Remark, Source, unused
from flocker_lite.model.editing import EDIT_ERRORS
from flocker_lite.model.records import Configuration, Dataset, Edit

_ONLY_LOOKS = (
    "This release only shows what an adoption would be, and changes nothing: add ?dry_run=1 "
    "(flockerctl adopt --dry-run)."
)
_REQUEST = "/components/schemas/CreateContainer"
_ESSENTIAL = frozenset({"command_line", "entrypoint", "environment", "image", "name", "volumes"})
"""Without one of these as it is, the container would be another one."""


async def adopt(control: IControl, request: Request) -> Response:
    """What the container would become on its node."""
    if not request.query.get("dry_run"):
        wrong = {"path": "?dry_run", "allowed": "true", "message": _ONLY_LOOKS}
        raise HTTPError(501, _ONLY_LOOKS, problems=[wrong])
    asked = request.body
    node_id = edits.find_node(control.configuration, asked["host"])
    found = await control.adoption(node_id, asked["container"], asked.get("name"))
    host = bodies.address(control.configuration, node_id)
    return Response(200, _body(control, host, found))


def _body(control: IControl, host: str, found: Adoption) -> Body:
    names = _dataset_names(control.configuration, found.sources)
    possible, left_out, wrong = _possible({**found.fields, "host": host})
    container = _renamed(possible, names)
    hindrances = [*found.hindrances, *wrong]
    if not wrong:
        hindrances += _in_the_way(control, container)
    return {
        "dry_run": True,
        "container": container,
        "volumes": [_source_body(source, names) for source in found.sources],
        "not_kept": _remarks((*found.not_kept, *left_out)),
        "hindrances": _remarks(hindrances),
    }


def _dataset_names(configuration: Configuration, sources: Iterable[Source]) -> dict[str, str]:
    """What the dataset of each source can be called, by what the agent calls it.

    A request names a dataset by its name, so no other may have it.
    """
    known = [
        dataset.metadata.get(dataset_names.NAME, "")
        for dataset in configuration.datasets.values()
        if not dataset.deleted
    ]
    names: dict[str, str] = {}
    for source in sources:
        if source.dataset is not None:
            names[source.dataset] = unused(source.dataset, [*known, *names.values()])
    return names


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


def _in_the_way(control: IControl, container: Body) -> list[Remark]:
    """Why the configuration would not take the container, if its datasets were there."""
    try:
        control.planned(_creation(container))
    except EDIT_ERRORS as error:
        facts = error.facts if isinstance(error, ErrorWithFacts) else ()
        if not facts:
            return [Remark("container", str(error))]
        return [
            Remark(fact.keys[0] if fact.keys else "container", f"{error} {fact.text}")
            for fact in facts
        ]
    return []


def _creation(container: Body) -> Callable[[Configuration], Edit]:
    """The edit that creates the datasets of the volumes, and the container."""

    def create(before: Configuration) -> Edit:
        body = dataset_names.with_ids(before, container)
        return edits.create_container(before, bodies.container_from_body(body))

    def with_datasets(before: Configuration) -> Edit:
        made = [
            _new_dataset(container["host"], volume["dataset"])
            for volume in container.get("volumes", ())
        ]
        return edits.in_turn(
            before, *(partial(edits.create_dataset, dataset=each) for each in made), create
        )

    return with_datasets


def _new_dataset(host: str, name: str) -> Dataset:
    return bodies.dataset_from_body(
        {"primary": host, "metadata": {dataset_names.NAME: name}}, str(uuid4())
    )


def _source_body(source: Source, names: Mapping[str, str]) -> Body:
    return {
        "source": source.source,
        "mountpoint": source.mountpoint,
        "kind": source.kind,
        "take": source.take,
        "why": source.why,
        "path": source.path,
        **({} if source.dataset is None else {"dataset": names[source.dataset]}),
        **({"read_only": True} if source.read_only else {}),
        "size_bytes": source.size_bytes,
    }


def _remarks(remarks: Iterable[Remark]) -> list[Body]:
    """Each once, in order."""
    return [{"field": remark.field, "message": remark.text} for remark in dict.fromkeys(remarks)]
