"""The keys of a service in a Compose file, and what says the same of a container here; pure.

A request that has one of them by its Compose name is told the right one; the table in
docs/containers.rst is made of this.
"""

from __future__ import annotations

from collections.abc import Mapping

from flocker_lite.model.container import Container
from flocker_lite.model.fields import Row, rows

WHERE = "docs/containers.rst, Compose files"
"""Where people find the whole table."""

OTHER_NAMES: Mapping[str, str] = {
    "command": "command_line",
    "container_name": "name",
    "external_links": "links",
    "healthcheck": "health_check",
    "mem_limit": "memory_limit",
    "mem_reservation": "memory_reservation",
    "memswap_limit": "memory_swap",
    "restart": "restart_policy",
    "stop_grace_period": "stop_timeout_seconds",
}
"""Keys that have another name here."""

_LIMITS = "say cpus, memory_limit and the like directly"
_CPU_TIME = "cpus says the same in one number"
_LOST = "it would not be there after a move"

REFUSED: Mapping[str, str] = {
    "annotations": "use labels",
    "attach": "docker attach works on the node that runs the container",
    "blkio_config": "use blkio_weight; limits of devices differ from node to node",
    "build": "images come from a registry: build and push it, then name it in image",
    "cgroup": "the container always has a control group namespace of its own",
    "cgroup_parent": "the node's administrator decides about control groups",
    "configs": "put the file into a dataset, or into the image",
    "cpu_count": "use cpus",
    "cpu_percent": "use cpus",
    "cpu_period": _CPU_TIME,
    "cpu_quota": _CPU_TIME,
    "cpu_rt_period": "real-time budgets belong to a node",
    "cpu_rt_runtime": "real-time budgets belong to a node",
    "credential_spec": "it is for Windows",
    "deploy": _LIMITS,
    "develop": "it is for a developer's machine",
    "device_cgroup_rules": "use devices",
    "dns_opt": "use dns and dns_search",
    "driver_opts": "it belongs to a volume or a network of Docker's",
    "env_file": "the file is on your machine: send its lines as environment",
    "extends": "the file is on your machine: send the fields themselves",
    "gpus": "a GPU stays at its node",
    "ipc": "the container always has an IPC namespace of its own",
    "isolation": "it is for Windows",
    "label_file": "the file is on your machine: send its lines as labels",
    "mac_address": "each node gives its own",
    "mem_swappiness": "the kernel of the node decides",
    "models": "run the model in a container of its own",
    "network_mode": "the container always has a network namespace of its own, and ports",
    "oom_kill_disable": "use oom_score_adj",
    "pid": "the container always has a PID namespace of its own",
    "post_start": "let the image's entrypoint do it",
    "pre_stop": "let the program do it when it gets its stop_signal",
    "profiles": "a container that is configured runs",
    "provider": "it is for Compose alone",
    "pull_policy": "the agent pulls what is not there, and what was named in configuration/images",
    "runtime": "the node's administrator decides about runtimes",
    "scale": "a container with data runs once: create several with names of their own",
    "storage_opt": "give the container a dataset with a maximum_size",
    "use_api_socket": "it would control its node's Docker",
    "uts": "the container always has a host name of its own",
    "volumes_from": f"name the datasets in volumes: a dataset has one user, and {_LOST} otherwise",
}
"""Keys that nothing says here, and what to do instead."""

SAME_NAMES = (
    *("cap_add", "cap_drop", "cpu_shares", "cpus", "cpuset", "depends_on", "devices", "dns"),
    "dns_search",
    *("domainname", "entrypoint", "environment", "expose", "extra_hosts", "group_add", "hostname"),
    *("image", "init", "labels", "links", "logging", "networks", "oom_score_adj", "pids_limit"),
    *(
        "platform",
        "ports",
        "privileged",
        "read_only",
        "security_opt",
        "shm_size",
        "stdin_open",
        "stop_signal",
    ),
    *("sysctls", "tmpfs", "tty", "ulimits", "user", "userns_mode", "volumes", "working_dir"),
)
"""Keys of the same name; where no field has it, nothing says it."""

KEYS = tuple(sorted({*OTHER_NAMES, *REFUSED, *SAME_NAMES}))


def name_here(key: str) -> str:
    """What the key would be called here."""
    return OTHER_NAMES.get(key, key)


def field_of(key: str) -> Row | None:
    """The field of a container that says the same; None when there is none."""
    name = name_here(key)
    return next((row for row in rows(Container) if row.name == name), None)


def advice(key: str) -> str:
    """What to do about one of the keys that no field is called by."""
    row = field_of(key)
    if row is not None:
        return f"it is called {row.name}"
    return REFUSED.get(key, "there is nothing like it")
