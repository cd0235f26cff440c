"""Sections 4, 6 and 7 of the tables: /configuration/datasets; and what goes beyond them."""

from __future__ import annotations

from tests.conformance.rows import (
    ADDRESS_1,
    ADDRESS_2,
    D1,
    DATASET,
    DATASET_BODY,
    DATASETS,
    NODE_2,
    UNKNOWN,
    UNKNOWN_NODE,
    Row,
    a_dataset,
    an_attached_dataset,
    delete,
    get,
    post,
    row,
)

NOT_FOUND = "Dataset not found."
IN_USE = "The provided dataset_id is already in use."
DELETED = {**DATASET_BODY, "deleted": True}
_MORE = {"maximum_size": 1073741824, "metadata": {"name": "demo", "owner": "alice"}}

CREATE: tuple[Row, ...] = (
    row("4 datasets", "create: least", post(DATASETS, DATASET, 201, answer=DATASET_BODY)),
    row(
        "4 datasets",
        "create: most",
        post(DATASETS, {**DATASET, **_MORE}, 201, answer={**DATASET_BODY, **_MORE}),
    ),
    row(
        "4 datasets",
        "create: the id in lower case",
        post(DATASETS, {**DATASET, "dataset_id": "<D1>"}, 201, answer=DATASET_BODY),
    ),
    row(
        "4 datasets",
        "create: an id is used once",
        a_dataset,
        post(DATASETS, DATASET, 409, description=IN_USE),
        post(DATASETS, {**DATASET, "primary": ADDRESS_2}, 409, description=IN_USE),
        post(DATASETS, {**DATASET, "dataset_id": "<D1>"}, 409, description=IN_USE),
        delete(D1),
        post(DATASETS, DATASET, 409, description=IN_USE),
    ),
    row("4 datasets", "create: primary is required", post(DATASETS, {}, 400, errors=1)),
    row(
        "4 datasets",
        "create: nothing unknown",
        post(
            DATASETS,
            {**DATASET, "junk": 1},
            400,
            answer={
                "description": "The provided JSON doesn't match the required schema.",
                "errors": ["Additional properties are not allowed ('junk' was unexpected)"],
                "problems": [
                    {
                        "path": "$.junk",
                        "given": "junk",
                        "allowed": "dataset_id, primary, maximum_size, metadata, replicas or "
                        "failover",
                        "message": "$.junk: there is no key junk here: allowed is dataset_id, "
                        "primary, maximum_size, metadata, replicas or failover "
                        "(see /v1/openapi.json)",
                        "see": "/v1/openapi.json",
                    }
                ],
            },
        ),
        differs="The text has u'junk'.",
    ),
    row(
        "4 datasets",
        "create: an unknown primary",
        post(DATASETS, {**DATASET, "primary": UNKNOWN}, 400, description=UNKNOWN_NODE),
        get(D1, status=404, description=NOT_FOUND),
        differs="201, and a node is made of it (FLOC-1278); so with --accept-unknown-nodes.",
    ),
    row(
        "4 datasets",
        "create: deleted",
        post(DATASETS, {**DATASET, "deleted": True}, 400, errors=1),
        post(DATASETS, {**DATASET, "deleted": False}, 400, errors=1),
        differs="500.",
    ),
    row(
        "4 datasets",
        "list: deleted ones too",
        a_dataset,
        get(DATASETS, has=(DATASET_BODY,)),
        delete(D1),
        get(DATASETS, has=(DELETED,), lacks=(DATASET_BODY,)),
    ),
)
MOVE: tuple[Row, ...] = (
    row(
        "4 datasets",
        "move",
        post(DATASETS, {**DATASET, **_MORE}, 201),
        post(
            D1,
            {"primary": ADDRESS_2},
            answer={**DATASET_BODY, **_MORE, "primary": ADDRESS_2},
        ),
        get(DATASETS, has=({**DATASET_BODY, **_MORE, "primary": ADDRESS_2},)),
    ),
    row(
        "4 datasets",
        "move: the id in the body is ignored",
        a_dataset,
        post(
            D1,
            {"primary": ADDRESS_2, "dataset_id": "<d2>"},
            answer={
                **DATASET_BODY,
                "primary": ADDRESS_2,
            },
        ),
    ),
    row(
        "4 datasets",
        "move: to where it is",
        a_dataset,
        post(D1, {"primary": ADDRESS_1}, answer=DATASET_BODY),
    ),
    row(
        "4 datasets",
        "move: to a node by its UUID",
        a_dataset,
        post(D1, {"primary": NODE_2}, answer={**DATASET_BODY, "primary": ADDRESS_2}),
        differs="400: nodes had no UUIDs in the API.",
    ),
    row(
        "4 datasets",
        "move: an unknown node",
        a_dataset,
        post(D1, {"primary": UNKNOWN}, 400, description=UNKNOWN_NODE),
        get(D1, answer=DATASET_BODY),
        differs="200, and a node is made of it; so with --accept-unknown-nodes.",
    ),
    row(
        "4 datasets",
        "move: not found",
        post(D1, {"primary": ADDRESS_1}, 404, description=NOT_FOUND),
    ),
    row(
        "4 datasets",
        "move: deleted",
        a_dataset,
        delete(D1),
        post(D1, {"primary": ADDRESS_2}, 405, description="The dataset has been deleted."),
    ),
    row(
        "4 datasets",
        "move: the id in the path in upper case",
        a_dataset,
        post(f"{DATASETS}/<D1>", {"primary": ADDRESS_1}, answer=DATASET_BODY),
        differs="404.",
    ),
    row(
        "4 datasets",
        "move: in use by a container",
        a_dataset,
        an_attached_dataset,
        post(
            D1,
            {"primary": ADDRESS_2},
            409,
            description="The dataset is being used by the container <c1>: "
            "move the container instead.",
        ),
        post(D1, {"primary": ADDRESS_1}, answer=DATASET_BODY),
        get(D1, answer=DATASET_BODY),
        differs="500, also for a move to where it is.",
    ),
    row(
        "8 datasets",
        "update: nothing",
        a_dataset,
        post(D1, {}, answer=DATASET_BODY),
        differs="400: 'primary' is required.",
    ),
    row(
        "beyond datasets",
        "update: metadata and size",
        a_dataset,
        post(D1, _MORE, answer={**DATASET_BODY, **_MORE}),
        post(D1, {"maximum_size": None, "metadata": {}}, answer=DATASET_BODY),
        post(D1, {"maximum_size": 5}, 400, errors=1),
        differs="500 for either, with a primary; 400 without.",
    ),
    row(
        "4 datasets",
        "update: deleted",
        a_dataset,
        post(D1, {"primary": ADDRESS_1, "deleted": False}, 400, errors=1),
        differs="500.",
    ),
)
DELETE: tuple[Row, ...] = (
    row(
        "4 datasets",
        "delete: twice",
        a_dataset,
        delete(D1, answer=DELETED),
        delete(D1, answer=DELETED),
    ),
    row("4 datasets", "delete: not found", delete(D1, 404, description=NOT_FOUND)),
    row(
        "4 datasets",
        "delete: in use by a container",
        a_dataset,
        an_attached_dataset,
        delete(
            D1,
            409,
            description="The dataset is being used by the container <c1>: "
            "delete the container first.",
        ),
        get(D1, answer=DATASET_BODY),
        differs="500.",
    ),
    row(
        "beyond datasets",
        "purge",
        a_dataset,
        delete(
            f"{D1}?purge=true",
            409,
            description="Only a deleted dataset can be purged: delete it first.",
        ),
        delete(D1),
        delete(
            f"{D1}?purge=true",
            409,
            description=f"{ADDRESS_2} is away, and may have a copy of the dataset: "
            "wait until its agent is back.",
        ),
        differs="Query strings are ignored: a deleted dataset stays in the list for ever.",
    ),
    row(
        "beyond datasets",
        "one dataset",
        a_dataset,
        get(D1, answer=DATASET_BODY),
        get(f"{DATASETS}/<d2>", status=404, description=NOT_FOUND),
        differs="405.",
    ),
    row(
        "beyond datasets",
        "filters",
        post(DATASETS, {**DATASET, "metadata": {"name": "<c1>"}}, 201),
        get(
            f"{DATASETS}?name=<c1>&host={ADDRESS_1}",
            answer=[{**DATASET_BODY, "metadata": {"name": "<c1>"}}],
        ),
        get(f"{DATASETS}?name=<c1>&host={ADDRESS_2}", answer=[]),
        get(f"{DATASETS}?name=<c1>&deleted=true", answer=[]),
        get(f"{DATASETS}?host={UNKNOWN}", status=400, description=UNKNOWN_NODE),
        differs="Query strings are ignored: all datasets are answered.",
    ),
)
