"""A container as the user asked for it; each of its fields is declared here, a line or two each.

What a field says to users is described in its area, a module of
`flocker_lite.model.container_fields`; what it is to Docker, in the module of the same name of
`flocker_lite.containers.arguments`. The page "Add a field to a container" (docs/contributing.rst)
has all the steps.
"""

from __future__ import annotations

from dataclasses import KW_ONLY, dataclass, field

from pyrsistent import PMap, pmap

from flocker_lite.model.container_fields import (
    failover,
    files,
    identity,
    life,
    logs,
    network,
    networks,
    process,
    resources,
    secrets,
    security,
    switching,
)
from flocker_lite.model.container_fields.failover import Failover
from flocker_lite.model.container_fields.files import BindMount, Tmpfs, Volume
from flocker_lite.model.container_fields.identity import Membership
from flocker_lite.model.container_fields.life import HealthCheck, RestartPolicy
from flocker_lite.model.container_fields.logs import Logging
from flocker_lite.model.container_fields.network import Link, Port
from flocker_lite.model.container_fields.networks import Networks
from flocker_lite.model.container_fields.resources import Ulimit
from flocker_lite.model.container_fields.secrets import SecretFile
from flocker_lite.model.container_fields.switching import SwitchHook
from flocker_lite.model.identities import NodeId


@dataclass(frozen=True, slots=True)
class Ended:
    """How the last run of a container ended that its restart policy does not have run again.

    `finished_at` is in seconds since 1970; `times` is how many runs ended by themselves.
    """

    exit_code: int
    finished_at: float
    times: int = 1


@dataclass(frozen=True, slots=True)
class Container:
    """A container as the user asked for it; its identity is its name, unique in the cluster.

    `image` is always "repository:tag". Sizes are in bytes, `cpu_shares` is Docker's relative
    weight (1024 is the default share). `retry_generation` is how often a user asked to try again at
    once. `ended` is not the user's: it is how what he asked for has come to its end, wherever that
    was. Nor are the `secret_versions`: when each of its secrets was changed last
    (`model.secrets`).
    """

    name: str = field(metadata=identity.NAME)
    node: NodeId = field(metadata=identity.NODE)
    image: str = field(metadata=identity.IMAGE)
    ports: tuple[Port, ...] = field(default=(), metadata=network.PORTS)
    volumes: tuple[Volume, ...] = field(default=(), metadata=files.VOLUMES)
    _: KW_ONLY
    platform: str | None = field(default=None, metadata=identity.PLATFORM)
    labels: PMap[str, str] = field(default_factory=pmap, metadata=identity.LABELS)
    application: Membership | None = field(default=None, metadata=identity.APPLICATION)

    command_line: tuple[str, ...] | None = field(default=None, metadata=process.COMMAND_LINE)
    environment: PMap[str, str] = field(default_factory=pmap, metadata=process.ENVIRONMENT)
    entrypoint: tuple[str, ...] | None = field(default=None, metadata=process.ENTRYPOINT)
    user: str | None = field(default=None, metadata=process.USER)
    working_dir: str | None = field(default=None, metadata=process.WORKING_DIR)
    init: bool | None = field(default=None, metadata=process.INIT)
    tty: bool = field(default=False, metadata=process.TTY)
    stdin_open: bool = field(default=False, metadata=process.STDIN_OPEN)
    stop_signal: str | None = field(default=None, metadata=process.STOP_SIGNAL)
    stop_timeout_seconds: float = field(
        default=process.STOP_TIMEOUT_SECONDS, metadata=process.STOP_TIMEOUT
    )
    hostname: str | None = field(default=None, metadata=process.HOSTNAME)
    domainname: str | None = field(default=None, metadata=process.DOMAINNAME)

    cpu_shares: int | None = field(default=None, metadata=resources.CPU_SHARES)
    memory_limit: int | None = field(default=None, metadata=resources.MEMORY_LIMIT)
    memory_swap: int | None = field(default=None, metadata=resources.MEMORY_SWAP)
    memory_reservation: int | None = field(default=None, metadata=resources.MEMORY_RESERVATION)
    cpus: float | None = field(default=None, metadata=resources.CPUS)
    cpuset: str | None = field(default=None, metadata=resources.CPUSET)
    pids_limit: int | None = field(default=None, metadata=resources.PIDS_LIMIT)
    shm_size: int | None = field(default=None, metadata=resources.SHM_SIZE)
    ulimits: PMap[str, Ulimit] = field(default_factory=pmap, metadata=resources.ULIMITS)
    sysctls: PMap[str, str] = field(default_factory=pmap, metadata=resources.SYSCTLS)
    oom_score_adj: int | None = field(default=None, metadata=resources.OOM_SCORE_ADJ)
    blkio_weight: int | None = field(default=None, metadata=resources.BLKIO_WEIGHT)

    cap_add: tuple[str, ...] = field(default=(), metadata=security.CAP_ADD)
    cap_drop: tuple[str, ...] = field(default=(), metadata=security.CAP_DROP)
    security_opt: tuple[str, ...] = field(default=(), metadata=security.SECURITY_OPT)
    read_only: bool = field(default=False, metadata=security.READ_ONLY)
    group_add: tuple[str, ...] = field(default=(), metadata=security.GROUP_ADD)
    userns_mode: str | None = field(default=None, metadata=security.USERNS_MODE)
    privileged: bool = field(default=False, metadata=security.PRIVILEGED)
    devices: tuple[str, ...] = field(default=(), metadata=security.DEVICES)

    tmpfs: PMap[str, Tmpfs] = field(default_factory=pmap, metadata=files.TMPFS)
    bind_mounts: tuple[BindMount, ...] = field(default=(), metadata=files.BIND_MOUNTS)

    links: tuple[Link, ...] = field(default=(), metadata=network.LINKS)
    networks: Networks = field(default_factory=pmap, metadata=networks.NETWORKS)
    expose: tuple[str, ...] = field(default=(), metadata=network.EXPOSE)
    extra_hosts: tuple[str, ...] = field(default=(), metadata=network.EXTRA_HOSTS)
    dns: tuple[str, ...] = field(default=(), metadata=network.DNS)
    dns_search: tuple[str, ...] = field(default=(), metadata=network.DNS_SEARCH)

    restart_policy: RestartPolicy = field(default=RestartPolicy(), metadata=life.RESTART_POLICY)
    health_check: HealthCheck | None = field(default=None, metadata=life.HEALTH_CHECK)
    logging: Logging | None = field(default=None, metadata=logs.LOGGING)
    depends_on: PMap[str, str] = field(default_factory=pmap, metadata=life.DEPENDS_ON)
    failover: Failover | None = field(default=None, metadata=failover.FAILOVER)
    before_switch: SwitchHook | None = field(default=None, metadata=switching.BEFORE)
    after_switch: SwitchHook | None = field(default=None, metadata=switching.AFTER)
    running: bool = field(default=True, metadata=life.RUNNING)
    restart_generation: int = field(default=0, metadata=life.RESTART_GENERATION)

    environment_secret: PMap[str, str] = field(
        default_factory=pmap, metadata=secrets.ENVIRONMENT_SECRET
    )
    secrets: tuple[SecretFile, ...] = field(default=(), metadata=secrets.SECRETS)
    secret_versions: PMap[str, float] = field(default_factory=pmap)

    retry_generation: int = 0
    ended: Ended | None = None
