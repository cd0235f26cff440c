"""Sections 4, 6 and 7 of the tables: /configuration/containers; and what goes beyond them."""

from __future__ import annotations

from tests.conformance.rows import (
    ADDRESS_1,
    ADDRESS_2,
    C1,
    CONTAINER,
    CONTAINER_BODY,
    CONTAINERS,
    D1,
    DATASET,
    DATASET_BODY,
    DATASETS,
    NODE_2,
    UNKNOWN,
    UNKNOWN_NODE,
    VOLUME,
    Row,
    a_container,
    a_dataset,
    an_attached_dataset,
    delete,
    get,
    post,
    row,
)

NOT_FOUND = "Container not found."
PORT_IN_USE = "A specified external port is already in use."
_PORTS = [{"internal": 80, "external": "<p1>"}, {"internal": 443, "external": "<p2>"}]
_LINKS = [
    {"alias": "cache", "local_port": 6379, "remote_port": 63790},
    {"alias": "postgres", "local_port": 5432, "remote_port": 54320},
]
_EVERYTHING = {
    **CONTAINER,
    "ports": _PORTS,
    "links": _LINKS,
    "environment": {"A": "b"},
    "restart_policy": {"name": "on-failure", "maximum_retry_count": 5},
    "volumes": [VOLUME],
    "cpu_shares": 512,
    "memory_limit": 262144000,
}
_MOVED = {**CONTAINER_BODY, "host": ADDRESS_2}


def _link(alias: str, local_port: int) -> dict[str, object]:
    return {"alias": alias, "local_port": local_port, "remote_port": 1}


