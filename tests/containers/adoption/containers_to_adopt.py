"""Random containers with all the fields that Docker can tell us of, and images for them."""

from __future__ import annotations

from typing import Any

from hypothesis import strategies as st
from pyrsistent import pmap

from flocker_lite.model.container_fields.files import BindMount, Tmpfs
from flocker_lite.model.container_fields.logs import Logging
from flocker_lite.model.container_fields.resources import Ulimit
from flocker_lite.model.records import Container, Port, Volume

NOT_TOLD = {
    "node": "a request says it",
    "application": "says which containers go together; Docker is not told",
    "depends_on": "the agents wait; Docker is not told",
    "links": "to Docker they are variables and names of hosts, which stay",
    "restart_policy": "the agent carries it out; Docker gets none",
    "health_check": "the agent carries it out; Docker gets none",
    "before_switch": "the agent runs it when the container moves",
    "after_switch": "the agent runs it when the container has moved",
    "failover": "the control service carries it out",
    "running": "a container is created before it is started",
    "restart_generation": "counts what was asked for",
    "environment_secret": "to Docker they are variables, whose values stay",
    "secrets": "to Docker they are files of the node",
}
"""The fields that Docker is not told of, and why; tests of their own say what becomes of them."""

WORDS = st.text("abcXYZ09 =:/'\"\N{SNOWMAN}", min_size=1, max_size=8)
NAMES = st.text("abcdefg", min_size=1, max_size=8)
SIZES = st.integers(6 * 2**20, 2**40)
DATASETS = st.sampled_from(["d1", "d2", "d3"])
BINDS = {name: f"/flocker/{name}" for name in ("d1", "d2", "d3")}
HOST_PATHS = st.sampled_from(["/srv/web", "/opt/app", "/home/someone"])


def maps(keys: st.SearchStrategy[str], values: st.SearchStrategy[Any]) -> Any:
    """Maps of a few entries."""
    return st.dictionaries(keys, values, max_size=3).map(pmap)


def some(of: st.SearchStrategy[Any]) -> Any:
    """A few different ones, as a tuple."""
    return st.lists(of, max_size=3, unique=True).map(tuple)


PORTS = st.lists(
    st.builds(
        Port,
        st.integers(1, 65535),
        st.integers(1, 65535),
        st.sampled_from(["tcp", "udp"]),
        st.none() | st.sampled_from(["127.0.0.1", "10.0.0.1"]),
    ),
    max_size=3,
    unique_by=lambda port: port.key,
).map(lambda ports: tuple(sorted(ports, key=lambda port: (port.external, port.protocol))))
ULIMITS = st.integers(-1, 10**6).map(lambda number: Ulimit(number, number))
LOGGINGS = st.one_of(
    st.none(),
    st.builds(Logging, st.just("journald"), maps(NAMES, WORDS)),
    st.builds(
        Logging, st.just("json-file"), st.just(pmap({"max-size": "50m"})) | st.just(pmap({"x": ""}))
    ),
)
TMPFS = st.builds(
    Tmpfs, st.none() | st.integers(4096, 2**40), some(st.sampled_from(["exec", "mode=1777", "ro"]))
)


