"""Section 3 of the tables: the types."""

from __future__ import annotations

from typing import Any

from tests.conformance.rows import (
    ADDRESS_1,
    CONTAINER,
    CONTAINER_BODY,
    CONTAINERS,
    DATASET,
    DATASETS,
    NODE_1,
    UNKNOWN_NODE,
    VOLUME,
    Row,
    Step,
    a_dataset,
    post,
    row,
)


def _dataset(**more: Any) -> Step:
    return post(DATASETS, {**DATASET, **more}, 201)


def _bad_dataset(errors: int = 1, **more: Any) -> Step:
    return post(DATASETS, {**DATASET, **more}, 400, errors=errors)


def _container(number: int = 1, **more: Any) -> Step:
    return post(CONTAINERS, {**CONTAINER, "name": f"<c{number}>", **more}, 201)


def _bad_container(errors: int = 1, **more: Any) -> Step:
    return post(CONTAINERS, {**CONTAINER, **more}, 400, errors=errors)


def _link(**more: Any) -> dict[str, Any]:
    return {"alias": "db", "local_port": 5432, "remote_port": 54320, **more}


_PORT = {"internal": 80, "external": "<p1>"}
_DATASETS_OF_TYPES: tuple[Row, ...] = (
    row(
        "3",
        "dataset_id: 36 characters",
        _bad_dataset(dataset_id="x" * 35),
        _bad_dataset(dataset_id=5),
    ),
    row(
        "3",
        "dataset_id: a UUID",
        _bad_dataset(dataset_id="X" * 36),
        differs="Any 36 characters are accepted; here they are the name of a filesystem.",
    ),
    row(
        "3",
        "primary: IPv4",
        _dataset(),
        *(_bad_dataset(primary=bad) for bad in ("10.0.0.257", "10.0.0", "a b", "", 5, None)),
    ),
    row(
        "3",
        "primary: IPv6, UUID, host name",
        post(DATASETS, {"primary": NODE_1}, 201),
        post(DATASETS, {"primary": "fd00::99"}, 400, description=UNKNOWN_NODE),
        post(DATASETS, {"primary": "name.invalid"}, 400, description=UNKNOWN_NODE),
        differs="400 with the description of a schema failure for all three.",
    ),
    row(
        "3",
        "metadata",
        _dataset(metadata={"k" * 256: "v" * 256}),
        _bad_dataset(metadata={"k" * 257: "v"}),
        _bad_dataset(metadata={"": "v"}),
        _bad_dataset(metadata={"k": "v" * 257}),
        _bad_dataset(metadata={"k": 1}),
        _bad_dataset(metadata={str(number): "" for number in range(17)}),
        _bad_dataset(metadata=[]),
    ),
    row(
        "3",
        "maximum_size",
        _dataset(maximum_size=67108864),
        _bad_dataset(maximum_size=67108863),
        _bad_dataset(maximum_size=None),
        _bad_dataset(maximum_size=True),
    ),
    row(
        "3",
        "maximum_size: whole bytes",
        _dataset(maximum_size=67108865),
        _bad_dataset(maximum_size=67108864.5),
        _bad_dataset(maximum_size=2**63),
        differs="67108864.5 is accepted, and so is any larger number.",
    ),
)
_CHECK = {"port": 80, "path": "/", "timeout_seconds": 2.5, "start_period_seconds": 60}

