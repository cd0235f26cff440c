"""State, and section 8 of the tables: what later releases of Flocker had."""

from __future__ import annotations

from uuid import UUID

from pyrsistent import pmap

from flocker_lite.model.lease import Lease, Role
from flocker_lite.model.records import Container, Port, Volume
from flocker_lite.model.state import ContainerState, DatasetState, NodeState
from flocker_lite.model.versions import NEWEST
from tests.conformance.rows import (
    ADDRESS_1,
    ADDRESS_2,
    ANYTHING,
    CONTAINERS,
    D1,
    DATASET,
    DATASETS,
    LEASE,
    LEASES,
    NODE_1,
    NODE_2,
    UNKNOWN_NODE,
    Row,
    a_container,
    a_dataset,
    delete,
    get,
    post,
    row,
)

# What the agent of node 1 reports, whatever it is told.
SEEN, LIMITED, BETWEEN = (f"aaaaaaaa-0000-4000-8000-00000000000{number}" for number in (1, 2, 3))
ERA = str(UUID(int=77, version=4))
_PATH = f"/flocker/{SEEN}"
_PRIMARY = Lease(Role.PRIMARY, 1)
STATE = NodeState(
    datasets=pmap(
        {
            SEEN: DatasetState(SEEN, _PRIMARY, True, _PATH),
            LIMITED: DatasetState(LIMITED, _PRIMARY, True, _PATH, 2**30),
            BETWEEN: DatasetState(BETWEEN, Lease(Role.RELEASED, 2, NODE_2), False, _PATH),
        }
    ),
    containers=pmap(
        {
            "seen": ContainerState(
                Container("seen", NODE_1, "nginx:latest", (Port(80, 8),), (Volume(SEEN, "/data"),)),
                True,
            ),
            "stopped": ContainerState(Container("stopped", NODE_1, "a:1"), False),
            "failed": ContainerState(Container("failed", NODE_1, "a:2"), False, "no such image"),
        }
    ),
)
_SEEN = {"dataset_id": SEEN, "primary": ADDRESS_1, "path": _PATH}
_RUNNING = {
    "host": ADDRESS_1,
    "name": "seen",
    "image": "nginx:latest",
    "ports": [{"internal": 80, "external": 8}],
    "volumes": [{"dataset_id": SEEN, "mountpoint": "/data"}],
    "restart_policy": {"name": "never"},
    "running": True,
}
_NODE = {"host": ADDRESS_1, "uuid": NODE_1, "protocol": NEWEST}
_AWAY = {"host": ADDRESS_2, "uuid": NODE_2, "protocol": 1, "away": True}
_STOPPED = {
    "host": ADDRESS_1,
    "name": "stopped",
    "image": "a:1",
    "restart_policy": {"name": "never"},
    "running": False,
}

STATES: tuple[Row, ...] = (
    row(
        "4",
        "state: datasets",
        get(
            "/v1/state/datasets",
            has=(_SEEN, {**_SEEN, "dataset_id": LIMITED, "maximum_size": 2**30}),
        ),
    ),
    row("4", "state: containers", get("/v1/state/containers", has=(_RUNNING, _STOPPED))),
    row(
        "beyond",
        "state: what went wrong",
        get(
            "/v1/state/containers",
            has=({**_STOPPED, "name": "failed", "image": "a:2", "error": "no such image"},),
        ),
        differs="The key is not there: an error shows in the log of the agent alone.",
    ),
    row(
        "8",
        "state: a dataset that is known, and mounted nowhere",
        get("/v1/state/datasets", has=({"dataset_id": BETWEEN},)),
        differs="It is not in the list.",
    ),
    row(
        "8",
        "state: nodes",
        get("/v1/state/nodes", answer=[_NODE, _AWAY]),
        differs="404.",
    ),
    row(
        "8",
        "state: nodes by era",
        get(f"/v1/state/nodes/by_era/{ERA}", answer={"uuid": NODE_1}),
        get(
            f"/v1/state/nodes/by_era/{NODE_1}",
            status=404,
            description="No node found with given era.",
        ),
        get("/v1/state/nodes/by_era/x", status=404, description="No node found with given era."),
        differs="404; the release that had it answered 500 for an era that is no UUID.",
    ),
    row(
        "beyond",
        "state: one item, filters",
        get(f"/v1/state/datasets/{SEEN}", answer=_SEEN),
        get("/v1/state/containers/stopped", answer=_STOPPED),
        get("/v1/state/containers?name=stopped", answer=[_STOPPED]),
        get(f"/v1/state/nodes/{NODE_1}", answer=_NODE),
        get("/v1/state/containers/none", status=404, description="Container not found."),
        differs="404 for one item; the query is ignored.",
    ),
    row(
        "beyond",
        "state: moves",
        get("/v1/state/moves?container=none", answer=[]),
        get("/v1/state/moves/none", status=404, description="Move not found."),
        delete("/v1/state/moves/none", 404, description="Move not found."),
        differs="404.",
    ),
)
LATER: tuple[Row, ...] = (
    row(
        "8",
        "leases: acquire, renew, release",
        a_dataset,
        post(LEASES, LEASE, 201, answer=LEASE),
        get(LEASES, has=(LEASE,)),
        post(LEASES, {**LEASE, "expires": 1000}, 200),
        post(LEASES, LEASE, 200, answer=LEASE),
        delete(f"{LEASES}/<d1>", answer=LEASE),
        delete(f"{LEASES}/<d1>", 404, description="Lease not found."),
        differs="404.",
    ),
    row(
        "8",
        "leases: held by another node",
        a_dataset,
        post(LEASES, LEASE, 201),
        post(LEASES, {**LEASE, "node_uuid": NODE_2}, 409, description="Lease already held."),
        differs="404.",
    ),
    row(
        "8",
        "leases: schema",
        post(LEASES, {}, 400, errors=3),
        post(LEASES, {**LEASE, "junk": 1}, 400, errors=1),
        post(LEASES, {**LEASE, "expires": "soon"}, 400, errors=1),
        post(LEASES, {**LEASE, "dataset_id": "x"}, 400, errors=1),
        differs="404.",
    ),
    row(
        "8",
        "leases: what is not there",
        post(LEASES, LEASE, 404, description="Dataset not found."),
        a_dataset,
        post(
            LEASES,
            {**LEASE, "node_uuid": "99999999-9999-4999-8999-999999999999"},
            400,
            description=UNKNOWN_NODE,
        ),
        delete(f"{LEASES}/x", 404, description="Lease not found."),
        differs="404; the release that had leases did not check, and answered 500 to the last.",
    ),
    row(
        "8",
        "leases: a move is accepted all the same",
        a_dataset,
        post(LEASES, LEASE, 201),
        post(D1, {"primary": NODE_2}, 200),
        delete(D1, 200),
        differs="There are no leases.",
    ),
    row(
        "8",
        "conditional writes",
        *(
            post(path, body, 412, headers={"X-If-Configuration-Matches": "old"}, answer=ANYTHING)
            for path, body in (
                (DATASETS, DATASET),
                (DATASETS, "not even valid"),
                (D1, {}),
                (CONTAINERS, {}),
                (f"{CONTAINERS}/<c1>", {}),
                (LEASES, LEASE),
            )
        ),
        delete(D1, 412, headers={"X-If-Configuration-Matches": "old"}),
        delete(f"{LEASES}/<d1>", 412, headers={"X-If-Configuration-Matches": "old"}),
        a_container,
        differs="The header is ignored. The release that had it offered it for datasets only.",
    ),
)
