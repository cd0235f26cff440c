"""Random records for property tests, with few ids, so that they refer to each other."""

from __future__ import annotations

from typing import Any

from hypothesis import strategies as st
from pyrsistent import PMap, pmap

from flocker_lite.model.codec import NUMBER_MAX
from flocker_lite.model.container_fields.failover import Failover
from flocker_lite.model.container_fields.switching import SwitchHook
from flocker_lite.model.fencing.acknowledged import Fencing
from flocker_lite.model.lease import Lease, Role
from flocker_lite.model.move_progress import HookRun
from flocker_lite.model.records import (
    Configuration,
    Container,
    Dataset,
    Forgotten,
    Grant,
    HealthCheck,
    Image,
    Link,
    Move,
    MoveOptions,
    Node,
    PastMove,
    Port,
    RestartPolicy,
    UserLease,
    Volume,
)
from flocker_lite.model.replicas import Replicas
from flocker_lite.model.replication import Replication, replication_key
from flocker_lite.model.snapshot_sets import SnapshotSet
from flocker_lite.model.state import (
    ContainerExit,
    ContainerState,
    DatasetState,
    DesiredDataset,
    DesiredFencing,
    ImagePull,
    ImageState,
    LocalContainer,
    LocalDataset,
    MoveProgress,
    NodeState,
    NodeView,
    Round,
    Route,
    Snapshot,
    Step,
)

NODE_IDS = st.sampled_from(["node-a", "node-b", "node-c"])
DATASET_IDS = st.sampled_from(["d1", "d2", "d3", "d4"])
MOVE_IDS = st.sampled_from(["m1", "m2", "m3"])
NAMES = st.sampled_from(["shop", "blog", "mail"])
TEXTS = st.text(max_size=8)
EPOCHS = st.integers(1, 9)
COUNTS = st.integers(0, NUMBER_MAX)
SIZES = st.none() | st.integers(1, 2**40)
SECONDS = st.floats(0, 1e9, allow_nan=False)


def maps(keys: st.SearchStrategy[str], values: st.SearchStrategy[Any]) -> Any:
    """Maps of up to four entries."""
    return st.dictionaries(keys, values, max_size=4).map(pmap)


def keyed(records: st.SearchStrategy[Any], key: str) -> Any:
    """Maps of records, keyed by one of their fields."""

    def by_key(found: list[Any]) -> PMap[str, Any]:
        return pmap({str(getattr(record, key)): record for record in found})

    return st.lists(records, max_size=4).map(by_key)