CREATE: tuple[Row, ...] = (
    row("4 containers", "create: least", post(CONTAINERS, CONTAINER, 201, answer=CONTAINER_BODY)),
    row(
        "4 containers",
        "create: most",
        a_dataset,
        post(CONTAINERS, _EVERYTHING, 201, answer=_EVERYTHING),
        get(CONTAINERS, has=(_EVERYTHING,)),
    ),
    row(
        "4 containers",
        "create: ports and links in order",
        post(
            CONTAINERS,
            {**CONTAINER, "ports": _PORTS[::-1], "links": _LINKS[::-1]},
            201,
            answer={**CONTAINER_BODY, "ports": _PORTS, "links": _LINKS},
        ),
    ),
    row(
        "4 containers",
        "create: what is empty is left out",
        post(
            CONTAINERS, {**CONTAINER, "environment": {}, "volumes": []}, 201, answer=CONTAINER_BODY
        ),
    ),
    row(
        "4 containers",
        "create: images",
        post(CONTAINERS, {**CONTAINER, "image": "nginx"}, 201, answer=CONTAINER_BODY),
        post(
            CONTAINERS,
            {**CONTAINER, "name": "<c2>", "image": "reg:5000/x/y"},
            201,
            answer={**CONTAINER_BODY, "name": "<c2>", "image": "reg:5000/x/y"},
        ),
    ),
    row(
        "4 containers",
        "create: required",
        post(CONTAINERS, {}, 400, errors=3),
        post(CONTAINERS, {**CONTAINER, "junk": 1}, 400, errors=1),
    ),
    row(
        "4 containers",
        "create: a name is used once",
        a_container,
        post(
            CONTAINERS,
            {**CONTAINER, "host": ADDRESS_2},
            409,
            description="The container name already exists.",
        ),
    ),
    row(
        "4 containers",
        "create: an unknown host",
        post(CONTAINERS, {**CONTAINER, "host": UNKNOWN}, 400, description=UNKNOWN_NODE),
        differs="201, and a node is made of it; so with --accept-unknown-nodes.",
    ),
    row(
        "4 containers",
        "create: a dataset that is not there, or deleted",
        post(
            CONTAINERS,
            {**CONTAINER, "volumes": [VOLUME]},
            404,
            description="Dataset not found.",
        ),
        a_dataset,
        delete(D1),
        post(
            CONTAINERS,
            {**CONTAINER, "volumes": [VOLUME]},
            404,
            description="Dataset not found.",
        ),
    ),
    row(
        "4 containers",
        "create: a dataset of another node",
        a_dataset,
        post(
            CONTAINERS,
            {**CONTAINER, "host": ADDRESS_2, "volumes": [VOLUME]},
            409,
            description="The dataset is on another node.",
        ),
    ),
    row(
        "4 containers",
        "create: a dataset in use",
        a_dataset,
        an_attached_dataset,
        post(
            CONTAINERS,
            {**CONTAINER, "name": "<c2>", "volumes": [VOLUME]},
            409,
            description="The dataset is being used by another container.",
        ),
    ),
    row(
        "4 containers",
        "create: a dataset's id in upper case",
        a_dataset,
        post(
            CONTAINERS,
            {**CONTAINER, "volumes": [{**VOLUME, "dataset_id": "<D1>"}]},
            201,
            answer={**CONTAINER_BODY, "volumes": [VOLUME]},
        ),
        differs="404.",
    ),
    row(
        "4 containers",
        "create: a dataset with a limit",
        post(DATASETS, {**DATASET, "maximum_size": 67108864}, 201),
        post(
            CONTAINERS,
            {**CONTAINER, "volumes": [VOLUME]},
            201,
            answer={**CONTAINER_BODY, "volumes": [VOLUME]},
        ),
        get(CONTAINERS, has=({**CONTAINER_BODY, "volumes": [VOLUME]},)),
        differs="500, and 500 for every list of containers from then on.",
    ),
    row(
        "4 containers",
        "create: a port in use",
        post(CONTAINERS, {**CONTAINER, "ports": _PORTS}, 201),
        post(
            CONTAINERS,
            {**CONTAINER, "name": "<c2>", "host": ADDRESS_2, "ports": _PORTS[:1]},
            409,
            description=PORT_IN_USE,
        ),
    ),
    row(
        "4 containers",
        "create: one external port twice",
        post(
            CONTAINERS,
            {**CONTAINER, "ports": [_PORTS[0], {"internal": 81, "external": "<p1>"}]},
            409,
            description=PORT_IN_USE,
        ),
        differs="201.",
    ),
    row(
        "4 containers",
        "create: links that clash",
        post(
            CONTAINERS,
            {**CONTAINER, "links": [_link("a", 1), _link("a", 2)]},
            409,
            description="Link aliases must be unique.",
        ),
        post(
            CONTAINERS,
            {**CONTAINER, "links": [_link("a", 1), _link("b", 1)]},
            409,
            description="The local ports in a container's links must be unique.",
        ),
        post(CONTAINERS, {**CONTAINER, "links": [_link("a", 1), _link("A", 2)]}, 201),
    ),
)
MOVE: tuple[Row, ...] = (
    row(
        "4 containers",
        "move: the dataset goes with it",
        a_dataset,
        an_attached_dataset,
        post(C1, {"host": ADDRESS_2}, answer={**_MOVED, "volumes": [VOLUME]}),
        get(DATASETS, has=({**DATASET_BODY, "primary": ADDRESS_2},)),
    ),
    row(
        "4 containers",
        "move: to where it is",
        a_container,
        post(C1, {"host": ADDRESS_1}, answer=CONTAINER_BODY),
    ),
    row(
        "4 containers", "move: not found", post(C1, {"host": ADDRESS_1}, 404, description=NOT_FOUND)
    ),
    row(
        "4 containers",
        "move: an unknown host",
        a_container,
        post(C1, {"host": UNKNOWN}, 400, description=UNKNOWN_NODE),
        differs="200, and a node is made of it; so with --accept-unknown-nodes.",
    ),
    row(
        "4 containers",
        "move: to a node by its UUID",
        a_container,
        post(C1, {"host": NODE_2}, answer=_MOVED),
        differs="400.",
    ),
    row(
        "4 containers",
        "move: a host, and nothing unknown",
        a_container,
        post(C1, {}, 400, errors=1),
        post(C1, {"host": ADDRESS_2, "junk": 1}, 400, errors=1),
        post(C1, {"host": 5}, 400, errors=1),
    ),
    row(
        "beyond containers",
        "update",
        a_container,
        post(
            C1,
            {"image": "b:2", "environment": {"A": "b"}, "cpu_shares": 5, "ports": _PORTS},
            answer={
                **CONTAINER_BODY,
                "image": "b:2",
                "environment": {"A": "b"},
                "cpu_shares": 5,
                "ports": _PORTS,
            },
        ),
        post(
            C1,
            {"image": "nginx", "environment": None, "cpu_shares": None, "ports": None},
            answer=CONTAINER_BODY,
        ),
        post(
            C1,
            {"name": "<c2>"},
            409,
            description="A container cannot be renamed: create another one, and delete this.",
        ),
        differs="400: only its host can be changed.",
    ),
)
DELETE: tuple[Row, ...] = (
    row(
        "4 containers",
        "delete",
        a_dataset,
        an_attached_dataset,
        delete(C1, answer=None),
        delete(C1, 404, description=NOT_FOUND),
        get(DATASETS, has=(DATASET_BODY,)),
    ),
    row(
        "beyond containers",
        "one container",
        a_container,
        get(C1, answer=CONTAINER_BODY),
        get(f"{CONTAINERS}/<c2>", status=404, description=NOT_FOUND),
        get(f"{CONTAINERS}?name=<c1>", answer=[CONTAINER_BODY]),
        get(f"{CONTAINERS}?name=<c1>&host={ADDRESS_2}", answer=[]),
        differs="405 for one container; the query is ignored.",
    ),
)
