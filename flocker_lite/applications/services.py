"""A service of a Compose document as the request that creates its container; pure.

The request goes the usual way then: the schema of containers judges each field, and `origins` says
where in the document a field came from.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from flocker_lite.applications import (
    dependencies,
    deploying,
    health,
    keys,
    mounts,
    networks,
    ports,
    secrets,
    values,
)
from flocker_lite.applications.dependencies import Need
from flocker_lite.applications.faults import Findings, Path
from flocker_lite.applications.interpolation import Variables
from flocker_lite.applications.mounts import Mount
from flocker_lite.applications.values import Parse
from flocker_lite.model import compose


@dataclass(slots=True)
class Service:
    """A service: its container's name and the fields of its request, but for host and volumes.

    `origins` leads from a field to where the document says it; what is within an `exact` field is
    at the same place within that. `needs` are the services that it depends on. `host` is
    None where the document does not say it. `replicas` are those that the datasets of its named
    volumes are to have, as a request says them; None leaves them as they are.
    """

    name: str
    container: str
    fields: dict[str, Any] = field(default_factory=dict)
    mounts: list[Mount] = field(default_factory=list)
    host: str | None = None
    replicas: Mapping[str, Any] | None = None
    needs: dict[str, Need] = field(default_factory=dict)
    origins: dict[str, Path] = field(default_factory=dict)
    exact: set[str] = field(default_factory=set)

    def put(self, name: str, value: Any, path: Path, given: Any = None) -> None:
        """Set a field of the request, unless there is nothing to say; `given` is what it was."""
        if value is None or value in ([], {}):
            return
        self.fields[name] = value
        self.origins[name] = path
        if isinstance(value, dict | list) and type(given) is type(value):
            self.exact.add(name)


@dataclass(frozen=True, slots=True)
class Surroundings:
    """What a service needs of its document: the application, variables, networks and secrets."""

    application: str
    variables: Variables
    networks: Mapping[str, str]
    secrets: Mapping[str, str]


def _swap(value: Any, path: Path, findings: Findings) -> Any:
    return -1 if value in ("-1", -1) else value


def _ulimits(value: Any, path: Path, findings: Findings) -> dict[str, Any]:
    """One number, or the soft and the hard limit; each may be a text."""
    given = values.object_of(value, path, findings)
    return {
        name: {key: values.number(of, path, findings) for key, of in each.items()}
        if isinstance(each, dict)
        else values.number(each, path, findings)
        for name, each in given.items()
    }


def _extra_hosts(value: Any, path: Path, findings: Findings) -> list[str]:
    if not isinstance(value, dict):
        return values.texts(value, path, findings)
    return [
        f"{name}={address}"
        for name, several in value.items()
        for address in values.one_or_more(several, (*path, name), findings)
    ]


def _logging(value: Any, path: Path, findings: Findings) -> dict[str, Any]:
    given = dict(values.object_of(value, path, findings))
    if "options" in given:
        given["options"] = values.pairs(given["options"] or {}, (*path, "options"), findings)
    return given


def _restart(value: Any, path: Path, findings: Findings) -> Any:
    # YAML 1.1 takes a bare `no` for false.
    return "no" if value is False else value


def _devices(value: Any, path: Path, findings: Findings) -> list[str]:
    """In the short form, or as objects."""
    if not isinstance(value, list):
        return values.texts(value, path, findings)
    return values.texts([_device(each) for each in value], path, findings)


def _device(given: Any) -> Any:
    if not isinstance(given, dict):
        return given
    parts = (given.get("source"), given.get("target"), given.get("permissions"))
    return ":".join(str(part) for part in parts if part is not None)


FIELDS: Mapping[str, Parse] = {
    "cap_add": values.texts,
    "cap_drop": values.texts,
    "command": values.words,
    "cpu_shares": values.number,
    "cpus": values.number,
    "cpuset": values.text,
    "devices": _devices,
    "dns": values.one_or_more,
    "dns_search": values.one_or_more,
    "domainname": values.text,
    "entrypoint": values.words,
    "expose": values.texts,
    "extra_hosts": _extra_hosts,
    "group_add": values.texts,
    "healthcheck": health.translated,
    "hostname": values.text,
    "image": values.text,
    "init": values.truth,
    "labels": values.pairs,
    "logging": _logging,
    "mem_limit": values.same,
    "mem_reservation": values.same,
    "memswap_limit": _swap,
    "oom_score_adj": values.number,
    "pids_limit": values.number,
    "platform": values.text,
    "ports": ports.parsed,
    "privileged": values.truth,
    "read_only": values.truth,
    "restart": _restart,
    "security_opt": values.texts,
    "shm_size": values.same,
    "stdin_open": values.truth,
    "stop_grace_period": health.duration,
    "stop_signal": values.text,
    "sysctls": values.pairs,
    "tmpfs": mounts.tmpfs,
    "tty": values.truth,
    "ulimits": _ulimits,
    "user": values.text,
    "userns_mode": values.text,
    "working_dir": values.text,
}
"""The keys that become a field of the container by themselves, and how."""

_Put = Callable[[Service, Any, Path, Surroundings, Findings], None]


def _environment(
    service: Service, value: Any, path: Path, around: Surroundings, findings: Findings
) -> None:
    found = values.environment(value, path, findings, around.variables)
    service.put("environment", found, path, value)


def _volumes(
    service: Service, value: Any, path: Path, around: Surroundings, findings: Findings
) -> None:
    found = mounts.parsed(value, path, findings)
    service.mounts = found.volumes
    service.put("bind_mounts", found.bind_mounts, path)
    if found.tmpfs:
        service.put("tmpfs", {**service.fields.get("tmpfs", {}), **found.tmpfs}, path)


def _networks(
    service: Service, value: Any, path: Path, around: Surroundings, findings: Findings
) -> None:
    found = networks.of_service(value, service.name, around.networks, path, findings)
    service.put("networks", found, path)


def _deploy(
    service: Service, value: Any, path: Path, around: Surroundings, findings: Findings
) -> None:
    for name, each in deploying.translated(value, path, findings).items():
        if name in service.fields and name != "restart_policy":
            findings.fault(path, f"{name} is given twice: here, and at the service")
        service.put(name, each, path)


def _secrets(
    service: Service, value: Any, path: Path, around: Surroundings, findings: Findings
) -> None:
    service.put("secrets", secrets.of_service(value, around.secrets, path, findings), path, value)


def _depends_on(
    service: Service, value: Any, path: Path, around: Surroundings, findings: Findings
) -> None:
    service.needs = dependencies.parsed(value, path, findings)


def _pull_policy(
    service: Service, value: Any, path: Path, around: Surroundings, findings: Findings
) -> None:
    if value not in ("missing", "if_not_present"):
        findings.fault(path, "the agent pulls images that its node lacks, as with missing")


def _ours(
    service: Service, value: Any, path: Path, around: Surroundings, findings: Findings
) -> None:
    given = values.object_of(value, path, findings)
    keys.check(given, keys.SERVICE_OURS, {}, path, findings)
    if "host" in given:
        service.host = values.text(given["host"], (*path, "host"), findings)
    for key in ("failover", "health_check"):
        service.put(key, given.get(key), (*path, key), given.get(key))
    if given.get("replicas") is not None:
        at = (*path, "replicas")
        service.replicas = values.object_of(given["replicas"], at, findings)
        service.origins["replicas"] = at
        service.exact.add("replicas")


PUTS: Mapping[str, _Put] = {
    "depends_on": _depends_on,
    "deploy": _deploy,
    "environment": _environment,
    "networks": _networks,
    "pull_policy": _pull_policy,
    "secrets": _secrets,
    "volumes": _volumes,
    keys.OURS: _ours,
}
"""The keys that become several fields, or that need what is around the service."""

KEYS = (*FIELDS, *PUTS, "container_name", "profiles")


def translated(
    name: str, given: Mapping[str, Any], around: Surroundings, findings: Findings
) -> Service:
    """The service of this name; what is wrong with it is among the findings."""
    path: Path = ("services", name)
    keys.check(given, KEYS, keys.SERVICE_REFUSED, path, findings)
    called = given.get("container_name")
    service = Service(name, called if isinstance(called, str) else f"{around.application}-{name}")
    service.origins["name"] = path if called is None else (*path, "container_name")
    if "image" not in given and "build" not in given:
        findings.fault((*path, "image"), "image is missing")
    for key, parse in FIELDS.items():
        if given.get(key) is not None:
            at = (*path, key)
            value = parse(given[key], at, findings)
            service.put(compose.name_here(key), value, at, given[key])
    for key, put in PUTS.items():
        # Each service is in a network, also one that does not say it.
        if given.get(key) is not None or key == "networks":
            put(service, given.get(key), (*path, key), around, findings)
    service.put("application", {"name": around.application, "service": name}, path)
    return service
