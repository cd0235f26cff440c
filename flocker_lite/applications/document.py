"""A whole Compose document as an application: its services, and its volumes' datasets; pure."""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from typing import Any

from flocker_lite.applications import dependencies, keys, networks, secrets, services, values
from flocker_lite.applications.faults import Findings, Path
from flocker_lite.applications.interpolation import Variables, interpolated
from flocker_lite.applications.services import Service, Surroundings
from flocker_lite.model.container_fields.identity import SERVICE_NAME

SERVICES_MAX = 256
ALL_PROFILES = "*"
_APART = (
    "{one} does not wait for {other}, which may be on another node: the order of start that "
    "depends_on says is kept within a node"
)
_SERVICE_NAME = re.compile(SERVICE_NAME["pattern"])


@dataclass(frozen=True, slots=True)
class NamedVolume:
    """A volume of the document, and the name of its dataset; an `external` one is there already."""

    key: str
    dataset_name: str
    external: bool = False


@dataclass(frozen=True, slots=True)
class Application:
    """What a Compose document asks for under one name."""

    name: str
    services: tuple[Service, ...]
    volumes: Mapping[str, NamedVolume]
    notes: tuple[str, ...] = ()


def translated(
    document: Mapping[str, Any],
    name: str,
    variables: Variables,
    profiles: Collection[str] = (),
) -> tuple[Application, Findings]:
    """The application that a document describes, and what is wrong with it.

    `profiles` are the active ones; ALL_PROFILES stands for each. With faults, the application is
    incomplete.
    """
    findings = Findings()
    document = interpolated(document, variables, findings)
    keys.check(document, (*keys.DOCUMENT_KEYS, keys.OURS), keys.DOCUMENT_REFUSED, (), findings)
    around = Surroundings(
        name,
        variables,
        networks.declared(document.get("networks"), name, ("networks",), findings),
        secrets.declared(document.get("secrets"), ("secrets",), findings),
    )
    found = _services(document, around, profiles, findings)
    without_host = [service for service in found if not service.host]
    host = _host(document, findings) if without_host else None
    for service in without_host:
        service.host = host
    volumes = _volumes(document.get("volumes"), name, findings)
    _check_mounts(found, volumes, findings)
    dependencies.check({service.name: service.needs for service in found}, findings)
    _put_needs(found, findings)
    used = {mount.volume for service in found for mount in service.mounts}
    wanted = {key: each for key, each in volumes.items() if key in used}
    return Application(name, tuple(found), wanted, tuple(findings.notes)), findings


def _services(
    document: Mapping[str, Any],
    around: Surroundings,
    profiles: Collection[str],
    findings: Findings,
) -> list[Service]:
    given = values.object_of(document.get("services"), ("services",), findings)
    found: list[Service] = []
    for name, each in given.items():
        path: Path = ("services", name)
        if not _SERVICE_NAME.match(name):
            findings.fault(path, f"{name} is not {SERVICE_NAME['x-words']}")
        service = values.object_of(each, path, findings)
        wanted = values.texts(service.get("profiles") or [], (*path, "profiles"), findings)
        if wanted and ALL_PROFILES not in profiles and not set(wanted) & set(profiles):
            findings.note(f"{name} is left out: its profiles are {', '.join(wanted)}")
            continue
        found.append(services.translated(name, service, around, findings))
    if not found and not findings.faults:
        findings.fault(("services",), "there is no service")
    if len(found) > SERVICES_MAX:
        findings.fault(("services",), f"there are {len(found)}; {SERVICES_MAX} are possible")
    _check_names(found, findings)
    return found


def _check_names(found: Collection[Service], findings: Findings) -> None:
    by_name: dict[str, str] = {}
    for service in found:
        other = by_name.setdefault(service.container, service.name)
        if other != service.name:
            text = f"the container of {other} is called {service.container} as well"
            findings.fault(service.origins["name"], text)


def _put_needs(found: Collection[Service], findings: Findings) -> None:
    """What each service waits for, by the names of containers."""
    by_name = {service.name: service for service in found}
    for service in found:
        others = [by_name[name] for name in service.needs if name in by_name]
        needs = {other.container: service.needs[other.name].condition for other in others}
        service.put("depends_on", needs, ("services", service.name, "depends_on"))
        for other in others:
            if service.host != other.host:
                findings.note(_APART.format(one=service.name, other=other.name))


def _host(document: Mapping[str, Any], findings: Findings) -> str | None:
    path: Path = (keys.OURS,)
    given = values.object_of(document.get(keys.OURS), path, findings)
    keys.check(given, keys.DOCUMENT_OURS, keys.DOCUMENT_OURS_REFUSED, path, findings)
    return values.text(given["host"], (*path, "host"), findings) if "host" in given else None


def _volumes(value: Any, application: str, findings: Findings) -> dict[str, NamedVolume]:
    found: dict[str, NamedVolume] = {}
    for key, about in values.object_of(value, ("volumes",), findings).items():
        path: Path = ("volumes", key)
        given = values.object_of(about, path, findings)
        keys.check(given, keys.VOLUME_KEYS, keys.VOLUME_REFUSED, path, findings)
        if given.get("driver", "local") not in ("local", "flocker"):
            findings.fault((*path, "driver"), "the data of a volume is in a dataset: leave it out")
        external = networks.is_external(given)
        own = key if external else f"{application}_{key}"
        found[key] = NamedVolume(key, values.as_text(given.get("name")) or own, external)
    return found


def _check_mounts(
    found: Collection[Service], volumes: Mapping[str, NamedVolume], findings: Findings
) -> None:
    users: dict[str, str] = {}
    for service in found:
        if service.replicas is not None and not service.mounts:
            findings.fault(
                service.origins["replicas"],
                "replicas are those of named volumes, and this service has none: leave them out",
            )
        for mount in service.mounts:
            if mount.volume not in volumes:
                text = f"there is no volume {mount.volume}: declare it at the top, in volumes"
                findings.fault(mount.path, text)
                continue
            user = users.setdefault(mount.volume, service.name)
            if user != service.name:
                findings.fault(
                    mount.path,
                    f"the volume {mount.volume} is that of {user} already: a dataset belongs to "
                    "one container, which may be on another node. Let one service have it, and the "
                    "other ask it over the network",
                )
            elif any(
                mount.volume == other.volume and mount is not other for other in service.mounts
            ):
                findings.fault(mount.path, f"the volume {mount.volume} is named twice")