@st.composite
def containers(draw: st.DrawFn) -> Container:
    """A container as a user may have asked for it, and its paths used once each."""
    where = draw(st.permutations(["/data", "/var/lib/db", "/srv/www", "/cache", "/run/x", "/t"]))
    ports = draw(PORTS)
    published = {f"{port.internal}/{port.protocol}" for port in ports}
    exposed = draw(some(st.sampled_from(["9", "17/udp"])))
    entrypoint = draw(st.none() | st.lists(WORDS, min_size=1, max_size=2).map(tuple))
    memory = draw(st.none() | SIZES)
    name = draw(NAMES)
    return Container(
        name=name,
        node="a",
        image="redis:latest",
        ports=ports,
        volumes=draw(
            st.lists(st.builds(Volume, DATASETS, st.just(where[0])), max_size=1).map(tuple)
        ),
        platform=draw(st.none() | st.just("linux/arm64")),
        labels=draw(maps(NAMES, WORDS)),
        command_line=draw(st.none() | st.lists(WORDS, min_size=1, max_size=3).map(tuple)),
        environment=draw(maps(NAMES, WORDS)),
        entrypoint=entrypoint,
        user=draw(st.none() | st.just("1000:100")),
        working_dir=draw(st.none() | st.just("/srv")),
        init=draw(st.none() | st.booleans()),
        tty=draw(st.booleans()),
        stdin_open=draw(st.booleans()),
        stop_signal=draw(st.none() | st.just("SIGINT")),
        stop_timeout_seconds=draw(st.integers(0, 86_400).map(float)),
        hostname=draw(st.none() | st.just("db-host")),
        domainname=draw(st.none() | st.just("example.org")),
        cpu_shares=draw(st.none() | st.integers(2, 1024)),
        memory_limit=memory,
        # Docker says twice the memory when nobody said it.
        memory_swap=None if memory is None else draw(st.sampled_from([None, -1, memory + 4096])),
        memory_reservation=draw(st.none() | st.just(6 * 2**20)),
        cpus=draw(st.none() | st.integers(1, 10_000).map(lambda number: number / 100)),
        cpuset=draw(st.none() | st.just("0-2,4")),
        pids_limit=draw(st.none() | st.integers(1, 2**22)),
        shm_size=draw(st.none() | st.just(2**20)),
        ulimits=draw(maps(st.sampled_from(["nofile", "nproc"]), ULIMITS)),
        sysctls=draw(maps(st.just("net.core.somaxconn"), st.just("1024"))),
        oom_score_adj=draw(st.none() | st.integers(1, 1000)),
        blkio_weight=draw(st.none() | st.integers(10, 1000)),
        cap_add=draw(some(st.sampled_from(["NET_ADMIN", "CHOWN"]))),
        cap_drop=draw(some(st.sampled_from(["ALL", "KILL"]))),
        security_opt=draw(some(st.sampled_from(["no-new-privileges", "apparmor=unconfined"]))),
        read_only=draw(st.booleans()),
        group_add=draw(some(st.sampled_from(["44", "video"]))),
        userns_mode=draw(st.none() | st.just("host")),
        privileged=draw(st.booleans()),
        devices=draw(some(st.sampled_from(["/dev/kvm", "/dev/sda:/dev/xvda:r", "/dev/null:rw"]))),
        tmpfs=draw(maps(st.just(where[1]), TMPFS)),
        bind_mounts=draw(
            st.lists(
                st.builds(BindMount, HOST_PATHS, st.just(where[2]), st.just(True)), max_size=1
            ).map(tuple)
        ),
        networks=draw(maps(st.sampled_from(["front", "back"]), some(st.just("alias")))),
        expose=tuple(key for key in exposed if docker_key(key) not in published),
        extra_hosts=draw(some(st.sampled_from(["db:10.0.0.1", "node:host-gateway"]))),
        dns=draw(some(st.sampled_from(["10.0.0.53", "fd00::53"]))),
        dns_search=draw(some(st.sampled_from(["example.org", "."]))),
        logging=draw(LOGGINGS),
    )


def docker_key(key: str) -> str:
    """A port's key as Docker writes it."""
    return key if "/" in key else f"{key}/tcp"


IMAGE_CONFIGS = st.fixed_dictionaries(
    {},
    optional={
        "Env": st.dictionaries(NAMES, WORDS, max_size=3).map(
            lambda found: [f"{key}={value}" for key, value in found.items()]
        ),
        "Cmd": st.lists(WORDS, min_size=1, max_size=2),
        "Entrypoint": st.lists(WORDS, min_size=1, max_size=2),
        "User": st.just("1000:100") | st.just("other"),
        "WorkingDir": st.just("/srv") | st.just("/elsewhere"),
        "Labels": st.dictionaries(NAMES, WORDS, max_size=3),
        "ExposedPorts": st.just({"9/tcp": {}}),
        "StopSignal": st.just("SIGINT") | st.just("SIGQUIT"),
    },
)