_CONTAINERS_OF_TYPES: tuple[Row, ...] = (
    row(
        "3",
        "container name",
        *(
            _bad_container(name=bad)
            for bad in ("n.d", "a/b", "", "\N{LATIN SMALL LETTER U}\xfc", 5)
        ),
    ),
    row(
        "3",
        "container name: no newline at the end, 128 characters at most",
        _bad_container(name="web\n"),
        _bad_container(name="n" * 129),
        differs="Both are accepted.",
    ),
    row(
        "3",
        "image",
        _container(1, image="a"),
        _container(2, image="reg.example:5000/x/y"),
        _bad_container(image=5),
    ),
    row(
        "3",
        "image: what Docker takes for one",
        _bad_container(image=""),
        _bad_container(image=":x"),
        _bad_container(image="a b"),
        differs="500 for the first two; the third is accepted.",
    ),
    row(
        "3",
        "ports",
        _container(1, ports=[_PORT]),
        _bad_container(ports=[]),
        _bad_container(ports=[_PORT, _PORT]),
        _bad_container(ports=[{**_PORT, "junk": 1}]),
        _bad_container(ports=[{**_PORT, "internal": 22.5}]),
        _bad_container(ports=[{**_PORT, "internal": True}]),
    ),
    row(
        "3",
        "ports: both, and numbers of ports",
        _bad_container(ports=[{"internal": 80}]),
        _bad_container(ports=[{"external": 80}]),
        _bad_container(ports=[{**_PORT, "internal": 0}]),
        _bad_container(ports=[{"internal": 80, "external": 99999}]),
        differs="500 for the first two; the others are accepted.",
    ),
    row(
        "3",
        "environment",
        _container(1, environment={"A": "b"}),
        _container(2, environment={}),
        _bad_container(environment={"A": 5}),
    ),
    row(
        "3",
        "environment: names that a process can have",
        _bad_container(environment={"": "5"}),
        _bad_container(environment={"A=B": "5"}),
        differs="Both are accepted, the first one with any value.",
    ),
    row(
        "3",
        "restart_policy",
        _container(1, restart_policy={"name": "never"}),
        _container(2, restart_policy={"name": "always"}),
        _container(3, restart_policy={"name": "on-failure"}),
        _container(4, restart_policy={"name": "on-failure", "maximum_retry_count": 1}),
        _bad_container(restart_policy={"name": "on-failure", "maximum_retry_count": 0}),
        _bad_container(restart_policy={"name": "always", "maximum_retry_count": 5}),
        _bad_container(restart_policy={"name": "never", "maximum_retry_count": 5}),
        _bad_container(restart_policy={"name": "always", "extra": 1}),
        _bad_container(restart_policy={"name": "sometimes"}),
    ),
    row(
        "3",
        "volumes",
        a_dataset,
        _container(1, volumes=[VOLUME]),
        _container(2, volumes=[]),
        _bad_container(volumes=[{"dataset_id": "<d1>"}]),
        _bad_container(volumes=[{"mountpoint": "/a"}]),
        _bad_container(volumes=[{**VOLUME, "junk": 1}]),
        _bad_container(volumes=[{**VOLUME, "mountpoint": "a"}]),
    ),
    row(
        "3",
        "volumes: several",
        a_dataset,
        post(DATASETS, {"dataset_id": "<d2>", "primary": ADDRESS_1}, 201),
        _container(1, volumes=[VOLUME, {"dataset_id": "<d2>", "mountpoint": "/b"}]),
        post(
            CONTAINERS,
            {
                **CONTAINER,
                "name": "<c2>",
                "volumes": [VOLUME, {"dataset_id": "<d2>", "mountpoint": "/data"}],
            },
            409,
        ),
        differs="More than one volume is refused.",
    ),
    row(
        "3",
        "cpu_shares",
        _container(1, cpu_shares=2),
        _container(2, cpu_shares=1024),
        _bad_container(cpu_shares=0),
        _bad_container(cpu_shares=1025),
        _bad_container(cpu_shares="5"),
    ),
    row(
        "3",
        "memory_limit",
        _container(1, memory_limit=6291456),
        _bad_container(memory_limit=1048575),
        _bad_container(memory_limit=6291456.5),
    ),
    row(
        "3",
        "cpu_shares, memory_limit: what Docker takes",
        _bad_container(cpu_shares=1),
        _bad_container(memory_limit=1048576),
        _bad_container(memory_limit=6291455),
        differs="Accepted, down to 1 share and 1 MiB; Docker refuses to make the container.",
    ),
    row(
        "3",
        "volumes: where Docker can mount them",
        a_dataset,
        *(
            _bad_container(volumes=[{**VOLUME, "mountpoint": path}])
            for path in ("/", "//", "/a/..", "/proc", "/sys/fs", "/dev/shm", "/etc/hosts")
        ),
        differs="Accepted; Docker refuses to make or to start the container.",
    ),
    row(
        "3",
        "environment: no longer than Linux takes it",
        _container(1, environment={"A": "b" * 131069}),
        _bad_container(environment={"A": "b" * 131070}),
        _bad_container(environment={"A": "\N{LATIN SMALL LETTER U WITH DIAERESIS}" * 65536}),
        differs="Accepted; the container never starts.",
    ),
    row(
        "3",
        "links",
        _container(1, links=[_link(), _link(alias="a-_9", local_port=65535)]),
        _bad_container(links=[]),
        _bad_container(links=[_link(), _link()]),
        _bad_container(links=[{"alias": "a", "local_port": 1}]),
        _bad_container(links=[_link(junk=1)]),
        _bad_container(links=[_link(alias="a.b")]),
        _bad_container(links=[_link(local_port=0)]),
        _bad_container(links=[_link(remote_port=65536)]),
    ),
    row(
        "8",
        "command_line",
        post(
            CONTAINERS,
            {**CONTAINER, "command_line": ["sh", "-c", "true"]},
            201,
            answer={**CONTAINER_BODY, "command_line": ["sh", "-c", "true"]},
        ),
        _bad_container(command_line="sh"),
        _bad_container(command_line=["x" * 4097]),
        _bad_container(command_line=["x"] * 4097),
        differs="400: it came later.",
    ),
    row(
        "8",
        "health_check",
        post(
            CONTAINERS,
            {**CONTAINER, "health_check": _CHECK},
            201,
            answer={**CONTAINER_BODY, "health_check": _CHECK},
        ),
        _bad_container(health_check={}),
        _bad_container(health_check={"port": 80, "command": ["true"]}),
        differs="400: it is new.",
    ),
)

TYPES: tuple[Row, ...] = (*_DATASETS_OF_TYPES, *_CONTAINERS_OF_TYPES)