LEASES: st.SearchStrategy[Lease] = st.one_of(
    st.builds(
        Lease,
        st.sampled_from([Role.PRIMARY, Role.PROBATION, Role.REPLICA, Role.DEPOSED]),
        EPOCHS,
    ),
    st.builds(Lease, st.just(Role.LENT), EPOCHS, NODE_IDS, st.integers(0, 4000)),
    st.builds(Lease, st.sampled_from([Role.RELEASING, Role.RELEASED]), EPOCHS, NODE_IDS),
)
GRANTS = st.builds(Grant, NODE_IDS, EPOCHS, st.booleans(), st.none() | TEXTS)
REPLICAS = st.builds(
    Replicas,
    st.lists(NODE_IDS, max_size=3, unique=True).map(tuple),
    SECONDS,
    SIZES,
    st.booleans(),
    st.none() | st.integers(1, 9),
)
DATASETS = st.builds(
    Dataset,
    DATASET_IDS,
    NODE_IDS,
    maps(TEXTS, TEXTS),
    SIZES,
    st.booleans(),
    st.none() | REPLICAS,
)
PORTS = st.builds(Port, st.integers(1, 65535), st.integers(1, 65535))
LINKS = st.builds(Link, TEXTS, st.integers(1, 65535), st.integers(1, 65535))
VOLUMES = st.builds(Volume, DATASET_IDS, TEXTS)
POLICIES = st.builds(
    RestartPolicy, st.sampled_from(["never", "always", "on-failure"]), st.none() | st.integers(0, 9)
)
HEALTH_CHECKS = st.builds(
    HealthCheck,
    st.none() | st.integers(1, 65535),
    st.none() | TEXTS,
    st.none() | st.lists(TEXTS, max_size=2).map(tuple),
    SECONDS,
    SECONDS,
    SECONDS,
    st.integers(1, 9),
    st.sampled_from(["nothing", "restart"]),
)
HOOKS = st.builds(SwitchHook, st.lists(TEXTS, max_size=2).map(tuple), SECONDS, st.booleans())
CONTAINERS = st.builds(
    Container,
    name=NAMES,
    node=NODE_IDS,
    image=TEXTS,
    ports=st.lists(PORTS, max_size=2).map(tuple),
    volumes=st.lists(VOLUMES, max_size=2, unique_by=lambda volume: volume.dataset_id).map(tuple),
    environment=maps(TEXTS, TEXTS),
    links=st.lists(LINKS, max_size=2).map(tuple),
    restart_policy=POLICIES,
    command_line=st.none() | st.lists(TEXTS, max_size=2).map(tuple),
    cpu_shares=SIZES,
    memory_limit=SIZES,
    health_check=st.none() | HEALTH_CHECKS,
    labels=maps(TEXTS, TEXTS),
    before_switch=st.none() | HOOKS,
    after_switch=st.none() | HOOKS,
    failover=st.none()
    | st.builds(
        Failover,
        st.sampled_from(["manual", "automatic"]),
        st.integers(5, 3600),
        st.integers(1, 9999),
        st.lists(NODE_IDS, max_size=3, unique=True).map(tuple),
    ),
)
FENCINGS = st.builds(Fencing, TEXTS, st.lists(NODE_IDS, max_size=3).map(tuple), SECONDS)
IMAGES = st.builds(Image, DATASET_IDS, NODE_IDS, TEXTS)
HOOK_RUNS = st.builds(
    HookRun,
    st.sampled_from(["before_switch", "after_switch"]),
    st.none() | SECONDS,
    st.none() | st.integers(0, 255),
    TEXTS,
    st.none() | TEXTS,
)
PROGRESS = st.builds(
    MoveProgress,
    DATASET_IDS,
    EPOCHS,
    st.sampled_from(["pushing", "switching", "done", "rolled back", "failed"]),
    st.none() | NODE_IDS,
    st.none() | NODE_IDS,
    st.lists(st.builds(Round, COUNTS, SECONDS, SECONDS, st.booleans()), max_size=2).map(tuple),
    st.lists(st.builds(Step, TEXTS, SECONDS), max_size=2).map(tuple),
    st.none() | TEXTS,
    st.none() | MOVE_IDS,
    SIZES,
    SIZES,
    st.none() | SECONDS,
    st.none() | TEXTS,
    st.none() | st.booleans(),
    hooks=st.lists(HOOK_RUNS, max_size=2).map(tuple),
)
MOVE_OPTIONS = st.builds(
    MoveOptions,
    st.none() | SECONDS,
    st.none() | SECONDS,
    st.sampled_from(["continue", "abort", "force"]),
    SIZES,
)
MOVES = st.builds(
    Move,
    MOVE_IDS,
    NODE_IDS,
    NODE_IDS,
    SECONDS,
    st.none() | NAMES,
    st.lists(DATASET_IDS, max_size=2, unique=True).map(tuple),
    MOVE_OPTIONS,
)
PAST_MOVES = st.builds(
    PastMove,
    MOVES,
    st.sampled_from(["done", "rolled back", "cancelled", "superseded"]),
    SECONDS,
    maps(DATASET_IDS, EPOCHS),
    st.lists(PROGRESS, max_size=2).map(tuple),
)
CONFIGURATIONS = st.builds(
    Configuration,
    keyed(st.builds(Node, NODE_IDS, TEXTS), "node_id"),
    keyed(DATASETS, "dataset_id"),
    keyed(CONTAINERS, "name"),
    maps(DATASET_IDS, GRANTS),
    keyed(st.builds(UserLease, DATASET_IDS, NODE_IDS, st.none() | SECONDS), "dataset_id"),
    keyed(IMAGES, "image_id"),
    keyed(MOVES, "move_id"),
    keyed(PAST_MOVES, "move_id"),
    fencings=maps(NAMES, FENCINGS),
    forgotten=keyed(st.builds(Forgotten, NODE_IDS, TEXTS, SECONDS), "node_id"),
)
SNAPSHOT_SETS = st.builds(SnapshotSet, EPOCHS, SECONDS, maps(DATASET_IDS, TEXTS))
DATASET_STATES = st.builds(
    DatasetState,
    DATASET_IDS,
    st.none() | LEASES,
    st.booleans(),
    st.none() | TEXTS,
    SIZES,
    st.none() | TEXTS,
    complete_set=st.none() | SNAPSHOT_SETS,
)
REPLICATIONS = st.builds(
    Replication,
    DATASET_IDS,
    NODE_IDS,
    st.sampled_from(["seeding", "replicating", "waiting", "blocked"]),
    SIZES,
    SIZES,
    SIZES,
    st.none() | TEXTS,
    st.none() | SECONDS,
    st.none() | SECONDS,
)
PULLS = st.builds(ImagePull, COUNTS, COUNTS, COUNTS, COUNTS)
CONTAINER_STATES = st.builds(
    ContainerState,
    CONTAINERS,
    st.booleans(),
    st.none() | TEXTS,
    st.integers(0, 9),
    st.none() | st.integers(-64, 255),
    st.none() | PULLS,
    st.booleans(),
)
NODE_STATES = st.builds(
    NodeState,
    keyed(DATASET_STATES, "dataset_id"),
    maps(NAMES, CONTAINER_STATES),
    keyed(PROGRESS, "dataset_id"),
    maps(DATASET_IDS, st.builds(ImageState, TEXTS, st.booleans(), st.none() | TEXTS)),
    replications=st.lists(REPLICATIONS, max_size=3).map(
        lambda found: pmap({replication_key(e.dataset_id, e.standby): e for e in found})
    ),
)
DESIRED_DATASETS = st.builds(
    DesiredDataset,
    DATASETS,
    GRANTS,
    maps(NODE_IDS, LEASES),
    maps(NODE_IDS, TEXTS),
    st.none() | MOVES,
    maps(TEXTS, SECONDS),
)
ROUTES = st.builds(Route, st.integers(1, 65535), TEXTS, NAMES)
NODE_VIEWS = st.builds(
    NodeView,
    st.lists(DESIRED_DATASETS, max_size=4).map(
        lambda found: pmap({desired.dataset.dataset_id: desired for desired in found})
    ),
    keyed(CONTAINERS, "name"),
    keyed(ROUTES, "port"),
    maps(NAMES, NODE_IDS),
    keyed(IMAGES, "image_id"),
    fencings=maps(
        NAMES,
        st.builds(
            DesiredFencing,
            NODE_IDS,
            maps(DATASET_IDS, EPOCHS),
            TEXTS,
            st.lists(NODE_IDS, max_size=3).map(tuple),
            st.integers(5, 3600),
            maps(NODE_IDS, TEXTS),
        ),
    ),
)
SNAPSHOT_NAMES = st.one_of(
    st.builds("flocker-lite-{}-{}".format, st.integers(1, 6), st.integers(1, 6)),
    st.sampled_from(["cron", "before-upgrade", "flocker-lite", "flocker-lite-1", "x-1-1"]),
)
SNAPSHOTS = st.lists(
    st.builds(Snapshot, SNAPSHOT_NAMES, st.integers(0, 99).map(str)),
    max_size=8,
    unique_by=(lambda snapshot: snapshot.name, lambda snapshot: snapshot.guid),
).map(tuple)
LOCAL_DATASETS = st.builds(
    LocalDataset, DATASET_IDS, st.none() | LEASES, st.booleans(), TEXTS, SIZES, SNAPSHOTS
)
ENDS = st.builds(ContainerExit, st.integers(0, 255), SECONDS, SECONDS, st.booleans())
LOCAL_CONTAINERS = st.builds(
    LocalContainer,
    CONTAINERS,
    st.sampled_from(["created", "running", "exited"]),
    TEXTS,
    st.none() | ENDS,
)
